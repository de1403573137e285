import type { Geolocation } from "playwright-core";
import { describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { Fixture } from "./fixture";
import { Server } from "./server";

const HERE: Geolocation = { latitude: 48.1374, longitude: 11.5755, accuracy: 8 };

const fixture = new Fixture({ reducedMotion: "reduce" });

async function adaStarts() {
  const ada = await fixture.open({ geolocation: HERE });
  const link = await ada.startSession(fixture.server.url);
  await ada.join("Ada");
  await ada.marker("You").waitFor();
  return { ada, link };
}

/** A participant without a page, who sends a position once, or again on request. */
async function guest(link: string, name: string, place: { lat: number; lng: number }) {
  const sessionId = link.split("/").pop();
  const answer = await fetch(`${fixture.server.url}/api/sessions/${sessionId}/join`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ display_name: name }),
  });
  const { websocket_token: token } = (await answer.json()) as { websocket_token: string };
  const page = fixture.people[0]?.page;
  await page?.evaluate(
    async ([name, token, place]) => {
      const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws?token=${token}`);
      await new Promise((resolve) => socket.addEventListener("open", resolve));
      const tell = (data: object) => socket.send(JSON.stringify({ type: "location_update", data }));
      tell(place);
      Object.assign(globalThis, { [`tell ${name}`]: tell });
    },
    [name, token, place] as const,
  );
  return {
    moveTo: (to: { lat: number; lng: number }) =>
      page?.evaluate(
        ([name, to]) =>
          (globalThis as unknown as Record<string, (data: object) => void>)[`tell ${name}`]?.(to),
        [name, to] as const,
      ),
  };
}

describe("many people", () => {
  it("at one place are one marker, which opens to select one of them", async () => {
    const { ada, link } = await adaStarts();
    const spot = { lat: 48.1385, lng: 11.577 };
    for (const name of ["Ben", "Cleo", "Dora"]) await guest(link, name, spot);
    const group = ada.page.locator(".group", { hasText: "3" });
    await group.waitFor();
    await expect.poll(() => group.getAttribute("aria-label")).toContain("Cleo");
    await group.click();
    await ada.page.locator(".person-card").getByRole("button", { name: "Cleo" }).click();
    await ada.page.locator(".person-card").getByRole("heading", { name: "Cleo" }).waitFor();
    await ada.marker("Cleo").waitFor();
  });

  it("have names that do not overlap, and none is under a button", async () => {
    const { ada, link } = await adaStarts();
    for (let index = 0; index < 24; index++) {
      await guest(link, `Person ${index}`, {
        lat: HERE.latitude + 0.0009 * Math.cos(index * 2.4) * Math.sqrt(index),
        lng: HERE.longitude + 0.0012 * Math.sin(index * 2.4) * Math.sqrt(index),
      });
    }
    await ada.page.locator(".count", { hasText: "25" }).waitFor();
    const boxes = (selector: string) =>
      ada.page.locator(selector).evaluateAll((elements) =>
        elements
          .map((element) => element.getBoundingClientRect())
          .filter(({ width }) => width > 0)
          .map(({ left, top, right, bottom }) => ({ left, top, right, bottom })),
      );
    const overlapping = async () => {
      const names = await boxes(".marker-name");
      return names.flatMap((a, index) =>
        names
          .slice(index + 1)
          .filter((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom),
      ).length;
    };
    await expect.poll(async () => (await boxes(".marker-name")).length).toBeGreaterThan(5);
    await expect.poll(overlapping).toBe(0);
    const hidden = async () => {
      const covers = [...(await boxes(".map-button")), ...(await boxes(".panel"))];
      const middles = (await boxes(".marker")).map(({ left, top, right, bottom }) => ({
        x: (left + right) / 2,
        y: (top + bottom) / 2,
      }));
      return middles.filter(({ x, y }) =>
        covers.some((box) => x > box.left && x < box.right && y > box.top && y < box.bottom),
      ).length;
    };
    await expect.poll(hidden).toBe(0);
  });

  it("have a card with a link to their place, and can be followed", async () => {
    await fixture.server.stop();
    // Longer than the 10 s after which a standing person's position is sent again.
    fixture.server = await Server.start({ LOCATION_TTL_SECONDS: "14" });
    const { ada, link } = await adaStarts();
    const ben = await guest(link, "Ben", { lat: 48.1401, lng: 11.5755 });
    await ada.marker("Ben").click();
    const card = ada.page.locator(".person-card");
    await card.getByText("north of you").waitFor();
    await expect
      .poll(() => card.getByRole("link", { name: en.takeMeThere }).getAttribute("href"))
      .toContain("48.14");
    await ben.moveTo({ lat: 48.1402, lng: 11.5755 });
    await card.getByRole("button", { name: "Follow" }).click();
    await ada.page.locator(".followed", { hasText: en.followedLive("Ben") }).waitFor();
    await ada.page.locator(".followed", { hasText: "last seen" }).waitFor();
    await ada.press("Stop following");
    await ada.page.locator(".followed").waitFor({ state: "hidden" });
  });

  it("keep the focus on a row while the list changes", async () => {
    const { ada, link } = await adaStarts();
    const ben = await guest(link, "Ben", { lat: 48.139, lng: 11.5755 });
    await guest(link, "Cleo", { lat: 48.14, lng: 11.5755 });
    await ada.sees("Cleo", "now");
    await ada.row("Cleo").focus();
    await ben.moveTo({ lat: 48.145, lng: 11.5755 });
    await ada.sees("Ben", "850 m");
    const focused = () => ada.page.evaluate(() => document.activeElement?.textContent);
    expect(await focused()).toContain("Cleo");
    const order = () => ada.page.locator(".person-name > :first-child").allTextContents();
    expect(await order()).toEqual(["Ada", "Ben", "Cleo"]);
    await ada.page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await expect.poll(order).toEqual(["Ada", "Cleo", "Ben"]);
  });
});

describe("a small window", () => {
  it.each([
    [568, 320],
    [360, 320],
    [320, 256],
    [390, 420],
    [599, 340],
  ])("of %i × %i has everything in reach", async (width, height) => {
    const { ada } = await adaStarts();
    await ada.page.setViewportSize({ width, height });
    await ada.press("Session menu");
    await ada.press("Close");
    await ada.page.getByRole("button", { name: "Pause" }).click();
    await ada.page.getByRole("button", { name: "Resume" }).click();
    await ada.page.locator(".panel-toggle").click();
    await ada.row("Ada").click();
    expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBe(width);
  });

  it("with text of twice the size keeps everything reachable", async () => {
    const viewport = { width: 360, height: 640 };
    const ada = await fixture.open({ geolocation: HERE, locale: "de-DE", viewport, bypassCSP: true });
    await ada.page.goto(fixture.server.url);
    await ada.page.addStyleTag({ content: "html { font-size: 200% }" });
    await ada.press("Sitzung starten");
    await ada.press("Weiter");
    await ada.page.getByLabel("Dein Name").fill("Ada");
    await ada.press("Beitreten");
    await ada.isLive();
    await ada.press("Menü der Sitzung");
    await ada.press("Schließen");
    await ada.page.locator(".panel-toggle").click();
    await ada.row("Ada").click();
    expect(await ada.page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  });
});
