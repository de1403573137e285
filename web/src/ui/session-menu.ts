import { formatDuration } from "../format";
import { t } from "../i18n/texts";
import { h, setText } from "./dom";
import { type IconName, icon } from "./icons";
import { openSheet, type Sheet } from "./sheet";

interface MenuOptions {
  title: string;
  isWatcher: boolean;
  onTrackerSetup: (() => void) | null;
  onLeave(): void;
  onDownload: (() => void) | null;
  /** Only for the creator. */
  creator: CreatorOptions | null;
}

interface CreatorOptions {
  /** By the server's last answer. */
  isLocked(): boolean;
  onLock(locked: boolean): Promise<boolean>;
  /** In minutes. */
  lengths: Promise<number[]>;
  onChangeEnd(minutes: number): Promise<boolean>;
  watchers(): number;
  onRemoveWatchers(): void;
  onEnd(): void;
}

export interface SessionMenu extends Pick<Sheet, "closed"> {
  /** Called when the state of the session has changed. */
  update(): void;
}

export function openSessionMenu({
  title,
  isWatcher,
  onTrackerSetup,
  onLeave,
  onDownload,
  creator,
}: MenuOptions): SessionMenu {
  const closing = (run: () => void) => () => {
    sheet.close();
    run();
  };
  const forCreator = creator && creatorPart(creator);
  const away = creator && watchersItem(creator.watchers, closing(creator.onRemoveWatchers));
  const sheet = openSheet(
    title,
    ...(forCreator ? [forCreator.element] : []),
    h(
      "div",
      { class: "menu" },
      onTrackerSetup && menuItem("pocket", t.pocket, closing(onTrackerSetup)),
      onDownload && menuItem("download", t.downloadTrack, closing(onDownload)),
      menuItem("leave", isWatcher ? t.stopWatching : t.leave, closing(onLeave)),
      away ? away.element : null,
      creator && menuItem("stop", t.end, closing(creator.onEnd), "danger-quiet"),
    ),
  );
  const update = () => {
    forCreator?.update();
    away?.update();
  };
  return { closed: sheet.closed, update };
}

/** Shown while there are watchers. */
function watchersItem(watchers: () => number, run: () => void) {
  const label = h("span", {});
  const element = h("button", { class: "menu-item", type: "button", click: run }, icon("leave"), label);
  const update = () => {
    element.hidden = watchers() === 0;
    setText(label, `${t.removeWatchers} (${watchers()})`);
  };
  update();
  return { element, update };
}

function menuItem(iconName: IconName, label: string, run: () => void, style = ""): HTMLElement {
  return h("button", { class: `menu-item ${style}`, type: "button", click: run }, icon(iconName), label);
}

function creatorPart({ isLocked, onLock, lengths, onChangeEnd }: CreatorOptions) {
  const lock = h("input", { type: "checkbox", role: "switch", checked: isLocked() });
  let isAsking = false;
  const update = () => {
    if (!isAsking) lock.checked = isLocked();
  };
  lock.addEventListener("change", async () => {
    isAsking = true;
    await onLock(lock.checked);
    isAsking = false;
    update();
  });
  const ends = h("div", { class: "actions" });
  const said = h("p", { class: "note", role: "status" });
  const changeEnd = async (minutes: number) => {
    setText(said, "");
    if (await onChangeEnd(minutes)) setText(said, t.endsIn(formatDuration(minutes * 60_000)));
  };
  void lengths.then((offered) =>
    ends.replaceChildren(...offered.map((minutes) => endButton(minutes, changeEnd))),
  );
  const element = h(
    "div",
    { class: "creator" },
    h("label", { class: "switch" }, h("span", {}, t.lock), lock),
    h(
      "div",
      { class: "field", role: "group", "aria-label": t.changeEnd },
      h("span", { class: "legend" }, t.changeEnd),
      ends,
      said,
    ),
  );
  return { element, update };
}

function endButton(minutes: number, run: (minutes: number) => void): HTMLElement {
  return h(
    "button",
    { class: "button small", type: "button", click: () => run(minutes) },
    formatDuration(minutes * 60_000),
  );
}
