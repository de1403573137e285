import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openBrowser, Somebody } from "./people";
import { Server } from "./server";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const ANDROID =
  "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 Chrome/156.0 Mobile Safari/537.36";
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

/** What the app reads from the link that sets it up. */
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
  const ada = await Somebody.arrive(browser, { userAgent: ANDROID, reducedMotion: "reduce" });
  await ada.context.addInitScript({ path: AXE });
  const ben = await Somebody.arrive(browser, { place: 3 });
  const link = await ada.startSession(server.url);
  await ada.join("Ada");
  await ben.join("Ben", link);
  await ben.sees("Ada", /now/);

  await ada.chooseFromMenu("Keep sharing in my pocket");
  const sheet = ada.page.getByRole("dialog", { name: "Keep sharing in my pocket" });
  await sheet.waitFor();
  expect(await sheet.getByRole("button", { name: /^Set up/ }).allTextContents()).toEqual([
    "OwnTracks",
    "Traccar Client",
    "GPSLogger",
  ]);
  for (const app of ["GPSLogger", "Traccar Client", "OwnTracks"]) {
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
  // Nothing was withdrawn, and a page in the background says nothing.
  await ada.turnAway();
  await report(address, 48.141);
  await ben.sees("Ada", /now/);
  if (PICTURES) await ada.page.screenshot({ path: `${PICTURES}/sharing.png` });

  await ada.turnBack();
  // To leave the page is not to stop the app.
  await ada.page.goBack();
  await ada.page.getByRole("button", { name: "Start a session" }).waitFor();
  await report(address, 48.24);
  await ben.sees("Ada", /1[01] km/);
  await ada.page.goForward();
  await ada.page.getByText("Your app is sharing").waitFor();
  await ada.press("Stop");
  await ben.sees("Ada", "not sharing");
  await expect.poll(() => report(address, 48.142)).toEqual([]);
  await ben.sees("Ada", "not sharing");
  expect([...ada.complaints, ...ben.complaints]).toEqual([]);
  await ada.context.close();
  await ben.context.close();
});
