import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { mapServer, unreliableNetwork } from "./network";
import { openBrowser, Person } from "./person";
import { Server } from "./server";

let browser: Browser;
let server: Server;
let people: Person[];

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());

beforeEach(async () => {
  people = [];
  server = await Server.start();
});
afterEach(async () => {
  for (const { context } of people) await context.close();
  await server.stop();
});

async function openPerson(
  ...options: Parameters<typeof Person.open> extends [Browser, ...infer Rest] ? Rest : never
) {
  const person = await Person.open(browser, ...options);
  people.push(person);
  return person;
}

/** Ada has started a session, Ben has joined it, and each sees the other. */
async function twoPeople(url = server.url) {
  const ada = await openPerson({ place: 0 });
  const link = await ada.startSession(url);
  await ada.join("Ada");
  const ben = await openPerson({ place: 3 });
  await ben.join("Ben", link);
  await ada.sees("Ben", "now");
  await ben.sees("Ada", "now");
  return { ada, ben, link };
}

describe("two people", () => {
  it("see each other on the map and in the list", async () => {
    const { ada, ben } = await twoPeople();
    await ada.sees("Ben", "300 m");
    await ben.sees("Ada", "300 m");
    await ada.marker("Ben").waitFor();
    await ben.marker("Ada").waitFor();
    await ben.moveTo(5);
    await ada.sees("Ben", "500 m");
    expect([...ada.consoleErrors, ...ben.consoleErrors]).toEqual([]);
  });

  it("do not see a watcher in the list or on the map", async () => {
    const { ada, ben, link } = await twoPeople();
    const watcher = await openPerson({ place: null });
    await watcher.page.addInitScript(() => {
      navigator.geolocation.watchPosition = () => {
        throw new Error("The location was asked for.");
      };
    });
    await watcher.watch(link);
    await watcher.sees("Ada", "now");
    await watcher.sees("Ben", "now");
    await watcher.marker("Ben").waitFor();
    await ben.moveTo(4);
    await ada.sees("Ben", "400 m");
    await expect.poll(() => ada.page.locator(".person").count()).toBe(2);
    expect(watcher.consoleErrors).toEqual([]);
  });

  it("keep their membership after a reload", async () => {
    const { ada, ben } = await twoPeople();
    await ben.page.reload();
    await ben.isLive();
    await ben.sees("Ada", "300 m");
    await ben.moveTo(6);
    await ada.sees("Ben", "600 m");
    await expect.poll(() => ada.page.locator(".person").count()).toBe(2);
  });

  it("return without sharing when the link is opened another time", async () => {
    const { ada, ben, link } = await twoPeople();
    await ben.page.close();
    const page = await ben.context.newPage();
    await page.goto(link);
    await page.getByText("You are not sharing").waitFor();
    await ada.sees("Ben", "not sharing");
    await expect.poll(() => ada.page.locator(".person").count()).toBe(2);
  });
});

describe("sharing", () => {
  it("pauses, resumes and stops at once for everyone", async () => {
    const { ada, ben } = await twoPeople();
    await ben.press("Pause");
    await ada.sees("Ben", "paused");
    await ada.marker("Ben").waitFor({ state: "detached" });
    await ben.press("Resume");
    await ada.sees("Ben", "now");
    await ben.press("Stop");
    await ada.sees("Ben", "not sharing");
    await ada.marker("Ben").waitFor({ state: "detached" });
    await ben.press("Share my location");
    await ada.sees("Ben", "now");
  });

  it("shows that the page is in the background", async () => {
    const { ada, ben } = await twoPeople();
    await ben.hidePage();
    await ada.sees("Ben", "page in background");
    await ben.showPage();
    await ada.sees("Ben", /now(?! ·)/);
  });

  it("keeps the screen on while sharing", async () => {
    const ada = await openPerson({ permissions: ["geolocation", "screen-wake-lock"] });
    await ada.page.addInitScript(() => {
      const asked: WakeLockSentinel[] = [];
      Object.assign(globalThis, { areLocksHeld: () => asked.map(({ released }) => !released) });
      const request = navigator.wakeLock.request.bind(navigator.wakeLock);
      navigator.wakeLock.request = async (type) => {
        const lock = await request(type);
        asked.push(lock);
        return lock;
      };
    });
    const held = () =>
      ada.page.evaluate(() => (globalThis as unknown as { areLocksHeld(): boolean[] }).areLocksHeld());
    await ada.startSession(server.url);
    expect(await held()).toEqual([]);
    await ada.join("Ada");
    await ada.marker("You").waitFor();
    await expect.poll(held).toEqual([true]);
    await ada.press("Pause");
    await expect.poll(held).toEqual([false]);
    await ada.press("Resume");
    await expect.poll(held).toEqual([false, true]);
    await ada.press("Stop");
    await expect.poll(held).toEqual([false, false]);
  });

  it("explains a denied permission, and still shows the others", async () => {
    const { ada, link } = await twoPeople();
    const cleo = await openPerson({ place: null, permissions: [] });
    await cleo.join("Cleo", link);
    await cleo.page.getByText("Location is not allowed").waitFor();
    await cleo.sees("Ada", "now");
    await ada.sees("Cleo", "not sharing");
  });

  it("explains a page without a secure connection", async () => {
    const { link } = await twoPeople();
    const cleo = await openPerson();
    await cleo.join("Cleo", link.replace("localhost", "tagalong.test"));
    await cleo.page.getByText("No secure connection").waitFor();
    await cleo.sees("Ada", "now");
  });
});

