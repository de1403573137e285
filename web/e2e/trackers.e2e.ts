import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { trackersEn } from "../src/i18n/trackers-en";
import { openBrowser, Person } from "./person";
import { Server } from "./server";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const ANDROID =
  "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36";
const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 26_2 like Mac OS X) AppleWebKit/605.1.15 Version/26.2 Mobile/15E148 Safari/604.1";
const PICTURES = process.env.PICTURES;

let browser: Browser;
let server: Server;

beforeAll(async () => {
  browser = await openBrowser();
  server = await Server.start();
});
afterAll(async () => {
  await browser.close();
  await server.stop();
});

/** The address in the configuration link of OwnTracks. */
function ownTracksAddress(link: string): string {
  const inline = new URL(link).searchParams.get("inline") ?? "";
  const { _type, mode, url } = JSON.parse(Buffer.from(inline, "base64").toString());
  expect([_type, mode]).toEqual(["configuration", 3]);
  return url;
}

async function report(address: string, lat: number): Promise<{ _type: string; name?: string }[]> {
  const body = {
    _type: "location",
    lat,
    lon: 11.5755,
    tst: Math.floor(Date.now() / 1000) + 1,
    tid: "AD",
    batt: 80,
  };
  const answer = await fetch(address, { method: "POST", body: JSON.stringify(body) });
  expect(answer.status).toBe(200);
  return answer.json();
}

it("an app takes over from the browser, and both see each other", async () => {
  const ada = await Person.open(browser, { userAgent: ANDROID, reducedMotion: "reduce" });
  await ada.context.addInitScript({ path: AXE });
  const ben = await Person.open(browser, { place: 3 });
  const link = await ada.startSession(server.url);
  await ada.join("Ada");
  await ben.join("Ben", link);
  await ben.sees("Ada", /now/);

  await ada.chooseFromMenu("Keep sharing in my pocket");
  const sheet = ada.page.getByRole("dialog", { name: "Keep sharing in my pocket" });
  await sheet.waitFor();
  await expect
    .poll(() => sheet.getByRole("button", { name: /^Set up/ }).allTextContents())
    .toEqual(["OwnTracks", "Traccar Client", "GPSLogger", "OsmAnd"]);
  for (const app of ["GPSLogger", "OsmAnd", "Traccar Client", "OwnTracks"]) {
    await ada.press(`Set up ${app}`);
    await sheet.getByText("Waiting for the first position").waitFor();
    const { violations } = await ada.page.evaluate(() =>
      (globalThis as unknown as { axe: typeof axe }).axe.run(),
    );
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
    if (PICTURES) await ada.page.screenshot({ path: `${PICTURES}/${app}.png` });
  }
  const address = ownTracksAddress(
    (await sheet.getByRole("link", { name: "Open in OwnTracks" }).getAttribute("href")) ?? "",
  );
  const friends = await report(address, 48.14);
  expect(friends.map(({ _type }) => _type)).toEqual(["location", "card"]);
  expect(friends[1]?.name).toBe("Ben");
  await sheet.getByText("The first position has arrived").waitFor();
  if (PICTURES) await ada.page.screenshot({ path: `${PICTURES}/arrived.png` });
  await ada.press("Close");
  await ada.page.getByText("Your app is sharing").waitFor();
  // Nothing was revoked, and a hidden page sends no status.
  await ada.hidePage();
  await report(address, 48.141);
  await ben.sees("Ada", /now/);
  if (PICTURES) await ada.page.screenshot({ path: `${PICTURES}/sharing.png` });

  await ada.showPage();
  // Closing the page does not stop the app.
  await ada.page.goBack();
  await ada.page.getByRole("button", { name: "Start a session" }).waitFor();
  await report(address, 48.24);
  await ben.sees("Ada", /1[01] km/);
  await ada.page.goForward();
  await ada.isLive();
  await ada.page.getByText(en.sharing.app[0]).waitFor();
  await ada.press("Stop");
  await ben.sees("Ada", "not sharing");
  await expect.poll(() => report(address, 48.142)).toEqual([]);
  await ben.sees("Ada", "not sharing");
  expect([...ada.consoleErrors, ...ben.consoleErrors]).toEqual([]);
  await ada.context.close();
  await ben.context.close();
});

/** The same person, in another tab of the same browser. */
async function openTab({ context, page }: Person): Promise<Page> {
  const tab = await context.newPage();
  await tab.goto(page.url());
  await isLive(tab);
  return tab;
}

function isLive(tab: Page): Promise<void> {
  return tab.locator('.connection[data-state="online"]').waitFor();
}

