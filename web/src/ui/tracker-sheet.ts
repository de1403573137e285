import type { Report, Tracker } from "../api";
import { formatDuration, formatSeconds } from "../format";
import { t } from "../i18n/texts";
import { trackerTexts } from "../i18n/tracker-texts";
import { h, setText } from "./dom";
import { openSheet } from "./sheet";
import { type Platform, trackerGuide } from "./tracker-guide";

/** How often the page requests the result of the last report. */
const ASK_EVERY_MS = 2_500;

interface TrackerSheetOptions {
  trackers: Tracker[];
  positionLifeMs: number;
  /** The last report before the sheet was opened. */
  before: Report | null;
  /** Calls back when the first position of the app is on the map. */
  expect(onArrival: () => void): void;
  ask(): Promise<Report | null>;
}

/** The apps for this phone. On a computer all of them, set up by scanning a QR code. */
export function openTrackerSheet(options: TrackerSheetOptions): void {
  const { trackers, positionLifeMs, expect } = options;
  const phone = phoneAtHand();
  const details = h("div", { class: "tracker" });
  const status = h("p", { role: "status", class: "tracker-status" });
  const choose = (tracker: Tracker, chosen: HTMLElement) => {
    for (const button of apps.children) button.setAttribute("aria-pressed", String(button === chosen));
    details.replaceChildren(...trackerGuide(tracker, phone));
    setText(status, trackerTexts.appWaiting);
    expect(() => setText(status, trackerTexts.appArrived));
  };
  const offered = trackers.filter(({ platforms }) => phone === null || platforms.includes(phone));
  const apps = h("div", { class: "actions" }, ...offered.map((tracker) => appButton(tracker, choose)));
  const sheet = openSheet(
    t.pocket,
    h(
      "p",
      {},
      trackerTexts.pocketText,
      " ",
      t.shownFor(formatDuration(positionLifeMs)),
      " ",
      trackerTexts.pocketBattery,
    ),
    apps,
    details,
    status,
  );
  const stop = followReports(options, (report) => setText(status, describeReport(report, trackers)));
  void sheet.closed.then(stop);
}

function appButton(tracker: Tracker, choose: (tracker: Tracker, chosen: HTMLElement) => void): HTMLElement {
  const button = h(
    "button",
    {
      class: "button",
      type: "button",
      "aria-label": trackerTexts.setUp(tracker.name),
      "aria-pressed": "false",
    },
    tracker.name,
  );
  button.addEventListener("click", () => choose(tracker, button));
  return button;
}

/**
 * Calls back for each new report. With several servers, the one that answers may not be the one that the app reached. It
 * then returns an older report, or none, which is ignored.
 */
function followReports({ before, ask }: TrackerSheetOptions, onReport: (report: Report) => void): () => void {
  let newest = before?.received_at ?? "";
  let timer = 0;
  const next = async () => {
    // The next request may succeed. The session's end closes the page.
    const report = await ask().catch(() => null);
    if (timer === 0) return;
    if (report && report.received_at > newest) {
      newest = report.received_at;
      onReport(report);
    }
    wait();
  };
  const wait = () => {
    timer = window.setTimeout(next, ASK_EVERY_MS);
  };
  wait();
  return () => {
    window.clearTimeout(timer);
    timer = 0;
  };
}

function describeReport({ app, outcome, seconds }: Report, trackers: readonly Tracker[]): string {
  if (outcome === "shown") return trackerTexts.appArrived;
  const name = trackers.find((tracker) => tracker.app === app)?.name ?? app;
  const why =
    trackerTexts.notShown[outcome as keyof typeof trackerTexts.notShown] ??
    trackerTexts.notShown.not_understood;
  return trackerTexts.reportNotShown(name, why(formatSeconds(seconds ?? 0)));
}

function phoneAtHand(): Platform | null {
  const { userAgent, maxTouchPoints } = navigator;
  if (/Android/.test(userAgent)) return "android";
  // An iPad calls itself a Mac, but no Mac has a touch screen.
  const isIos = /iPhone|iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
  return isIos ? "ios" : null;
}
