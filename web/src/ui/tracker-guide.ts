import type { Tracker } from "../api";
import { formatSeconds } from "../format";
import { trackerTexts } from "../i18n/tracker-texts";
import { copyField } from "./copy-field";
import { h } from "./dom";
import { qrCode } from "./qr-code";

export type Platform = "ios" | "android";

type Setting = Tracker["settings"][number];
type AppKey = keyof typeof trackerTexts.startApp;

/** Settings that are too long to type. */
const COPIED = new Set(["url", "device_id", "tracker_id", "body"]);

/** How to set up an app, on this phone or, from a computer, on another one. */
export function trackerGuide(tracker: Tracker, phone: Platform | null): Node[] {
  const { name, shows_others: showsOthers, settings, link } = tracker;
  return [
    h("p", {}, showsOthers ? trackerTexts.showsOthers : trackerTexts.showsYouOnly),
    h("ol", { class: "steps" }, ...steps(tracker, phone).map((step) => h("li", {}, ...step))),
    h(
      "section",
      { class: "by-hand", "aria-label": trackerTexts.byHand(name) },
      h("h3", {}, phone !== null && link === null ? trackerTexts.byHand(name) : trackerTexts.orByHand(name)),
      ...settings.map(settingRow),
    ),
  ];
}

function steps(tracker: Tracker, phone: Platform | null): (Node | string)[][] {
  const { app } = tracker;
  const start = trackerTexts.startApp[app as AppKey];
  return [
    getApp(tracker, phone),
    ...forPlatforms(tracker, phone, trackerTexts.allowLocation),
    ...(app === "owntracks" ? forPlatforms(tracker, phone, trackerTexts.allowConfiguration) : []),
    handOver(tracker, phone),
    ...(start ? [[start]] : []),
  ];
}

function getApp({ name, stores }: Tracker, phone: Platform | null): (Node | string)[] {
  const links = stores
    .filter(({ platform }) => phone === null || platform === phone)
    .map(({ platform, url }) =>
      h(
        "a",
        { href: url, target: "_blank", rel: "noopener noreferrer" },
        phone === null && stores.length > 1
          ? trackerTexts.getAppFor(name, platformName(platform))
          : trackerTexts.getApp(name),
      ),
    );
  return links.flatMap((link, place) => (place === 0 ? [link] : [" · ", link]));
}

/** The steps that depend on the platform. Where it is unknown, all of them, each with its name. */
function forPlatforms(
  { platforms }: Tracker,
  phone: Platform | null,
  texts: Record<Platform, string>,
): string[][] {
  const meant = platforms.filter((platform): platform is Platform => phone === null || platform === phone);
  return meant.map((platform) => [
    meant.length > 1 ? `${platformName(platform)}: ${texts[platform]}` : texts[platform],
  ]);
}

function platformName(platform: string): string {
  return trackerTexts.platform[platform as Platform] ?? platform;
}

/** A phone cannot scan its own screen: it gets a link, or the settings to copy. */
function handOver({ app, name, link, qr }: Tracker, phone: Platform | null): (Node | string)[] {
  if (phone === null) {
    const isRead = link !== null || app === "traccar";
    return [
      isRead ? trackerTexts.setUpScan(name) : trackerTexts.scanAddress,
      qrCode(qr, trackerTexts.appQr(name)),
    ];
  }
  if (link === null) return [trackerTexts.setUpByHand];
  return [trackerTexts.setUpLink, h("a", { class: "button primary", href: link }, trackerTexts.openIn(name))];
}

function settingRow({ setting, value }: Setting): HTMLElement {
  const label = trackerTexts.setting[setting as keyof typeof trackerTexts.setting] ?? setting;
  if (COPIED.has(setting)) return copyField(label, value);
  return h("p", { class: "setting" }, h("span", {}, label), h("strong", {}, inWords(setting, value)));
}

function inWords(setting: string, value: string): string {
  if (setting.endsWith("_seconds")) return formatSeconds(Number(value));
  if (value === "") return trackerTexts.leaveEmpty;
  return trackerTexts.settingValue[value as keyof typeof trackerTexts.settingValue] ?? value;
}
