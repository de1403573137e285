import { mkdir } from "node:fs/promises";
import type { Browser, BrowserContextOptions, Geolocation } from "playwright-core";
import { afterAll, beforeAll, it } from "vitest";
import { openBrowser, Person } from "./person";
import { Server } from "./server";

const OUT = new URL("../../docs/images/", import.meta.url).pathname;
const PHONE: BrowserContextOptions = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2 };
const DESK: BrowserContextOptions = { viewport: { width: 1440, height: 900 } };
const STEPS = 5;

/** A sailing weekend: the outline that is built in shows land and sea, no tiles needed. */
const CREW: [name: string, start: Geolocation, perStep: [lat: number, lng: number]][] = [
  ["Nora", { latitude: 54.83, longitude: 10.45, accuracy: 15 }, [-0.02, 0.045]],
  ["Jonas", { latitude: 54.57, longitude: 10.24, accuracy: 9 }, [0.03, 0.01]],
  ["Mei Lin", { latitude: 54.6, longitude: 10.98, accuracy: 1800 }, [0.025, -0.03]],
  ["Oskar", { latitude: 55.06, longitude: 10.95, accuracy: 22 }, [-0.03, -0.012]],
];

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

const picture = ({ page }: Person, name: string) =>
  page.screenshot({ path: `${OUT}${name}.png`, animations: "disabled" });

function placeOf(index: number, step: number): Geolocation {
  const [, start, [lat, lng]] = CREW[index] as (typeof CREW)[number];
  return { ...start, latitude: start.latitude + lat * step, longitude: start.longitude + lng * step };
}

it("takes the pictures of the README", async () => {
  await mkdir(OUT, { recursive: true });
  const nora = await Person.open(browser, { ...PHONE, geolocation: placeOf(0, 0) });
  await nora.page.goto(server.url);
  await picture(nora, "home-phone");
  const link = await nora.startSession(server.url, "Sailing weekend");
  await nora.join("Nora");

  const others: Person[] = [];
  for (const index of [1, 2, 3]) {
    const look = index === 1 ? { ...DESK, colorScheme: "dark" as const } : PHONE;
    const person = await Person.open(browser, { ...look, geolocation: placeOf(index, 0) });
    await person.join((CREW[index] as (typeof CREW)[number])[0], link);
    others.push(person);
  }
  const crew = [nora, ...others];
  for (let step = 1; step <= STEPS; step++) {
    await Promise.all(crew.map((person, index) => person.travelTo(placeOf(index, step))));
  }
  await nora.sees("Oskar", "now");

  const guest = await Person.open(browser, { ...PHONE, colorScheme: "dark" });
  await guest.page.goto(link);
  await guest.page.getByLabel("Your name").fill("Priya");
  await picture(guest, "join-phone-dark");

  const [jonas, mei] = others as [Person, Person];
  await jonas.marker("Oskar").waitFor();
  await picture(jonas, "map-desk-dark");
  await mei.press("Pause");
  await nora.sees("Mei Lin", "paused");
  await picture(nora, "list-phone");
  await nora.page.locator(".panel-toggle").click();
  await nora.press("Fit everyone");
  await picture(nora, "map-phone");
  await nora.press("Invite");
  await picture(nora, "invite-phone");
  await nora.press("Close");
  await nora.chooseFromMenu("End session");
  await nora.confirm("End session");
  await nora.heading("The session has ended");
  await picture(nora, "ended-phone");
});
