import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { type NetworkState, unreliableNetwork } from "./network";
import { openBrowser, Person } from "./person";
import { Server } from "./server";

let browser: Browser;
let server: Server;
let network: Awaited<ReturnType<typeof unreliableNetwork>>;
let people: Person[];

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
  network = await unreliableNetwork(server.port);
});
afterEach(async () => {
  for (const { context } of people) await context.close();
  await network.close();
});

async function openPerson(): Promise<Person> {
  const person = await Person.open(browser);
  people.push(person);
  return person;
}

const DEVICE_REPORTS_MS = 15_000;
const GONE = [en.offline, en.sharing.interrupted[0]] as const;
const BACK = ["Live", "You are sharing"] as const;

/** The displayed state of the connection and of sharing. `connection.test.ts` checks the timing. */
function says({ page }: Person, [connection, sharing]: typeof GONE | typeof BACK) {
  return Promise.all([
    page.locator(".connection", { hasText: connection }).waitFor(),
    page.locator(".sharing-title", { hasText: sharing }).waitFor(),
  ]);
}

const isGone = (person: Person) => says(person, GONE);

/** The emulated device reports only when it moves, and a position of 30 s ago is old: on a busy machine it has to move. */
async function isBack(person: Person) {
  let place = 0;
  const moving = setInterval(() => void person.moveTo(++place % 2), DEVICE_REPORTS_MS);
  try {
    await says(person, BACK);
  } finally {
    clearInterval(moving);
  }
}

/** The displayed state this long after an event, by the page's own clock, which is late on a busy machine like the page. */
async function readAfter({ page }: Person, event: string, ms: number): Promise<() => Promise<string[]>> {
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

describe("a network that blocks WebSockets", () => {
  it("is reported, works with long polling, and uses WebSockets once they work", async () => {
    const ada = await openPerson();
    network.set("no_websockets");
    const link = await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    const slower = ada.page.getByText("This network blocks live connections");
    await slower.waitFor();
    const ben = await openPerson();
    await ben.join("Ben", link.replace(network.url, server.url));
    await ada.sees("Ben", "now");
    await ben.sees("Ada", "now");

    network.set("open");
    await ada.page.evaluate(() => window.dispatchEvent(new Event("online")));
    await slower.waitFor({ state: "hidden" });
    await isBack(ada);
  });
});

describe("the state of the connection", () => {
  it("is right for each kind of dead connection, and recovers", async () => {
    const ada = await openPerson();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    const ways: NetworkState[] = ["cut", "frozen", "hanging", "portal"];
    for (const way of ways) {
      network.set(way);
      await isGone(ada);
      await expect
        .poll(() => ada.page.locator(".sharing").getAttribute("data-state"), { message: way })
        .toBe("interrupted");
      network.set("open");
      await isBack(ada);
    }
    network.set("slow");
    await ada.moveTo(3);
    await ada.page.locator('.connection[data-state="online"]').waitFor();
    network.set("open");
    await isBack(ada);
  });

  it("follows the browser's offline and online events at once", async () => {
    const ada = await openPerson();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    // Frozen as well: the browser in the test keeps an open WebSocket going while it calls itself offline.
    network.set("frozen");
    // Before the 5 s of silence after which the page would find out by itself.
    const read = await readAfter(ada, "offline", 3_000);
    await ada.context.setOffline(true);
    expect(await read()).toEqual(GONE);
    network.set("open");
    const opened = ada.page.waitForEvent("websocket");
    await ada.context.setOffline(false);
    await opened;
    await isBack(ada);
  });

  it("is checked when the page is shown again", async () => {
    const ada = await openPerson();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await isBack(ada);
    await ada.hidePage();
    network.set("frozen");
    // Before the 25 s after which the page would have asked in the background.
    const read = await readAfter(ada, "visibilitychange", 15_000);
    await ada.showPage();
    expect(await read()).toEqual(GONE);
  });

  it("is right when the page is opened over a network that never answers", async () => {
    const ada = await openPerson();
    await ada.startSession(network.url);
    await ada.join("Ada");
    await ada.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    network.set("hanging");
    await ada.page.reload();
    await ada.page.locator(".connection", { hasText: "No connection" }).waitFor();
    network.set("open");
    await isBack(ada);
  });
});
