import { describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { mapServer, unreliable } from "./network";
import type { Somebody } from "./people";
import { Server } from "./server";
import { Stage } from "./stage";

const stage = new Stage();

const card = ({ page }: Somebody, text: string) => page.locator(".sharing", { hasText: text }).waitFor();

describe("what one reads of one's own sharing", () => {
  it("is that it has ended when the tab that shared is closed, and the others are told", async () => {
    const ada = await stage.arrive();
    const link = await ada.startSession(stage.server.url);
    await ada.join("Ada");
    await card(ada, "You are sharing");
    const ben = await stage.arrive({ place: 3 });
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

  it("is that the server refuses the position, until it takes one", async () => {
    const ada = await stage.arrive();
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
    await ada.startSession(stage.server.url);
    await ada.join("Ada");
    await card(ada, "You are sharing");
    await ada.moveTo({ latitude: 50, longitude: 11, accuracy: 8 });
    await card(ada, en.sharing.refused[0]);
    await ada.moveTo(2);
    await card(ada, "You are sharing");
  });

  it("is that the position is old when the device has gone quiet", async () => {
    const ada = await stage.arrive();
    await ada.page.addInitScript(() => {
      // One position that is already 25 s old, and nothing afterwards.
      const coords = { latitude: 48.1374, longitude: 11.5755, accuracy: 8 };
      navigator.geolocation.getCurrentPosition = () => {};
      navigator.geolocation.watchPosition = (found) => {
        setTimeout(() => found({ coords, timestamp: Date.now() - 25_000 } as GeolocationPosition));
        return 1;
      };
    });
    await ada.startSession(stage.server.url);
    await ada.join("Ada");
    await card(ada, "You are sharing");
    await ada.page.getByText(/Your position is \d+ sec old/).waitFor();
    await ada.sees("You", "no GPS");
  });

  it("follows a permission that is taken away and given back", async () => {
    const ada = await stage.arrive();
    await ada.startSession(stage.server.url);
    await ada.join("Ada");
    await card(ada, "You are sharing");
    await ada.context.clearPermissions();
    await card(ada, "Location is not allowed");
    await ada.context.grantPermissions(["geolocation"]);
    await card(ada, "You are sharing");
  });

  it("is that the position is rough, and the others see the whole area", async () => {
    const ada = await stage.arrive();
    await ada.moveTo({ latitude: 48.1, longitude: 11.5, accuracy: 2_000 });
    const link = await ada.startSession(stage.server.url);
    await ada.join("Ada");
    await card(ada, en.roughText("2 km"));
    const ben = await stage.arrive({ place: null });
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

describe("what the creator is shown", () => {
  it("is the lock as the server has it", async () => {
    const network = await unreliable(stage.server.port);
    const ada = await stage.arrive();
    const link = await ada.startSession(network.url);
    await ada.join("Ada");
    network.turn("cut");
    await ada.page.getByText("No connection").waitFor();
    await ada.press("Session menu");
    await ada.page.getByRole("switch").click();
    await ada.page.getByRole("heading", { name: "That did not work" }).waitFor();
    expect(await ada.page.getByRole("switch", { includeHidden: true }).isChecked()).toBe(false);
    await ada.page.keyboard.press("Escape");
    network.turn("open");
    await ada.isLive();
    await ada.page.getByRole("switch").check();
    const ben = await stage.arrive({ place: 2 });
    await ben.page.goto(link);
    await ben.page.getByRole("heading", { name: "This session is locked" }).waitFor();
    await ada.page.locator(".bar-locked", { hasText: "Locked" }).waitFor({ state: "attached" });
    await network.close();
  });

  it("is only an end that the server takes, and that it has been taken", async () => {
    const short = await Server.start({ MAX_SESSION_HOURS: "2" });
    const ada = await stage.arrive({ locale: "de" });
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

  it("is a warning before the end, and a way to go on", async () => {
    const ada = await stage.arrive();
    const link = await ada.startSession(stage.server.url);
    await ada.join("Ada");
    const ben = await stage.arrive({ place: 2 });
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
  it("no longer says that tiles are missing once they come", async () => {
    const maps = await mapServer();
    maps.goAway(true);
    const tiled = await Server.start({ TILE_URL: maps.tileUrl });
    const ada = await stage.arrive();
    await ada.startSession(tiled.url);
    await ada.join("Ada");
    await ada.page.locator(".tiles-note").waitFor();
    maps.goAway(false);
    await ada.page.locator(".tiles-note").waitFor({ state: "hidden" });
    await tiled.stop();
    await maps.close();
  });
});
