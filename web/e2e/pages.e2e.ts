import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { unreliableNetwork } from "./network";
import { openBrowser, Person } from "./person";
import { Server } from "./server";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const SMALLEST_TARGET = 44;

let browser: Browser;
let server: Server;
let ada: Person;

beforeAll(async () => {
  browser = await openBrowser();
  server = await Server.start();
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});
afterEach(() => ada.context.close());

async function accessibilityViolations(page: Page): Promise<string[]> {
  // Elements that are still fading in do not have their final contrast.
  await page.evaluate(() =>
    Promise.all(document.getAnimations().map((animation) => animation.finish())).catch(() => {}),
  );
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`));
}

/** Buttons, links and fields that are too small to tap. */
function smallTargets(page: Page): Promise<string[]> {
  return page.evaluate((smallest) => {
    const isSmall = (element: Element) => {
      const { width, height } = (element.closest("label") ?? element).getBoundingClientRect();
      return width > 0 && Math.min(width, height) < smallest;
    };
    const targets = [...document.querySelectorAll("button, a, input, [role=switch]")];
    // The map's attribution is a line of text.
    const ours = targets.filter((element) => !element.closest(".maplibregl-ctrl"));
    return ours.filter(isSmall).map((element) => element.outerHTML.slice(0, 120));
  }, SMALLEST_TARGET);
}

function sidewaysOverflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

async function expectAccessible(page: Page): Promise<void> {
  expect(await accessibilityViolations(page)).toEqual([]);
  expect(await smallTargets(page)).toEqual([]);
  expect(await sidewaysOverflow(page)).toBe(0);
}

describe.each(["light", "dark"] as const)("in the %s, on a phone", (colorScheme) => {
  beforeEach(async () => {
    ada = await Person.open(browser, { colorScheme, reducedMotion: "reduce" });
    await ada.context.addInitScript({ path: AXE });
  });

  it("every page is accessible and has large enough targets", async () => {
    const { page } = ada;
    await page.goto(server.url);
    await expectAccessible(page);

    await page.getByRole("button", { name: "Start a session" }).click();
    await page.getByRole("dialog").waitFor();
    await expectAccessible(page);
    await ada.press("Continue");
    await expectAccessible(page);

    await ada.join("Ada");
    await ada.marker("You").waitFor();
    await expectAccessible(page);
    await ada.openList();
    await ada.row("Ada").click();
    await expectAccessible(page);
    await ada.press("Session menu");
    await expectAccessible(page);

    await ada.press("End session");
    await ada.confirm("End session");
    await ada.heading("The session has ended");
    await expectAccessible(page);
    expect(ada.consoleErrors).toEqual([]);
  });

  it("shows that a session does not exist", async () => {
    await ada.page.goto(`${server.url}/join/00000000-0000-4000-8000-000000000000`);
    await ada.heading(en.endedTitle.gone);
    await expectAccessible(ada.page);
  });

  it("the documentation of the API is accessible", async () => {
    const { page } = ada;
    await page.goto(`${server.url}/docs`);
    await ada.heading(/^API, version/);
    await expectAccessible(page);
    await page.evaluate(() => {
      for (const details of document.querySelectorAll("details")) details.open = true;
    });
    await expectAccessible(page);
    for (const known of ["DISPLAY_NAME_TAKEN", "phx_reply", "avatar_color", server.url]) {
      await expect.poll(() => page.getByText(known).count(), { message: known }).toBeGreaterThan(0);
    }
    expect(ada.consoleErrors).toEqual([]);
  });

  it("shows that a page does not exist", async () => {
    await ada.page.goto(`${server.url}/join/nonsense`);
    await ada.heading(en.notFoundTitle);
    await expectAccessible(ada.page);
  });
});

it("has room for long names and a lost connection", async () => {
  const network = await unreliableNetwork(server.port);
  ada = await Person.open(browser);
  await ada.startSession(network.url, "Over the pass and down to the lake, then up again");
  await ada.join("Wolfeschlegelsteinhausenbergerdorff the Younger of Upper Town");
  await ada.marker("You").waitFor();
  await ada.openList();
  network.set("cut");
  await ada.page.getByText("No connection").waitFor();
  expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  const ends = await ada.page
    .locator("button")
    .evaluateAll((buttons) => buttons.map((button) => button.getBoundingClientRect().right));
  expect(Math.max(...ends)).toBeLessThanOrEqual(390);
  await network.close();
});

it("works with the keyboard alone", async () => {
  ada = await Person.open(browser, { viewport: { width: 1440, height: 900 } });
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
  ada = await Person.open(browser, { locale: "de-DE" });
  await ada.page.goto(server.url);
  await ada.page.getByRole("button", { name: "Sitzung starten" }).waitFor();
  await expect.poll(() => ada.page.evaluate(() => document.documentElement.lang)).toBe("de");
});

it("explains that a name is taken", async () => {
  ada = await Person.open(browser);
  const link = await ada.startSession(server.url);
  await ada.join("Ada");
  const other = await Person.open(browser);
  await other.page.goto(link);
  await other.page.getByLabel("Your name").fill("Ada");
  await other.press("Join");
  await other.page.getByText("Somebody here already has this name").waitFor();
  await other.context.close();
});

it("opens offline after the first visit, and caches only the shell", async () => {
  const network = await unreliableNetwork(server.port);
  ada = await Person.open(browser);
  const { page } = ada;
  await page.goto(network.url);
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  network.set("cut");
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