describe("a lost connection", () => {
  it("is shown, and recovers by itself", async () => {
    const network = await unreliableNetwork(server.port);
    const { ada, ben } = await twoPeople(network.url);
    network.set("cut");
    await ben.page.getByText("No connection").waitFor();
    await ben.page.getByText(en.sharing.interrupted[1]).waitFor();
    await ben.moveTo(7);
    network.set("open");
    await ben.isLive();
    await ada.isLive();
    await ada.sees("Ben", "700 m");
    await network.close();
  });

  it("survives a reload while offline", async () => {
    const network = await unreliableNetwork(server.port);
    const { ada, ben } = await twoPeople(network.url);
    await ben.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    network.set("cut");
    await ben.page.reload();
    await ben.page.getByText("No connection").waitFor();
    network.set("open");
    await ben.isLive();
    await ben.moveTo(6);
    await ada.sees("Ben", "600 m");
    await network.close();
  });

  it("recovers after the server was killed", async () => {
    const { ada, ben } = await twoPeople();
    await server.kill();
    await ada.page.getByText("No connection").waitFor();
    await server.startAgain();
    await ada.isLive();
    await ben.isLive();
    await ben.moveTo(5);
    await ada.sees("Ben", "500 m");
  });

  it("is shown to the others as offline, after a while", async () => {
    await server.stop();
    server = await Server.start({ LOCATION_TTL_SECONDS: "2", PRESENCE_GRACE_SECONDS: "1" });
    const { ada, ben, link } = await twoPeople();
    await ben.page.close();
    await ada.sees("Ben", /offline · last seen/);
    const page = await ben.context.newPage();
    await page.goto(link);
    await ada.sees("Ben", /^(?!.*offline)/);
  });

  it("leaves the last position's age in the list", async () => {
    await server.stop();
    server = await Server.start({ LOCATION_TTL_SECONDS: "2" });
    const { ada, ben } = await twoPeople();
    await ben.page.close();
    await ada.sees("Ben", "last seen");
    await ada.marker("Ben").waitFor({ state: "detached" });
  });
});

describe("the map", () => {
  it.each([
    ["tiles", (maps: { tileUrl: string }) => ({ TILE_URL: maps.tileUrl, TILE_ATTRIBUTION: "Green Maps" })],
    ["a style", (maps: { styleUrl: string }) => ({ MAP_STYLE_URL: maps.styleUrl })],
  ])("is drawn from %s, and the map server does not learn the join link", async (_, settings) => {
    const maps = await mapServer();
    await server.stop();
    server = await Server.start(settings(maps));
    const ada = await openPerson();
    await ada.startSession(server.url);
    const shown = ada.page.waitForResponse((response) => response.url().endsWith(".png") && response.ok());
    await ada.join("Ada");
    await shown;
    await ada.page.getByText("Green Maps").waitFor();
    await ada.marker("You").waitFor();
    expect([...maps.referrers]).toEqual([`${server.url}/`]);
    expect(ada.consoleErrors).toEqual([]);
    await maps.close();
  });

  it("shows that the map server is down, and works without it", async () => {
    await server.stop();
    server = await Server.start({ TILE_URL: "http://127.0.0.1:9/{z}/{x}/{y}.png" });
    const { ada } = await twoPeople();
    await ada.page.locator(".tiles-note").waitFor();
    await ada.marker("Ben").waitFor();
  });
});

