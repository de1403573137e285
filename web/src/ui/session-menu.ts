import { formatDuration } from "../format";
import { t } from "../i18n/texts";
import { h } from "./dom";
import { type IconName, icon } from "./icons";
import { openSheet } from "./sheet";

interface MenuOptions {
  title: string;
  isWatcher: boolean;
  onPocket: (() => void) | null;
  onLeave(): void;
  onDownload: (() => void) | null;
  /** Only for the creator. */
  creator: {
    isLocked: boolean;
    onLock(locked: boolean): void;
    onChangeEnd(minutes: number): void;
    onEnd(): void;
  } | null;
}

const NEW_ENDS_MINUTES = [60, 240, 720, 1440];

export function openSessionMenu({
  title,
  isWatcher,
  onPocket,
  onLeave,
  onDownload,
  creator,
}: MenuOptions): void {
  const closing = (run: () => void) => () => {
    sheet.close();
    run();
  };
  const sheet = openSheet(
    title,
    ...(creator ? [creatorPart(creator)] : []),
    h(
      "div",
      { class: "menu" },
      onPocket && menuItem("pocket", t.pocket, closing(onPocket)),
      onDownload && menuItem("download", t.downloadTrack, closing(onDownload)),
      menuItem("leave", isWatcher ? t.stopWatching : t.leave, closing(onLeave)),
      creator && menuItem("stop", t.end, closing(creator.onEnd), "danger-quiet"),
    ),
  );
}

function menuItem(iconName: IconName, label: string, run: () => void, style = ""): HTMLElement {
  return h("button", { class: `menu-item ${style}`, type: "button", click: run }, icon(iconName), label);
}

function creatorPart({ isLocked, onLock, onChangeEnd }: NonNullable<MenuOptions["creator"]>): HTMLElement {
  const lock = h("input", { type: "checkbox", role: "switch", checked: isLocked });
  lock.addEventListener("change", () => onLock(lock.checked));
  const ends = NEW_ENDS_MINUTES.map((minutes) =>
    h(
      "button",
      { class: "button small", type: "button", click: () => onChangeEnd(minutes) },
      formatDuration(minutes * 60_000),
    ),
  );
  return h(
    "div",
    { class: "creator" },
    h("label", { class: "switch" }, h("span", {}, t.lock), lock),
    h(
      "div",
      { class: "field", role: "group", "aria-label": t.changeEnd },
      h("span", { class: "legend" }, t.changeEnd),
      h("div", { class: "actions" }, ...ends),
    ),
  );
}
