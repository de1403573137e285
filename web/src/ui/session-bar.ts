import { formatDuration } from "../format";
import { t } from "../i18n/texts";
import type { SessionState } from "../session";
import { h, setText } from "./dom";
import { icon } from "./icons";

/** The session's name, the remaining time and the state of the connection. Always visible. */
export function sessionBar(onInvite: () => void, onMenu: () => void) {
  const name = h("h1", { tabindex: -1, dir: "auto" });
  const time = h("span", { class: "bar-time" });
  const connection = h("span", { class: "connection", role: "status" });
  const polling = h("p", { class: "bar-polling", hidden: true }, t.polling);
  const locked = h("span", { class: "bar-locked", hidden: true }, icon("lock"), t.locked);
  const element = h(
    "header",
    { class: "bar" },
    h(
      "div",
      { class: "bar-words" },
      name,
      h("p", { class: "bar-facts" }, connection, locked, time),
      h("div", { role: "status" }, polling),
    ),
    h("button", { class: "button bar-invite", type: "button", click: onInvite }, icon("invite"), t.invite),
    h("button", { class: "icon-button", type: "button", "aria-label": t.menu, click: onMenu }, icon("menu")),
  );
  return {
    element,
    update(state: SessionState, now: number) {
      setText(name, state.name ?? t.untitled);
      locked.hidden = !state.locked;
      setText(time, state.endsAt === null ? "" : t.timeLeft(formatDuration(state.endsAt - now, "narrow")));
      polling.hidden = !state.isPolling;
      connection.dataset.state = state.connection;
      setText(connection, { online: t.live, connecting: t.connecting, offline: t.offline }[state.connection]);
    },
  };
}
