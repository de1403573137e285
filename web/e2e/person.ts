import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Geolocation,
  type Page,
  type WebSocket,
} from "playwright-core";
import { isolated } from "../src/i18n/isolated";
import { DEADLINE_MS } from "./deadline";

/** Places along a street, about 100 m apart. */
const PLACES = Array.from({ length: 8 }, (_, step) => ({
  latitude: 48.1374 + step * 0.0009,
  longitude: 11.5755,
  accuracy: 8,
}));

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--enable-unsafe-swiftshader",
      // A name other than localhost, which without HTTPS is not a secure context.
      "--host-resolver-rules=MAP tagalong.test 127.0.0.1",
    ],
  });
}

/** A person with a browser context of their own. */
export class Person {
  /** Errors of the page and its console. Tests expect none. */
  readonly consoleErrors: string[] = [];

  private socket: WebSocket | null = null;

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {
    page.on("websocket", (socket) => {
      this.socket = socket;
    });
    page.on("pageerror", (error) => this.consoleErrors.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error") this.consoleErrors.push(message.text());
    });
  }

  static async open(browser: Browser, options: BrowserContextOptions & { place?: number | null } = {}) {
    const { place = 0, ...rest } = options;
    const context = await browser.newContext({
      locale: "en",
      viewport: { width: 390, height: 844 },
      ...(place !== null && { permissions: ["geolocation"], geolocation: PLACES[place] }),
      ...rest,
    });
    context.setDefaultTimeout(DEADLINE_MS);
    return new Person(context, await context.newPage());
  }

  async moveTo(place: number | Geolocation): Promise<void> {
    await this.context.setGeolocation(typeof place === "number" ? (PLACES[place] ?? null) : place);
  }

  /** Moves and waits until the position has been sent. */
  async travelTo(place: Geolocation): Promise<void> {
    const isSent = ({ payload }: { payload: string | Buffer }) =>
      String(payload).includes(`"lat":${place.latitude}`);
    await Promise.all([this.socket?.waitForEvent("framesent", isSent), this.moveTo(place)]);
  }

  /** Starts a session and returns its link. */
  async startSession(url: string, name = "Sunday ride"): Promise<string> {
    await this.page.goto(url);
    await this.page.getByLabel("Name").fill(name);
    await this.page.getByRole("button", { name: "Start a session" }).click();
    await this.page.getByRole("button", { name: "Continue" }).click();
    await this.page.getByRole("button", { name: "Join", exact: true }).waitFor();
    return this.page.url();
  }

  async join(name: string, link?: string): Promise<void> {
    if (link) await this.page.goto(link);
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByRole("button", { name: "Join", exact: true }).click();
    await this.isLive();
  }

  async watch(link: string): Promise<void> {
    await this.page.goto(link);
    await this.page.getByRole("button", { name: "Watch only" }).click();
    await this.isLive();
  }

  isLive(): Promise<void> {
    return this.page.locator('.connection[data-state="online"]').waitFor();
  }

  async openList(): Promise<void> {
    const toggle = this.page.locator(".panel-toggle");
    if ((await toggle.getAttribute("aria-expanded")) === "false") await toggle.click();
  }

  /** Waits until the list shows this text for the person. */
  async sees(name: string, says: string | RegExp = ""): Promise<void> {
    await this.openList();
    await this.row(name).filter({ hasText: says }).waitFor();
  }

  async doesNotList(name: string): Promise<void> {
    await this.openList();
    await this.row(name).waitFor({ state: "detached" });
  }

  row(name: string) {
    return this.page.locator(".person-main", { hasText: name });
  }

  marker(name: string) {
    return this.page.locator(`.marker[aria-label^="${isolated(name)}, "]`);
  }

  async press(name: string): Promise<void> {
    await this.page.getByRole("button", { name, exact: true }).click();
  }

  async chooseFromMenu(item: string): Promise<void> {
    await this.press("Session menu");
    await this.press(item);
  }

  async confirm(action: string): Promise<void> {
    await this.page.getByRole("dialog").getByRole("button", { name: action, exact: true }).click();
  }

  /** As when another application is opened. A headless browser cannot hide a page in another way. */
  hidePage(): Promise<void> {
    return this.setVisibility("hidden");
  }

  showPage(): Promise<void> {
    return this.setVisibility("visible");
  }

  private setVisibility(state: DocumentVisibilityState): Promise<void> {
    return this.page.evaluate((value) => {
      Object.defineProperty(document, "visibilityState", { configurable: true, value });
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    }, state);
  }

  heading(text: string | RegExp): Promise<void> {
    return this.page.getByRole("heading", { level: 1, name: text }).waitFor();
  }

  /** The storage keys of all sessions. */
  storedKeys(): Promise<string[]> {
    return this.page.evaluate(() =>
      [...Object.keys(localStorage), ...Object.keys(sessionStorage)].filter((key) => key !== "tagalong:name"),
    );
  }
}
