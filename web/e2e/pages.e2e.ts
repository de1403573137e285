import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { unreliable } from "./network";
import { openBrowser, Somebody } from "./people";
import { Server } from "./server";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const SMALLEST_TARGET = 44;

let browser: Browser;
let server: Server;
let ada: Somebody;

beforeAll(async () => {
  browser = await openBrowser();
  server = await Server.start();
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});
afterEach(() => ada.context.close());

async function faults(page: Page): Promise<string[]> {
  // What is still fading in has not its final contrast yet.
  await page.evaluate(() =>
    Promise.all(document.getAnimations().map((animation) => animation.finish())).catch(() => {}),
  );
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`));
}

/** Buttons, links and fields that a thumb would miss. */
function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate((smallest) => {
    const isSmall = (element: Element) => {
      const { width, height } = (element.closest("label") ?? element).getBoundingClientRect();
      return width > 0 && Math.min(width, height) < smallest;
    };
    const targets = [...document.querySelectorAll("button, a, input, [role=switch]")];
    // The map's own attribution is a line of text, as everywhere.
    const ours = targets.filter((element) => !element.closest(".maplibregl-ctrl"));
    return ours.filter(isSmall).map((element) => element.outerHTML.slice(0, 120));
  }, SMALLEST_TARGET);
}

function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

async function expectSound(page: Page): Promise<void> {
  expect(await faults(page)).toEqual([]);
  expect(await smallTargets(page)).toEqual([]);
  expect(await sidewaysOverflow(page)).toBe(0);
}

describe.each(["light", "dark"] as const)("in the %s, on a phone", (colorScheme) => {
  beforeEach(async () => {
    ada = await Somebody.arrive(browser, { colorScheme, reducedMotion: "reduce" });
    await ada.context.addInitScript({ path: AXE });
  });

  it("every page can be read, reached and tapped", async () => {
    const { page } = ada;
    await page.goto(server.url);
    await expectSound(page);

    await page.getByRole("button", { name: "Start a session" }).click();
    await page.getByRole("dialog").waitFor();
    await expectSound(page);
    await ada.press("Continue");
    await expectSound(page);

    await ada.join("Ada");
    await ada.marker("You").waitFor();
    await expectSound(page);
    await ada.openList();
    await ada.row("Ada").click();
    await expectSound(page);
    await ada.press("Session menu");
    await expectSound(page);

    await ada.press("End session");
    await ada.confirm("End session");
    await ada.heading("The session has ended");
    await expectSound(page);
    expect(ada.complaints).toEqual([]);
  });

  it("says that a session does not exist", async () => {
    await ada.page.goto(`${server.url}/join/00000000-0000-4000-8000-000000000000`);
    await ada.heading(en.endedTitle.gone);
    await expectSound(ada.page);
  });

  it("the documentation of the API can be read", async () => {
    const { page } = ada;
    await page.goto(`${server.url}/docs`);
    await ada.heading(/^API, version/);
    await expectSound(page);
    await page.evaluate(() => {
      for (const details of document.querySelectorAll("details")) details.open = true;
    });
    await expectSound(page);
    for (const known of ["DISPLAY_NAME_TAKEN", "phx_reply", "avatar_color", server.url]) {
      await expect.poll(() => page.getByText(known).count(), { message: known }).toBeGreaterThan(0);
    }
    expect(ada.complaints).toEqual([]);
  });

  it("says that a page does not exist", async () => {
    await ada.page.goto(`${server.url}/join/nonsense`);
    await ada.heading(en.notFoundTitle);
    await expectSound(ada.page);
  });
});

it("has room for long names and a lost connection", async () => {
  const network = await unreliable(server.port);
  ada = await Somebody.arrive(browser);
  await ada.startSession(network.url, "Over the pass and down to the lake, then up again");
  await ada.join("Wolfeschlegelsteinhausenbergerdorff the Younger of Upper Town");
  await ada.marker("You").waitFor();
  await ada.openList();
  network.turn("cut");
  await ada.page.getByText("No connection").waitFor();
  expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  const ends = await ada.page
    .locator("button")
    .evaluateAll((buttons) => buttons.map((button) => button.getBoundingClientRect().right));
  expect(Math.max(...ends)).toBeLessThanOrEqual(390);
  await network.close();
});

it("works with the keyboard alone", async () => {
  ada = await Somebody.arrive(browser, { viewport: { width: 1440, height: 900 } });
  const { page } = ada;
  await page.goto(server.url);
  await page.keyboard.press("Tab");
  await page.keyboard.type("Night walk");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByLabel("Your name").focus();
  await page.keyboard.type("Ada");
  await page.keyboard.press("Enter");
  await ada.isLive();
  await ada.heading("Night walk");
  await page.getByRole("button", { name: "Pause" }).press("Enter");
  await page.getByRole("button", { name: "Resume" }).press("Space");
  await page.getByText("You are sharing").waitFor();
});

it("speaks German to Germans", async () => {
  ada = await Somebody.arrive(browser, { locale: "de-DE" });
  await ada.page.goto(server.url);
  await ada.page.getByRole("button", { name: "Sitzung starten" }).waitFor();
  await expect.poll(() => ada.page.evaluate(() => document.documentElement.lang)).toBe("de");
});

it("refuses a name that is taken, in words", async () => {
  ada = await Somebody.arrive(browser);
  const link = await ada.startSession(server.url);
  await ada.join("Ada");
  const other = await Somebody.arrive(browser);
  await other.page.goto(link);
  await other.page.getByLabel("Your name").fill("Ada");
  await other.press("Join");
  await other.page.getByText("Somebody here already has this name").waitFor();
  await other.context.close();
});

it("opens without a connection once it has been seen, and keeps nothing but the shell", async () => {
  const network = await unreliable(server.port);
  ada = await Somebody.arrive(browser);
  const { page } = ada;
  await page.goto(network.url);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  network.turn("cut");
  await page.reload();
  await page.getByRole("button", { name: "Start a session" }).click();
  await page.getByText("The server cannot be reached").waitFor();
  const kept = await page.evaluate(async () => {
    const caches = await Promise.all((await self.caches.keys()).map((name) => self.caches.open(name)));
    const requests = await Promise.all(caches.map((cache) => cache.keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
  });
  expect(kept.filter((path) => path.startsWith("/api") || path.startsWith("/join"))).toEqual([]);
  await network.close();
});
