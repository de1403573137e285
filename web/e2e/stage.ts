import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { openBrowser, Somebody } from "./people";
import { Server } from "./server";

type Options = Parameters<typeof Somebody.arrive>[1];

/** One browser and one server for all tests of a file. People who arrived leave at the end of their test. */
export class Stage {
  browser!: Browser;
  server!: Server;
  readonly people: Somebody[] = [];

  constructor(private readonly defaults: Options = {}) {
    beforeAll(async () => {
      this.browser = await openBrowser();
      this.server = await Server.start();
    });
    afterEach(async () => {
      for (const { context } of this.people.splice(0)) await context.close();
    });
    afterAll(async () => {
      await this.browser.close();
      await this.server.stop();
    });
  }

  async arrive(options: Options = {}): Promise<Somebody> {
    const somebody = await Somebody.arrive(this.browser, { ...this.defaults, ...options });
    this.people.push(somebody);
    return somebody;
  }
}
