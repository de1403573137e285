import { describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { Fixture } from "./fixture";
import { mapServer, unreliableNetwork } from "./network";
import type { Person } from "./person";
import { Server } from "./server";

const fixture = new Fixture();

const card = ({ page }: Person, text: string) => page.locator(".sharing", { hasText: text }).waitFor();

describe("one's own sharing", () => {
  it("ends when the sharing tab is closed, for the others too", async () => {
    const ada = await fixture.open();
    const link = await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    await card(ada, "You are sharing");
    const ben = await fixture.open({ place: 3 });
    await ben.join("Ben", link);
    const second = await ada.context.newPage();
    await second.goto(link);
    await second.getByRole("button", { name: "Share here" }).click();
    await second.getByText("You are sharing").waitFor();
    await card(ada, en.sharing.elsewhere[0]);
    await second.close();
    await card(ada, "You are not sharing");
    await ben.sees("Ada", "not sharing");
  });

  it("shows that the server rejects the position, until it accepts one", async () => {
    const ada = await fixture.open();
    await ada.page.addInitScript(() => {
      const real = navigator.geolocation.watchPosition.bind(navigator.geolocation);
      navigator.geolocation.watchPosition = (found, failed, options) =>
        real(
          ({ coords, timestamp }) => {
            const isBad = coords.latitude > 49;
            const latitude = isBad ? 148 : coords.latitude;
            const { longitude, accuracy } = coords;
            found({ coords: { ...coords, latitude, longitude, accuracy }, timestamp } as GeolocationPosition);
          },
          failed,
          options,
        );
    });
    await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    await card(ada, "You are sharing");
    await ada.moveTo({ latitude: 50, longitude: 11, accuracy: 8 });
    await card(ada, en.sharing.refused[0]);
    await ada.moveTo(2);
    await card(ada, "You are sharing");
  });

  it("shows an old position when the device is silent", async () => {
    const ada = await fixture.open();
    await ada.page.addInitScript(() => {
      // One position that is already 25 s old, and none afterwards.
      const coords = { latitude: 48.1374, longitude: 11.5755, accuracy: 8 };
      navigator.geolocation.getCurrentPosition = () => {};
      navigator.geolocation.watchPosition = (found) => {
        setTimeout(() => found({ coords, timestamp: Date.now() - 25_000 } as GeolocationPosition));
        return 1;
      };
    });
    await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    await card(ada, "You are sharing");
    await ada.page.getByText(/Your position is \d+ sec old/).waitFor();
    await ada.sees("You", "no GPS");
  });

  it("follows a permission that is revoked and granted again", async () => {
    const ada = await fixture.open();
    await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    await card(ada, "You are sharing");
    await ada.context.clearPermissions();
    await card(ada, "Location is not allowed");
    await ada.context.grantPermissions(["geolocation"]);
    await card(ada, "You are sharing");
  });

  it("shows an imprecise position, and the others see the whole area", async () => {
    const ada = await fixture.open();
    await ada.moveTo({ latitude: 48.1, longitude: 11.5, accuracy: 2_000 });
    const link = await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    await card(ada, en.roughText("2 km"));
    const ben = await fixture.open({ place: null });
    await ben.watch(link);
    await ben.sees("Ada", "± 2 km");
    const halo = ben.page.locator(".marker .marker-halo");
    await halo.waitFor();
    const { width } = (await halo.boundingBox()) ?? { width: 0 };
    expect(width).toBeGreaterThan(100);
    expect(width).toBeLessThan(390);
    await ben.page.locator(".marker-name", { hasText: "± 2 km" }).waitFor();
  });
});

describe("the creator", () => {
  it("sees the lock in the server's state", async () => {
    const network = await unreliableNetwork(fixture.server.port);
    const ada = await fixture.open();
    const link = await ada.startSession(network.url);
    await ada.join("Ada");
    network.set("cut");
    await ada.page.getByText("No connection").waitFor();
    await ada.press("Session menu");
    await ada.page.getByRole("switch").click();
    await ada.page.getByRole("heading", { name: "That did not work" }).waitFor();
    expect(await ada.page.getByRole("switch", { includeHidden: true }).isChecked()).toBe(false);
    await ada.page.keyboard.press("Escape");
    network.set("open");
    await ada.isLive();
    await ada.page.getByRole("switch").check();
    const ben = await fixture.open({ place: 2 });
    await ben.page.goto(link);
    await ben.page.getByRole("heading", { name: "This session is locked" }).waitFor();
    await ada.page.locator(".bar-locked", { hasText: "Locked" }).waitFor({ state: "attached" });
    await network.close();
  });

  it("can choose only ends that the server accepts, and sees the new end", async () => {
    const short = await Server.start({ MAX_SESSION_HOURS: "2" });
    const ada = await fixture.open({ locale: "de" });
    await ada.page.goto(short.url);
    await ada.page.getByText("2 Std.").waitFor();
    await ada.press("Sitzung starten");
    await ada.press("Weiter");
    await ada.page.getByLabel("Dein Name").fill("Ada");
    await ada.press("Beitreten");
    await ada.press("Menü der Sitzung");
    const ends = ada.page.getByRole("group", { name: "Endet in" }).getByRole("button");
    await ends.nth(1).waitFor();
    await expect.poll(() => ends.allTextContents()).toEqual(["1 Std.", "2 Std."]);
    await ends.nth(0).click();
    await ada.page.getByText("Diese Sitzung endet in 1 Std.").waitFor();
    await short.stop();
  });

  it("sees a warning before the end, and can extend the session", async () => {
    const ada = await fixture.open();
    const link = await ada.startSession(fixture.server.url);
    await ada.join("Ada");
    const ben = await fixture.open({ place: 2 });
    await ben.join("Ben", link);
    await ada.page.evaluate(async () => {
      const [key = ""] = Object.keys(localStorage).filter((name) => name.startsWith("tagalong:session:"));
      const { creatorToken } = JSON.parse(localStorage.getItem(key) ?? "{}");
      await fetch(`/api/sessions/${key.slice("tagalong:session:".length)}`, {
        method: "PATCH",
        headers: { "content-type": "application/json", authorization: `Bearer ${creatorToken}` },
        body: JSON.stringify({ expires_in_minutes: 9 }),
      });
    });
    await ben.page.locator(".ending", { hasText: /This session ends in \d min/ }).waitFor();
    expect(await ben.page.getByRole("button", { name: en.extend }).count()).toBe(0);
    await ada.press(en.extend);
    await ben.page.locator(".ending").waitFor({ state: "hidden" });
  });
});

describe("the map", () => {
  it("removes the note about missing tiles once they load", async () => {
    const maps = await mapServer();
    maps.goAway(true);
    const tiled = await Server.start({ TILE_URL: maps.tileUrl });
    const ada = await fixture.open();
    await ada.startSession(tiled.url);
    await ada.join("Ada");
    await ada.page.locator(".tiles-note").waitFor();
    maps.goAway(false);
    await ada.page.locator(".tiles-note").waitFor({ state: "hidden" });
    await tiled.stop();
    await maps.close();
  });
});
