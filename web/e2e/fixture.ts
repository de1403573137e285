import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { openBrowser, Person } from "./person";
import { Server } from "./server";

type Options = Parameters<typeof Person.open>[1];

/** One browser and one server for all tests of a file. The pages of a test are closed at its end. */
export class Fixture {
  browser!: Browser;
  server!: Server;
  readonly people: Person[] = [];

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

  async open(options: Options = {}): Promise<Person> {
    const person = await Person.open(this.browser, { ...this.defaults, ...options });
    this.people.push(person);
    return person;
  }
}
