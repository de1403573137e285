import { formatCount } from "../format";
import type { TrackPoint } from "../gpx";
import { t } from "../i18n/texts";
import type { EndReason } from "../session";
import { brandLink } from "./brand";
import { h, type Page } from "./dom";
import { saveGpx } from "./gpx-file";
import { icon } from "./icons";

export interface SessionEnd {
  reason: EndReason;
  sessionName: string | null;
  /** One's own track, as far as this page has recorded it. */
  track: readonly TrackPoint[];
}

const CAN_COME_BACK: ReadonlySet<EndReason> = new Set(["left", "removed", "full", "locked", "replaced"]);
/** Reasons without a note about stored data: one was never in the session, or still is. */
const IS_NO_END: ReadonlySet<EndReason> = new Set(["gone", "full", "locked", "replaced"]);

/** The page after the end: the reason, the stored data, and one's own track to download. */
export function endedPage(
  { reason, sessionName, track }: SessionEnd,
  goHome: () => void,
  joinAgain: () => void,
): Page {
  const canComeBack = CAN_COME_BACK.has(reason);
  return {
    title: t.endedTitle[reason],
    element: h(
      "main",
      { class: "page ended" },
      brandLink(goHome),
      h(
        "div",
        { class: "invitation" },
        sessionName !== null && h("p", { class: "eyebrow", dir: "auto" }, sessionName),
        h("h1", { tabindex: -1 }, t.endedTitle[reason]),
        h("p", { class: "pitch" }, t.endedText[reason]),
      ),
      !IS_NO_END.has(reason) &&
        h("section", { class: "card kept" }, h("h2", {}, t.kept), h("p", {}, t.keptNothing)),
      track.length > 1 && trackCard(sessionName, track),
      canComeBack &&
        h("button", { class: "button primary large", type: "button", click: joinAgain }, t.joinAgain),
      h(
        "button",
        { class: `button large ${canComeBack ? "" : "primary"}`, type: "button", click: goHome },
        t.startAnother,
      ),
    ),
  };
}

function trackCard(sessionName: string | null, track: readonly TrackPoint[]): HTMLElement {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, t.ownTrack),
    h("p", {}, t.ownTrackText(formatCount(track.length))),
    h(
      "button",
      { class: "button", type: "button", click: () => saveGpx(sessionName, track) },
      icon("download"),
      t.downloadGpx,
    ),
  );
}
