import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { texts } from "../src/dashboard/texts";
import { DEADLINE_MS } from "./deadline";
import { openBrowser } from "./person";
import { Server } from "./server";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const TOKEN = "an operator's token that nobody guesses";
const SIZES = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 } };

let browser: Browser;
let server: Server;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server.stop();
});

async function accessibilityViolations(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`));
}

async function open(
  options: {
    viewport?: { width: number; height: number };
    colorScheme?: "light" | "dark";
    token?: string;
  } = {},
) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(DEADLINE_MS);
  await context.addInitScript({ path: AXE });
  const page = await context.newPage();
  const consoleErrors: string[] = [];
  page.on("pageerror", (error) => consoleErrors.push(error.message));
  page.on("console", (message) => message.type() === "error" && consoleErrors.push(message.text()));
  // The form of the address that the server prints at its first start.
  await page.goto(`${server.url}/dashboard${options.token ? `#token=${options.token}` : ""}`);
  return { page, consoleErrors };
}

const status = (page: Page, text: string) => page.getByRole("status").filter({ hasText: text }).waitFor();
const region = (page: Page, name: string) => page.getByRole("region", { name });

/** A session with a connected participant, and the event that they get at its end. */
async function crowd(): Promise<{ id: string; over: () => Promise<string> }> {
  const post = async (path: string, body: unknown) =>
    (await fetch(server.url + path, { method: "POST", body: JSON.stringify(body) })).json();
  const { session_id: id } = await post("/api/sessions", {});
  const joined = await post(`/api/sessions/${id}/join`, { display_name: "Wilhelmina" });
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${server.url}/health`);
  await page.evaluate(async (token) => {
    const socket = new WebSocket(`/ws?token=${token}`);
    const ended = new Promise<string>((heard) => {
      socket.addEventListener("message", ({ data }) => {
        if (String(data).includes("session_ended")) heard(String(data));
      });
    });
    Object.assign(globalThis, { ended });
    await new Promise((opened) => socket.addEventListener("message", opened, { once: true }));
    socket.send(JSON.stringify({ type: "location_update", data: { lat: 12.3456789, lng: 98.7654321 } }));
  }, joined.websocket_token);
  return { id, over: () => page.evaluate(() => (globalThis as unknown as { ended: Promise<string> }).ended) };
}

describe("the dashboard", () => {
  for (const [name, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ["light", "dark"] as const) {
      it(`is readable on a ${name}, ${colorScheme}`, async () => {
        server = await Server.start({ ADMIN_TOKEN: TOKEN });
        await crowd();
        const { page, consoleErrors } = await open({ viewport, colorScheme, token: TOKEN });
        expect(page.url(), "the token stays in no history").toBe(`${server.url}/dashboard`);
        await status(page, texts.status("healthy"));
        await page.getByRole("button", { name: /^End session/ }).waitFor();
        await expect.poll(() => region(page, texts.jobs).textContent()).toContain("clean up");
        await expect.poll(() => region(page, texts.settings).textContent()).toContain("MAX_SESSION_HOURS");
        expect(await accessibilityViolations(page)).toEqual([]);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        expect(wider).toBeLessThanOrEqual(0);
        expect(consoleErrors).toEqual([]);
      });
    }
  }

  it("ends a session after a confirmation, and shows no names", async () => {
    server = await Server.start({ ADMIN_TOKEN: TOKEN });
    const { id, over } = await crowd();
    const { page } = await open({ token: TOKEN });
    const end = page.getByRole("button", { name: /^End session/ });
    await end.click();
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.getByRole("button", { name: texts.cancel }).click();
    expect((await fetch(`${server.url}/api/sessions/${id}`)).status).toBe(200);
    const headers = { authorization: `Bearer ${TOKEN}` };
    const state = await (await fetch(`${server.url}/dashboard/state`, { headers })).text();
    expect(state).toContain("participants");
    for (const secret of [id, "Wilhelmina", "12.345", "98.765"]) expect(state).not.toContain(secret);
    await end.click();
    await page.getByRole("button", { name: texts.endSession, exact: true }).click();
    expect(await over()).toContain("ended_by_creator");
    await region(page, texts.rooms).getByText(texts.noRooms).waitFor();
    expect((await fetch(`${server.url}/api/sessions/${id}`)).status).toBe(404);
  });

  it("opens with the admin token alone", async () => {
    server = await Server.start({ ADMIN_TOKEN: TOKEN });
    const { page } = await open();
    await page.getByLabel(texts.token).fill("a token that is as long as the right one");
    await page.getByRole("button", { name: texts.open }).click();
    await status(page, texts.tokenInvalid);
    expect(await accessibilityViolations(page)).toEqual([]);
    await page.getByLabel(texts.token).fill(TOKEN);
    await page.getByRole("button", { name: texts.open }).click();
    await status(page, texts.status("healthy"));
    expect(await region(page, texts.settings).textContent()).not.toContain(TOKEN);
  });

  it("opens with the token generated at the first start, also after a restart", async () => {
    server = await Server.start();
    const made = await server.adminToken();
    const { page } = await open({ token: made });
    await status(page, texts.status("healthy"));
    await server.kill();
    await status(page, texts.noAnswer);
    await server.startAgain();
    expect(await server.adminToken()).toBe(made);
    await status(page, texts.status("healthy"));
  });

  it("is closed without the token, also from the same machine", async () => {
    server = await Server.start();
    for (const path of ["/dashboard/state", "/metrics"]) {
      for (const headers of [{}, { "x-forwarded-for": "192.0.2.1" }, { authorization: "Bearer x" }]) {
        expect((await fetch(server.url + path, { headers })).status, path).toBe(401);
      }
    }
    const ended = await fetch(`${server.url}/dashboard/sessions/x/end`, { method: "POST" });
    expect([ended.status, (await ended.json()).code]).toEqual([401, "UNAUTHENTICATED"]);
  });
});
