import { t } from "../i18n/texts";
import type { SharingPhase } from "../sharing";
import { h, setText } from "./dom";
import { type IconName, icon } from "./icons";

export interface SharingCardOptions {
  onStart(): void;
  onPause(): void;
  onStop(): void;
  onJoin(): void;
}

type Action = [label: string, icon: IconName | null, style: string, run: () => void];

interface Words {
  title: string;
  text: string;
  actions: Action[];
}

/** What one shares right now, and the one tap that changes it. `watching` stands for a watcher. */
export function sharingCard(options: SharingCardOptions) {
  const title = h("p", { class: "sharing-title" });
  const text = h("p", { class: "sharing-text" });
  const actions = h("div", { class: "actions" });
  const element = h(
    "section",
    { class: "sharing" },
    h("div", { class: "sharing-words", role: "status" }, title, text),
    actions,
  );
  let shown = "";
  return {
    element,
    update(phase: SharingPhase | "watching", isOffline: boolean) {
      const words = wordsFor(phase, options);
      setText(text, isOffline && (phase === "on" || phase === "searching") ? t.sharingOffline : words.text);
      if (shown === phase) return;
      shown = phase;
      element.dataset.phase = phase;
      title.textContent = words.title;
      // The button that was pressed is replaced by its opposite, which should then have the focus.
      const hadFocus = actions.contains(document.activeElement);
      actions.replaceChildren(...words.actions.map(actionButton));
      if (hadFocus) (actions.firstElementChild as HTMLElement | null)?.focus();
    },
  };
}

function actionButton([label, iconName, style, run]: Action): HTMLElement {
  return h(
    "button",
    { class: `button ${style}`, type: "button", click: run },
    iconName && icon(iconName),
    label,
  );
}

function wordsFor(
  phase: SharingPhase | "watching",
  { onStart, onPause, onStop, onJoin }: SharingCardOptions,
): Words {
  const start: Action = [t.shareMyLocation, "locate", "primary", onStart];
  const here: Action = [t.shareHere, "locate", "primary", onStart];
  const retry: Action = [t.tryAgain, null, "", onStart];
  const stop: Action = [t.stop, "stop", "stop", onStop];
  const pause: Action = [t.pause, "pause", "", onPause];
  const resume: Action = [t.resume, "play", "primary", onStart];
  switch (phase) {
    case "watching":
      return { title: t.watching, text: t.watchingText, actions: [[t.joinToShare, null, "primary", onJoin]] };
    case "off":
      return { title: t.notSharing, text: t.notSharingText, actions: [start] };
    case "searching":
      return { title: t.searching, text: t.sharingText, actions: [stop] };
    case "on":
      return { title: t.sharing, text: t.sharingText, actions: [pause, stop] };
    case "app":
      return { title: t.appSharing, text: t.appSharingText, actions: [start, stop] };
    case "elsewhere":
      return { title: t.tabSharing, text: t.tabSharingText, actions: [here, stop] };
    case "paused":
      return { title: t.paused, text: t.pausedText, actions: [resume, stop] };
    case "no_gps":
      return { title: t.noGps, text: t.noGpsText, actions: [stop] };
    case "denied":
      return { title: t.denied, text: t.deniedText, actions: [retry] };
    case "insecure":
      return { title: t.insecure, text: t.insecureText, actions: [] };
    case "unsupported":
      return { title: t.unsupported, text: t.unsupportedText, actions: [] };
  }
}
