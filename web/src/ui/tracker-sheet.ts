import type { Tracker } from "../api";
import { formatDuration } from "../format";
import { t } from "../i18n/texts";
import { h, setText } from "./dom";
import { qrCode } from "./qr-code";
import { openSheet } from "./sheet";

/** The apps for this phone, or all of them where it is not a phone: then they are set up by scanning. */
export function openTrackerSheet(
  trackers: Tracker[],
  positionLifeMs: number,
  expect: (onArrival: () => void) => void,
): void {
  const phone = phoneAtHand();
  const details = h("div", { class: "tracker" });
  const choose = (tracker: Tracker, chosen: HTMLElement) => {
    for (const button of apps.children) button.setAttribute("aria-pressed", String(button === chosen));
    const status = h("p", { role: "status" }, t.appWaiting);
    details.replaceChildren(...setUp(tracker, phone !== null), status);
    expect(() => setText(status, t.appArrived));
  };
  const offered = trackers.filter(({ platforms }) => phone === null || platforms.includes(phone));
  const apps = h("div", { class: "actions" }, ...offered.map((tracker) => appButton(tracker, choose)));
  openSheet(
    t.pocket,
    h("p", {}, t.pocketText, " ", t.shownFor(formatDuration(positionLifeMs)), " ", t.pocketBattery),
    apps,
    details,
  );
}

function appButton(tracker: Tracker, choose: (tracker: Tracker, chosen: HTMLElement) => void): HTMLElement {
  const button = h(
    "button",
    { class: "button", type: "button", "aria-label": t.setUp(tracker.name), "aria-pressed": "false" },
    tracker.name,
  );
  button.addEventListener("click", () => choose(tracker, button));
  return button;
}

function setUp(tracker: Tracker, isOnPhone: boolean): Node[] {
  const { name, link, qr, body, address, shows_others: showsOthers } = tracker;
  const shows = h("p", {}, showsOthers ? t.showsOthers : t.showsYouOnly);
  if (body !== null) {
    return [shows, h("p", {}, t.setUpPaste), pasted(t.appAddress, address), pasted(t.appBody, body)];
  }
  if (isOnPhone && link !== null) {
    return [shows, h("p", {}, t.setUpLink), h("a", { class: "button primary", href: link }, t.openIn(name))];
  }
  return [shows, h("p", {}, t.setUpScan), qrCode(qr, t.appQr(name)), pasted(t.appAddress, address)];
}

function pasted(label: string, text: string): HTMLElement {
  const field = h("input", { class: "link", readonly: true, value: text });
  field.addEventListener("focus", () => field.select());
  return h("label", { class: "field" }, h("span", {}, label), field);
}

function phoneAtHand(): "ios" | "android" | null {
  const { userAgent, maxTouchPoints } = navigator;
  if (/Android/.test(userAgent)) return "android";
  // An iPad calls itself a Mac, but no Mac has a touch screen.
  const isIos = /iPhone|iPad/.test(userAgent) || (/Macintosh/.test(userAgent) && maxTouchPoints > 1);
  return isIos ? "ios" : null;
}
