import { formatDuration } from "../format";
import { t } from "../i18n/texts";
import { h, setText } from "./dom";

/** Announced once each, when this much time is left. */
const WARNINGS_MS = [600_000, 300_000, 60_000];

/** A line for the last ten minutes, with a button for the creator to extend the session. */
export function endingLine(say: (text: string) => void, onExtend: (() => void) | null) {
  const text = h("p", {});
  const button =
    onExtend && h("button", { class: "button small", type: "button", click: onExtend }, t.extend);
  const element = h("div", { class: "ending", hidden: true }, text, button);
  let warned = 0;
  return {
    element,
    update(remainingMs: number | null) {
      const passed = WARNINGS_MS.filter((warning) => remainingMs !== null && remainingMs <= warning).length;
      element.hidden = remainingMs === null || passed === 0;
      if (remainingMs === null) return;
      if (passed > 0) setText(text, t.endsIn(formatDuration(remainingMs)));
      if (passed > warned) say(t.endsIn(formatDuration(Math.ceil(remainingMs / 60_000) * 60_000)));
      warned = passed;
    },
  };
}