async function setUpOwnTracks(person: Person): Promise<string> {
  await person.chooseFromMenu("Keep sharing in my pocket");
  await person.press("Set up OwnTracks");
  const link = person.page.getByRole("link", { name: "Open in OwnTracks" });
  return ownTracksAddress((await link.getAttribute("href")) ?? "");
}

it("a tab that does not share removes no position", async () => {
  const ada = await Person.open(browser, { userAgent: ANDROID });
  const ben = await Person.open(browser, { place: 3 });
  const link = await ada.startSession(server.url);
  await ada.join("Ada");
  await ben.join("Ben", link);
  await ben.sees("Ada", /now/);

  // One tab shares at a time, and the other shows it.
  const second = await openTab(ada);
  await second.getByText(en.sharing.elsewhere[0]).waitFor();
  await second.reload();
  await isLive(second);
  await ada.travelTo({ latitude: 48.15, longitude: 11.5755, accuracy: 8 });
  await ben.sees("Ada", /1\.1 km.*now|now.*1\.1 km/s);
  await second.getByRole("button", { name: "Share here" }).click();
  await ada.page.getByText(en.sharing.elsewhere[0]).waitFor();
  await ben.sees("Ada", /now/);

  // The tab that sets an app up takes over sharing: a position of the second tab must not count as the app's.
  const address = await setUpOwnTracks(ada);
  await second.getByText(en.sharing.elsewhere[0]).waitFor();
  await ada.context.setGeolocation({ latitude: 48.16, longitude: 11.5755, accuracy: 8 });
  await ben.sees("Ada", /2\.2 km/);
  expect(await ada.page.getByText("The first position has arrived").isVisible()).toBe(false);
  await report(address, 48.24);
  await ada.page.getByText("The first position has arrived").waitFor();
  await second.getByText("Your app is sharing").waitFor();

  // The app's position stays, whatever the tabs do.
  await server.kill();
  await server.startAgain();
  await isLive(second);
  await isLive(ada.page);
  await second.reload();
  await isLive(second);
  await report(address, 48.33);
  await ben.sees("Ada", /21 km/);
  await ada.page.close();
  await report(address, 48.24);
  await ben.sees("Ada", /11 km/);

  await second.getByRole("button", { name: "Stop" }).click();
  await ben.sees("Ada", "not sharing");
  await expect.poll(() => report(address, 48.142)).toEqual([]);
  await ada.context.close();
  await ben.context.close();
});

function sheetOf({ page }: Person): Locator {
  return page.getByRole("dialog", { name: "Keep sharing in my pocket" });
}

/** The value of a setting to copy by hand. */
function typed(sheet: Locator, label: string): Promise<string> {
  return sheet.getByLabel(label, { exact: true }).inputValue();
}

const APPS = {
  iphone: ["OwnTracks", "Traccar Client", "Overland"],
  android: ["OwnTracks", "Traccar Client", "GPSLogger", "OsmAnd"],
};

