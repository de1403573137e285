import { formatDuration } from "../format";
import { t } from "../i18n/texts";
import type { Membership } from "../membership";
import { joinPath } from "../route";
import { h } from "./dom";
import { icon } from "./icons";

/** The sessions of which this browser has a membership, as links. */
export function yourSessions(
  places: { sessionId: string; membership: Membership }[],
  open: (sessionId: string) => void,
): HTMLElement | false {
  const running = places.filter(({ membership: { endsAt } }) => endsAt !== undefined && endsAt > Date.now());
  if (running.length === 0) return false;
  return h(
    "section",
    { class: "card your-sessions", "aria-labelledby": "your-sessions" },
    h("h2", { id: "your-sessions" }, t.yourSessions),
    h(
      "ul",
      {},
      ...running.map(({ sessionId, membership }) => h("li", {}, link(sessionId, membership, open))),
    ),
  );
}

function link(
  sessionId: string,
  { name, endsAt = 0 }: Membership,
  open: (sessionId: string) => void,
): HTMLElement {
  const click = (event: Event) => {
    event.preventDefault();
    open(sessionId);
  };
  return h(
    "a",
    { class: "your-session", href: joinPath(sessionId), click },
    h(
      "span",
      { class: "person-words" },
      h("bdi", { class: "your-session-name" }, name ?? t.untitled),
      h("span", { class: "hint" }, t.timeLeft(formatDuration(endsAt - Date.now()))),
    ),
    h("span", { class: "your-session-return" }, t.comeBack, icon("forward")),
  );
}