describe("the creator", () => {
  it("ends the session for everyone and deletes it", async () => {
    const { ada, ben } = await twoPeople();
    await ben.moveTo(4);
    await ada.sees("Ben", "400 m");
    await ada.chooseFromMenu("End session");
    await ada.confirm("End session");
    await ben.heading("The session has ended");
    await ada.heading("The session has ended");
    await ben.page.getByText(en.keptNothing).waitFor();
    expect([...(await ada.storedKeys()), ...(await ben.storedKeys())]).toEqual([]);
    const download = ben.page.waitForEvent("download");
    await ben.press("Download as GPX");
    expect((await download).suggestedFilename()).toBe("Sunday ride.gpx");
  });

  it("removes a participant", async () => {
    const { ada, ben } = await twoPeople();
    await ada.row("Ben").click();
    await ada.press(en.removePerson("Ben"));
    await ada.confirm("Remove");
    await ben.heading("You are no longer in this session");
    await ada.doesNotList("Ben");
    expect(await ben.storedKeys()).toEqual([]);
  });

  it("removes watchers, who return by themselves until the session is locked", async () => {
    const { ada, link } = await twoPeople();
    const cleo = await openPerson({ place: null });
    await cleo.watch(link);
    await cleo.sees("Ada", "now");
    await ada.page.getByText("1 is watching").waitFor();
    const asked = cleo.page.waitForResponse((response) => response.url().endsWith("/watch"));
    await ada.press("Session menu");
    await ada.press(`${en.removeWatchers} (1)`);
    await ada.confirm(en.removeWatchers);
    expect((await asked).status()).toBe(201);
    await cleo.page.getByText("Live", { exact: true }).waitFor();
    await ada.page.getByText("1 is watching").waitFor();

    await ada.row("Ben").click();
    await ada.press(en.removePerson("Ben"));
    await ada.confirm("Remove and lock");
    await cleo.heading("You can no longer watch");
    await ada.page.getByText("1 is watching").waitFor({ state: "hidden" });
    await ada.doesNotList("Ben");
  });

  it("locks the session, and nobody can join until it is unlocked", async () => {
    const { ada, link } = await twoPeople();
    await ada.press("Session menu");
    await ada.page.getByRole("switch").check();
    await ada.press("Close");
    const cleo = await openPerson({ place: null });
    await cleo.page.goto(link);
    await cleo.page.getByRole("heading", { name: "This session is locked" }).waitFor();
    await ada.press("Session menu");
    await ada.page.getByRole("switch").uncheck();
    await ada.press("Close");
    await cleo.press("Try again");
    await cleo.press("Watch only");
    await cleo.sees("Ada", "now");
  });
});

describe("the invitation", () => {
  it("uses the system's share dialog where there is one", async () => {
    const ada = await openPerson({ place: null });
    await ada.page.addInitScript(() => {
      const shared: ShareData[] = [];
      Object.assign(globalThis, { shared: () => shared });
      // Closing the dialog without a choice rejects the promise.
      navigator.share = (data?: ShareData) => {
        if (data) shared.push(data);
        return Promise.reject(new DOMException("closed", "AbortError"));
      };
    });
    await ada.page.goto(server.url);
    await ada.page.getByLabel("Name").fill("Sunday ride");
    await ada.press("Start a session");
    const link = await ada.page.locator("input.link").inputValue();
    await ada.press("Share…");
    const shared = () =>
      ada.page.evaluate(() => (globalThis as unknown as { shared(): ShareData[] }).shared());
    await expect.poll(shared).toEqual([{ title: "Sunday ride", url: link }]);
    expect(ada.consoleErrors).toEqual([]);
  });

  it("has no share button without such a dialog", async () => {
    const ada = await openPerson({ place: null });
    await ada.page.addInitScript(() => {
      Reflect.deleteProperty(Navigator.prototype, "share");
    });
    await ada.page.goto(server.url);
    await ada.press("Start a session");
    await ada.page.getByRole("button", { name: "Copy link" }).click();
    await ada.page.getByRole("button", { name: "Link copied" }).waitFor();
    expect(await ada.page.getByRole("button", { name: "Share…" }).count()).toBe(0);
  });
});

describe("leaving", () => {
  it("is shown to the others at once, and one can join again", async () => {
    const { ada, ben } = await twoPeople();
    await ben.chooseFromMenu("Leave session");
    await ben.confirm("Leave session");
    await ben.heading("You have left");
    await ada.doesNotList("Ben");
    await ada.page.getByText(en.left("Ben")).waitFor();
    await ben.press("Join again");
    await ben.join("Ben");
    await ada.sees("Ben", "now");
  });
});