for (const [phone, userAgent, store] of [
  ["iphone", IPHONE, "https://apps.apple.com/"],
  ["android", ANDROID, "https://play.google.com/"],
] as const) {
  it(`an ${phone} shows the settings and no QR code`, async () => {
    const ada = await Person.open(browser, { userAgent, reducedMotion: "reduce" });
    await ada.startSession(server.url);
    await ada.join("Ada Lovelace");
    await ada.context.grantPermissions(["geolocation", "clipboard-read", "clipboard-write"]);
    await ada.chooseFromMenu("Keep sharing in my pocket");
    const sheet = sheetOf(ada);
    await expect
      .poll(() => sheet.getByRole("button", { name: /^Set up/ }).allTextContents())
      .toEqual(APPS[phone]);
    for (const app of APPS[phone]) {
      await ada.press(`Set up ${app}`);
      await sheet.getByRole("link", { name: `Get ${app}` }).waitFor();
      expect(await typed(sheet, "Address (URL)"), app).toMatch(/\/track\/[\w-]+\//);
      expect(await sheet.locator("svg.qr").count(), app).toBe(0);
      await expect.poll(() => sheet.textContent(), { message: app }).toMatch(/Interval\s*10 sec/);
    }
    await ada.press("Set up OwnTracks");
    await expect
      .poll(() => sheet.textContent())
      .toContain("Remote Control, switch on “Allow external configuration”");
    await expect
      .poll(() => sheet.textContent())
      .toContain(phone === "iphone" ? "Version 26.2.3 or newer" : "Version 2.6.0 or newer");
    await expect.poll(() => sheet.textContent()).toMatch(/Mode\s*HTTP/);
    await expect
      .poll(() => sheet.getByRole("link", { name: "Get OwnTracks" }).getAttribute("href"))
      .toContain(store);
    expect(await typed(sheet, "Device ID")).toBe("phone");
    expect(await typed(sheet, "Tracker ID")).toBe("AL");
    await sheet.getByRole("button", { name: "Copy: Address (URL)" }).click();
    const copied = await ada.page.evaluate(() => navigator.clipboard.readText());
    expect(copied).toBe(await typed(sheet, "Address (URL)"));
    const link = await sheet.getByRole("link", { name: "Open in OwnTracks" }).getAttribute("href");
    expect(ownTracksAddress(link ?? "")).toBe(copied);

    await ada.press("Set up Traccar Client");
    await expect.poll(() => sheet.textContent()).toMatch(/Accuracy\s*highest.*Stop detection\s*off/s);
    expect(ada.consoleErrors).toEqual([]);
    await ada.context.close();
  });
}

it("a computer shows QR codes and the steps of each platform", async () => {
  const ada = await Person.open(browser, {
    viewport: { width: 1200, height: 900 },
    reducedMotion: "reduce",
  });
  await ada.startSession(server.url);
  await ada.join("Ada");
  await ada.chooseFromMenu("Keep sharing in my pocket");
  const sheet = sheetOf(ada);
  for (const app of ["OwnTracks", "Traccar Client", "Overland", "GPSLogger", "OsmAnd"]) {
    await ada.press(`Set up ${app}`);
    await sheet.getByRole("img", { name: `QR code for ${app}` }).waitFor();
    await sheet.getByRole("button", { name: "Copy: Address (URL)" }).waitFor();
  }
  await ada.press("Set up OwnTracks");
  await sheet.getByText("iPhone: Version 26.2.3").waitFor();
  await sheet.getByText("Android: Version 2.6.0").waitFor();
  await expect
    .poll(() => sheet.getByRole("link", { name: /^OwnTracks for/ }).allTextContents())
    .toEqual(["OwnTracks for iPhone", "OwnTracks for Android"]);
  await ada.press("Set up OsmAnd");
  expect(await typed(sheet, "Address (URL)")).toContain("/osmand?lat={0}&lon={1}&timestamp={2}");
  expect(ada.consoleErrors).toEqual([]);
  await ada.context.close();
});

it("shows within seconds why a report was rejected, and when one is accepted", async () => {
  const ada = await Person.open(browser, { userAgent: ANDROID });
  const link = await ada.startSession(server.url);
  await ada.join("Ada");
  const ben = await Person.open(browser, { place: 3 });
  await ben.join("Ben", link);
  await ada.chooseFromMenu("Keep sharing in my pocket");
  const sheet = sheetOf(ada);
  await ada.press("Set up Traccar Client");
  await sheet.getByText("Waiting for the first position").waitFor();
  const address = await typed(sheet, "Address (URL)");
  const send = async (query: string) => {
    const answer = await fetch(`${address}?id=AD&${query}`, { method: "POST" });
    expect(answer.status).toBe(200);
  };
  const seconds = (offset: number) => Math.floor(Date.now() / 1000) + offset;
  const status = sheet.getByRole("status").last();

  await send(`timestamp=${seconds(0)}&batt=80`);
  const rejected = trackersEn.reportNotShown("Traccar Client", trackersEn.notShown.no_position());
  await status.filter({ hasText: rejected }).waitFor();
  await send(`lat=48.15&lon=11.5755&timestamp=${seconds(-90)}`);
  await status.filter({ hasText: /the position was (89|9\d) sec old/ }).waitFor();
  await send(`lat=48.15&lon=11.5755&timestamp=${seconds(300)}`);
  await status.filter({ hasText: /clock is (4|5) min ahead/ }).waitFor();
  if (PICTURES) await ada.page.screenshot({ path: `${PICTURES}/clock-ahead.png` });

  await ada.press("Close");

  // A phone with a correct clock.
  await ben.chooseFromMenu("Keep sharing in my pocket");
  await ben.press("Set up GPSLogger");
  const other = sheetOf(ben);
  const right = await typed(other, "Address (URL)");
  await fetch(`${right}?lat=48.15&lon=11.5755&timestamp=${seconds(1)}`, { method: "POST" });
  await other.getByText("The first position has arrived").waitFor();
  expect([...ada.consoleErrors, ...ben.consoleErrors]).toEqual([]);
  await ada.context.close();
  await ben.context.close();
});
