import { describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { Fixture } from "./fixture";

const fixture = new Fixture();

/** How a browser's storage fails if it is forbidden, and if it is full. */
const FAILURES = {
  forbidden: () => {
    for (const name of ["localStorage", "sessionStorage"]) {
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException("The operation is insecure.", "SecurityError");
        },
      });
    }
  },
  full: () => {
    Storage.prototype.setItem = () => {
      throw new DOMException("", "QuotaExceededError");
    };
  },
};

describe("without storage", () => {
  it.each(["forbidden", "full"] as const)(
    "one takes part all the same (%s), and leaves no ghost",
    async (how) => {
      const ada = await fixture.open();
      const link = await ada.startSession(fixture.server.url);
      await ada.join("Ada");
      const ben = await fixture.open({ place: 3 });
      await ben.page.addInitScript(FAILURES[how]);
      await ben.join("Ben", link);
      await ada.sees("Ben", "now");
      await ben.page.getByText("You are sharing").waitFor();
      await ben.press("Pause");
      await ada.sees("Ben", "paused");
      // A service worker would lose the last request of an unloading page.
      await expect
        .poll(() => ben.page.evaluate(() => navigator.serviceWorker.controller !== null))
        .toBe(true);
      await ben.page.goto(fixture.server.url);
      await ada.doesNotList("Ben");
      await ben.join("Ben", link);
      await ada.sees("Ben", "now");
      expect(ben.consoleErrors).toEqual([]);
    },
  );

  it("watching works", async () => {
    const ada = await fixture.open();
    const link = await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    const ben = await fixture.open({ place: null });
    await ben.page.addInitScript(FAILURES.forbidden);
    await ben.watch(link);
    await ben.sees("Ada", "now");
  });

  it("the session goes on after the storage was cleared", async () => {
    const ada = await fixture.open();
    const link = await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    const ben = await fixture.open({ place: 3 });
    await ben.join("Ben", link);
    await ben.page.evaluate(() => localStorage.clear());
    await ben.press("Pause");
    await ada.sees("Ben", "paused");
    await ben.page.reload();
    await ben.isLive();
    await ben.page.getByText("Paused", { exact: true }).waitFor();
  });
});

describe("storage", () => {
  it("leads back to a running session, and has the last used name", async () => {
    const ada = await fixture.open();
    await ada.startSession(fixture.server.url, "Sunday ride");
    await ada.join("Ada");
    await ada.page.goto(fixture.server.url);
    await ada.page.getByRole("link", { name: /Sunday ride.*Return/ }).click();
    await ada.isLive();
    await ada.chooseFromMenu("Leave session");
    await ada.confirm("Leave session");
    await ada.press("Join again");
    await expect.poll(() => ada.page.getByLabel("Your name").inputValue()).toBe("Ada");
  });

  it("has one's own track after a reload, and not after leaving", async () => {
    const ada = await fixture.open();
    await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    await ada.marker("You").waitFor();
    for (const place of [1, 2, 3]) {
      await ada.travelTo({ latitude: 48.2 + place / 1000, longitude: 11.5, accuracy: 8 });
    }
    await ada.page.reload();
    await ada.isLive();
    await ada.press("Session menu");
    const download = ada.page.waitForEvent("download");
    await ada.press("Download my track");
    await download;
    await ada.chooseFromMenu("Leave session");
    await ada.confirm("Leave session");
    await ada.heading("You have left");
    expect(await ada.page.evaluate(() => Object.keys(sessionStorage))).toEqual([]);
  });

  it("has no token of an ended session", async () => {
    const ada = await fixture.open();
    await ada.startSession(fixture.server.url);
    const seat = () =>
      ada.page.evaluate(() =>
        Object.entries(localStorage).find(([name]) => name.startsWith("tagalong:session:")),
      );
    const [key = "", value = "{}"] = (await seat()) ?? [];
    const sessionId = key.slice("tagalong:session:".length);
    const { creatorToken } = JSON.parse(value);
    await fetch(`${fixture.server.url}/api/sessions/${sessionId}`, {
      method: "DELETE",
      headers: { authorization: `Bearer ${creatorToken}` },
    });
    await ada.page.evaluate(
      ([name = "", text = ""]) =>
        localStorage.setItem(name, JSON.stringify({ ...JSON.parse(text), endsAt: Date.now() - 1 })),
      [key, value],
    );
    await ada.page.goto(fixture.server.url);
    await expect.poll(seat).toBeUndefined();
  });
});

describe("a module that does not load", () => {
  it("is requested again", async () => {
    const ada = await fixture.open({ serviceWorkers: "block" });
    let failures = 0;
    await ada.context.route(/assets\/map-.*\.js/, (route) => {
      failures += 1;
      return failures === 1 ? route.fulfill({ status: 503 }) : route.continue();
    });
    await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    await ada.marker("You").waitFor();
    expect(failures).toBe(2);
  });

  it("because of a new version leads to a notice with a reload button", async () => {
    const ada = await fixture.open({ serviceWorkers: "block" });
    await ada.startSession(fixture.server.url);
    await ada.context.route(/assets\/live-.*\.js/, (route) => route.fulfill({ status: 404 }));
    await ada.page.route(`${fixture.server.url}/`, (route) =>
      route.fulfill({
        contentType: "text/html",
        body: '<script type="module" src="/assets/index-new.js"></script>',
      }),
    );
    await ada.page.getByLabel("Your name").fill("Ada");
    await ada.press("Join");
    await ada.heading(en.updateReady);
    await ada.context.unroute(/assets\/live-.*\.js/);
    await ada.press("Reload");
    await ada.isLive();
  });
});
