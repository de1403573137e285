import type { Browser, CDPSession, Page } from "playwright-core";
import { afterAll, beforeAll, it } from "vitest";
import { openBrowser, Person } from "./person";
import { Server } from "./server";

/** What a page costs its phone among others: run with `make page-cost`. Thread time, so that a busy machine does not matter much. */
const SECONDS = Number(process.env.PAGE_COST_SECONDS ?? 15);
const PEOPLE = Number(process.env.PAGE_COST_PEOPLE ?? 50);
const STEP_MS = 2_000;
const SLOWDOWN = 4;
const CENTRE = { latitude: 52.5145, longitude: 13.3501, accuracy: 12 };

let crowdBrowser: Browser;
let browser: Browser;
let server: Server;
beforeAll(async () => {
  server = await Server.start();
  crowdBrowser = await openBrowser();
  browser = await openBrowser();
});
afterAll(async () => {
  await browser.close();
  await crowdBrowser.close();
  await server.stop();
});

/** So many people on plain WebSockets in a browser of their own, on their way or standing. */
async function crowd(link: string, count: number, isMoving: boolean): Promise<Page> {
  const page = await crowdBrowser.newPage();
  await page.goto(server.url);
  const sessionId = link.split("/").pop() ?? "";
  const options = { sessionId, count, isMoving, stepMs: STEP_MS, centre: CENTRE };
  await page.evaluate(async ({ sessionId, count, isMoving, stepMs, centre }) => {
    const join = async (index: number) => {
      const answer = await fetch(`/api/sessions/${sessionId}/join`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ display_name: `Person ${index}` }),
      });
      const { websocket_token: token } = await answer.json();
      const socket = new WebSocket(`${location.origin.replace("http", "ws")}/ws?token=${token}`);
      await new Promise((resolve) => socket.addEventListener("open", resolve));
      // The same places each time, spread over a kilometre.
      const angle = index * 2.4;
      const radius = 0.0045 * Math.sqrt((index + 1) / count);
      let step = 0;
      const tell = () => {
        const turn = isMoving ? step * 0.15 : 0;
        const data = {
          lat: centre.latitude + radius * Math.cos(angle) + 0.0003 * Math.cos(angle + turn),
          lng: centre.longitude + 1.6 * (radius * Math.sin(angle) + 0.0003 * Math.sin(angle + turn)),
          accuracy: 8,
          heading: (angle * 57 + step * 9) % 360,
          speed: isMoving ? 3 : 0,
        };
        socket.send(JSON.stringify({ type: "location_update", data }));
        step += 1;
      };
      tell();
      setTimeout(() => setInterval(tell, isMoving ? stepMs : 10_000), (index / count) * stepMs);
    };
    for (let index = 0; index < count; index++) await join(index);
  }, options);
  return page;
}

interface Cost {
  busy: number;
  script: number;
  longest: number;
  longTasks: number;
}

async function costOf(page: Page, cdp: CDPSession): Promise<Cost> {
  const metrics = async () => {
    const { metrics: found } = await cdp.send("Performance.getMetrics");
    return Object.fromEntries(found.map(({ name, value }) => [name, value])) as Record<string, number>;
  };
  await page.evaluate(() => {
    const tasks: number[] = [];
    Object.assign(globalThis, { longTasks: tasks });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) tasks.push(duration);
    }).observe({ type: "longtask" });
  });
  const before = await metrics();
  const startedAt = performance.now();
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000));
  const after = await metrics();
  const seconds = (performance.now() - startedAt) / 1_000;
  const tasks = await page.evaluate(() => (globalThis as unknown as { longTasks: number[] }).longTasks);
  const share = (name: string) => (100 * ((after[name] ?? 0) - (before[name] ?? 0))) / seconds;
  return {
    busy: share("TaskDuration"),
    script: share("ScriptDuration"),
    longest: Math.max(0, ...tasks),
    longTasks: tasks.length,
  };
}

