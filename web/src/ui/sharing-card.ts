import { formatDistance, formatDuration } from "../format";
import { t } from "../i18n/texts";
import { type SharingFacts, type SharingState, sharingState } from "../sharing-state";
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

/** The state of one's own sharing, and the buttons that change it. `watching` stands for a watcher. */
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
    update(facts: SharingFacts) {
      const state = sharingState(facts);
      const words = wordsFor(state, facts, options);
      setText(text, words.text);
      setText(title, words.title);
      if (shown === state) return;
      shown = state;
      element.dataset.state = state;
      // The pressed button is replaced by its opposite, which gets the focus.
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

function wordsFor(state: SharingState, facts: SharingFacts, options: SharingCardOptions): Words {
  const { connection, accuracy, ageMs } = facts;
  const [title, text] = t.sharing[state];
  const words = { title, text, actions: actionsFor(state, options) };
  switch (state) {
    case "searching":
      return connection === "offline" ? { ...words, text: t.seenAgain } : words;
    case "rough":
      return { ...words, text: t.roughText(formatDistance(accuracy ?? 0)) };
    case "quiet":
      return { ...words, title: t.quietTitle(formatDuration(ageMs ?? 0)) };
    case "app":
    case "elsewhere":
      return connection === "offline" ? { ...words, text: t.unknownOffline } : words;
    default:
      return words;
  }
}

function actionsFor(state: SharingState, { onStart, onPause, onStop, onJoin }: SharingCardOptions): Action[] {
  const start: Action = [t.shareMyLocation, "locate", "primary", onStart];
  const here: Action = [t.shareHere, "locate", "primary", onStart];
  const stop: Action = [t.stop, "stop", "stop", onStop];
  const pause: Action = [t.pause, "pause", "", onPause];
  const resume: Action = [t.resume, "play", "primary", onStart];
  switch (state) {
    case "watching":
      return [[t.joinToShare, null, "primary", onJoin]];
    case "off":
      return [start];
    case "on":
    case "rough":
    case "interrupted":
    case "refused":
      return [pause, stop];
    case "searching":
    case "prompting":
    case "no_gps":
    case "quiet":
      return [stop];
    case "app":
    case "app_quiet":
      return [start, stop];
    case "elsewhere":
    case "elsewhere_quiet":
      return [here, stop];
    case "paused":
      return [resume, stop];
    case "denied":
      return [[t.tryAgain, null, "", onStart]];
    case "insecure":
    case "unsupported":
      return [];
  }
}
