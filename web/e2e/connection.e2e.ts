import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { unreliable, type Weather } from "./network";
import { openBrowser, Somebody } from "./people";
import { Server } from "./server";

/** As the page promises, and room for a busy machine. */
const LOST_MS = 10_000 + 3_000;
const BACK_MS = 2_000 + 3_000;

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

/** What a person reads of the connection and of their own sharing. */
function says(somebody: Somebody, connection: string, sharing: string, timeout: number) {
  const { page } = somebody;
  return Promise.all([
    page.locator(".connection", { hasText: connection }).waitFor({ timeout }),
    page.locator(".sharing-title", { hasText: sharing }).waitFor({ timeout }),
  ]);
}

const isGone = (somebody: Somebody) =>
  says(somebody, "No connection", "The others do not see you now", LOST_MS);
const isBack = (somebody: Somebody, timeout = LOST_MS) => says(somebody, "Live", "You are sharing", timeout);

describe("a network that lets no WebSocket through", () => {
  it("is told of, shared and seen through, and left once WebSockets get through", {
    timeout: 120_000,
  }, async () => {
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
      expect(await ada.page.locator(".sharing").getAttribute("data-state"), way).toBe("interrupted");
      network.turn("open");
      await isBack(ada, 20_000);
    }
    network.turn("slow");
    await ada.moveTo(3);
    await ada.page.locator('.connection[data-state="online"]').waitFor();
    network.turn("open");
    await isBack(ada);
  }, 180_000);

  it("follows the browser's word at once, and the network is used as soon as it is there", async () => {
    const ada = await arrive();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    // Frozen as well: the browser in the test keeps an open WebSocket going while it calls itself offline.
    network.turn("frozen");
    await ada.context.setOffline(true);
    await says(ada, "No connection", "The others do not see you now", 2_000);
    network.turn("open");
    await ada.context.setOffline(false);
    await isBack(ada, BACK_MS);
  });

  it("is looked at anew when the page is shown again", async () => {
    const ada = await arrive();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    await ada.turnAway();
    network.turn("frozen");
    await ada.turnBack();
    await isGone(ada);
  });

  it("is right when the page is opened over a line that never answers", async () => {
    const ada = await arrive();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await ada.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    network.turn("hanging");
    await ada.page.reload();
    await ada.page.locator(".connection", { hasText: "No connection" }).waitFor({ timeout: 30_000 });
    network.turn("open");
    await isBack(ada, 30_000);
  });
});