/** A tap where the button is, without waiting until the page has come to rest. */
async function tapList(page: Page): Promise<void> {
  const box = await page.locator(".panel-toggle").boundingBox();
  if (box) await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
}

/** From a tap until it is drawn, in milliseconds of wall time, as the browser measures it. */
async function slowestTap(page: Page): Promise<number> {
  await page.evaluate(() => {
    const taps: number[] = [];
    Object.assign(globalThis, { taps });
    new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) taps.push(duration);
    }).observe({ type: "event", durationThreshold: 16 } as PerformanceObserverInit);
  });
  for (let tap = 0; tap < 6; tap++) {
    await tapList(page);
    await new Promise((resolve) => setTimeout(resolve, 700));
  }
  return page.evaluate(() => Math.max(0, ...(globalThis as unknown as { taps: number[] }).taps));
}

async function framesPerSecond(page: Page): Promise<number> {
  await browser.startTracing(page, { categories: ["viz", "cc", "benchmark"] });
  await new Promise((resolve) => setTimeout(resolve, SECONDS * 1_000));
  const trace = JSON.parse(String(await browser.stopTracing())) as { traceEvents: { name: string }[] };
  return trace.traceEvents.filter(({ name }) => name === "Display::DrawAndSwap").length / SECONDS;
}

async function among(
  count: number,
  isMoving: boolean,
): Promise<{ ada: Person; cdp: CDPSession; people: Page }> {
  const ada = await Person.open(browser, { geolocation: CENTRE });
  const link = await ada.startSession(server.url);
  const people = await crowd(link, count - 1, isMoving);
  await ada.join("Ada");
  await ada.marker("You").waitFor();
  await ada.page.locator(".count", { hasText: String(count) }).waitFor();
  const cdp = await ada.context.newCDPSession(ada.page);
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  return { ada, cdp, people };
}

const row = (what: string, { busy, script, longest, longTasks }: Cost) =>
  `| ${what} | ${busy.toFixed(1)} % | ${script.toFixed(1)} % | ${longTasks} | ${longest.toFixed(0)} ms |`;

it("measures what a page costs its phone", async () => {
  const table = [
    "| | main thread busy | script | tasks over 50 ms | longest |",
    "| --- | --- | --- | --- | --- |",
  ];
  const { ada, cdp, people } = await among(PEOPLE, true);
  table.push(row(`${PEOPLE} people at 2 s, list folded`, await costOf(ada.page, cdp)));
  await tapList(ada.page);
  table.push(row(`${PEOPLE} people at 2 s, list open`, await costOf(ada.page, cdp)));
  await tapList(ada.page);
  await cdp.send("Emulation.setCPUThrottlingRate", { rate: SLOWDOWN });
  table.push(row(`${PEOPLE} people at 2 s, ${SLOWDOWN} × slower`, await costOf(ada.page, cdp)));
  const tap = await slowestTap(ada.page);
  await ada.context.close();
  await people.close();

  const still = await among(PEOPLE, false);
  table.push(row(`${PEOPLE} people who stand still`, await costOf(still.ada.page, still.cdp)));
  const crowdFrames = await framesPerSecond(still.ada.page);
  await still.ada.context.close();
  await still.people.close();
  const alone = await Person.open(browser, { geolocation: CENTRE });
  await alone.startSession(server.url);
  await alone.join("Ada");
  await alone.marker("You").waitFor();
  const aloneFrames = await framesPerSecond(alone.page);
  await alone.context.close();

  console.log(
    [
      ...table,
      "",
      `Slowest of six taps at ${SLOWDOWN} × slower, until drawn: ${tap.toFixed(0)} ms`,
      `Frames drawn while everyone stands still: ${crowdFrames.toFixed(1)}/s among ${PEOPLE}, ${aloneFrames.toFixed(1)}/s alone`,
    ].join("\n"),
  );
});
