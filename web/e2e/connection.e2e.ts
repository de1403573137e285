import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { unreliable, type Weather } from "./network";
import { openBrowser, Somebody } from "./people";
import { Server } from "./server";

let browser: Browser;
let server: Server;
let network: Awaited<ReturnType<typeof unreliable>>;
let people: Somebody[];

beforeAll(async () => {
  browser = await openBrowser();
  server = await Server.start();
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});
beforeEach(async () => {
  people = [];
  network = await unreliable(server.port);
});
afterEach(async () => {
  for (const { context } of people) await context.close();
  await network.close();
});

async function arrive(): Promise<Somebody> {
  const somebody = await Somebody.arrive(browser);
  people.push(somebody);
  return somebody;
}

const GONE = [en.offline, en.sharing.interrupted[0]] as const;
const BACK = ["Live", "You are sharing"] as const;

/** What a person reads of the connection and of their own sharing. How soon, `connection.test.ts` holds to the clock. */
function says({ page }: Somebody, [connection, sharing]: typeof GONE | typeof BACK) {
  return Promise.all([
    page.locator(".connection", { hasText: connection }).waitFor(),
    page.locator(".sharing-title", { hasText: sharing }).waitFor(),
  ]);
}

const isGone = (somebody: Somebody) => says(somebody, GONE);
const isBack = (somebody: Somebody) => says(somebody, BACK);

/** What a person reads so long after an event, by the clock of the page: on a busy machine it is late as the page is. */
async function readAfter({ page }: Somebody, event: string, ms: number): Promise<() => Promise<string[]>> {
  await page.evaluate(
    ([event, ms]) => {
      const read = () =>
        [".connection", ".sharing-title"].map((name) => document.querySelector(name)?.textContent);
      const texts = new Promise((resolve) => {
        window.addEventListener(event, () => setTimeout(() => resolve(read()), ms), { once: true });
      });
      Object.assign(globalThis, { texts });
    },
    [event, ms] as const,
  );
  return () => page.evaluate(() => (globalThis as unknown as { texts: Promise<string[]> }).texts);
}

describe("a network that lets no WebSocket through", () => {
  it("is told of, shared and seen through, and left once WebSockets get through", async () => {
    const ada = await arrive();
    network.turn("no_websockets");
    const link = await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    const slower = ada.page.getByText("This network blocks live connections");
    await slower.waitFor();
    const ben = await arrive();
    await ben.join("Ben", link.replace(network.url, server.url));
    await ada.sees("Ben", "now");
    await ben.sees("Ada", "now");

    network.turn("open");
    await ada.page.evaluate(() => window.dispatchEvent(new Event("online")));
    await slower.waitFor({ state: "hidden" });
    await isBack(ada);
  });
});

describe("the state of the connection", () => {
  it("is right in each way in which a connection can die, and comes back", async () => {
    const ada = await arrive();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    const ways: Weather[] = ["cut", "frozen", "hanging", "portal"];
    for (const way of ways) {
      network.turn(way);
      await isGone(ada);
      await expect
        .poll(() => ada.page.locator(".sharing").getAttribute("data-state"), { message: way })
        .toBe("interrupted");
      network.turn("open");
      await isBack(ada);
    }
    network.turn("slow");
    await ada.moveTo(3);
    await ada.page.locator('.connection[data-state="online"]').waitFor();
    network.turn("open");
    await isBack(ada);
  });

  it("follows the browser's word at once, and the network is used as soon as it is there", async () => {
    const ada = await arrive();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    // Frozen as well: the browser in the test keeps an open WebSocket going while it calls itself offline.
    network.turn("frozen");
    // Before the 5 s of silence after which the page would find out by itself.
    const read = await readAfter(ada, "offline", 3_000);
    await ada.context.setOffline(true);
    expect(await read()).toEqual(GONE);
    network.turn("open");
    const opened = ada.page.waitForEvent("websocket");
    await ada.context.setOffline(false);
    await opened;
    await isBack(ada);
  });

  it("is looked at anew when the page is shown again", async () => {
    const ada = await arrive();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    await ada.turnAway();
    network.turn("frozen");
    // Before the 25 s after which the page would have asked in the background.
    const read = await readAfter(ada, "visibilitychange", 15_000);
    await ada.turnBack();
    expect(await read()).toEqual(GONE);
  });

  it("is right when the page is opened over a line that never answers", async () => {
    const ada = await arrive();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await ada.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    network.turn("hanging");
    await ada.page.reload();
    await ada.page.locator(".connection", { hasText: "No connection" }).waitFor();
    network.turn("open");
    await isBack(ada);
  });
});
