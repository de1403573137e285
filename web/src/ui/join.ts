import {
  ApiError,
  getParticipants,
  getSession,
  isGone,
  joinSession,
  type ListedParticipant,
  type Session,
  watchSession,
} from "../api";
import { formatDuration } from "../format";
import { t } from "../i18n/texts";
import { choose, readMembership, readName, storeName, updateMembership } from "../membership";
import type { EndReason } from "../session";
import { avatar } from "./avatar";
import { brandLink } from "./brand";
import { colorChoice } from "./color-choice";
import { h, type Page } from "./dom";
import { icon } from "./icons";
import { describeProblem, problemLine } from "./problem";
import { showTitle } from "./window-title";

interface JoinOptions {
  sessionId: string;
  goHome(): void;
  /** Called once the membership is stored. */
  enter(): void;
  showEnded(reason: EndReason): void;
}

/** The page of a session before one joins or watches it. */
export function joinPage(options: JoinOptions): Page {
  const content = h("div", { class: "join-content", "aria-busy": "true" });
  const leaving = new AbortController();
  const load = async () => {
    content.replaceChildren(h("div", { class: "card skeleton", role: "status" }, t.loading));
    try {
      const { session, participants } = await ask(options.sessionId);
      showTitle(session.name ?? t.untitled);
      const way = session.locked ? lockedCard(load) : joinForm(session, participants ?? [], options);
      const isOwn = readMembership(options.sessionId).creatorToken !== undefined;
      content.replaceChildren(...describe(session, participants, isOwn), way);
    } catch (error) {
      if (isGone(error)) options.showEnded(reasonOf(error));
      else {
        content.replaceChildren(loadProblem(error, load));
        window.addEventListener("online", load, { once: true, signal: leaving.signal });
      }
    }
    content.removeAttribute("aria-busy");
  };
  void load();
  return {
    title: null,
    element: h("main", { class: "page join" }, brandLink(options.goHome), content),
    dispose: () => leaving.abort(),
  };
}

/** Before joining, only the creator may list the participants of a locked session. */
async function ask(sessionId: string) {
  const { creatorToken } = readMembership(sessionId);
  const session = await getSession(sessionId, creatorToken);
  const isTold = !session.locked || creatorToken !== undefined;
  return { session, participants: isTold ? await getParticipants(sessionId, creatorToken) : null };
}

function reasonOf(error: ApiError): EndReason {
  if (error.code === "SESSION_EXPIRED") return "expired";
  return error.code === "SESSION_ENDED" ? "over" : "gone";
}

function loadProblem(error: unknown, retry: () => void): HTMLElement {
  const problem = problemLine();
  problem.show(describeProblem(error));
  return h(
    "div",
    { class: "card" },
    problem,
    h("button", { class: "button primary", type: "button", click: retry }, t.tryAgain),
  );
}

/** Without the participants if they cannot be listed. */
function describe(session: Session, participants: ListedParticipant[] | null, isOwn: boolean): HTMLElement[] {
  const remaining = Date.parse(session.expires_at) - Date.parse(session.server_time);
  const faces = (participants ?? [])
    .slice(0, 6)
    .map((person) => avatar(person.display_name, person.avatar_color));
  const count = session.participant_count;
  return [
    h(
      "div",
      { class: "invitation" },
      h("p", { class: "eyebrow" }, isOwn ? t.yourSession : t.youAreInvited),
      h("h1", { tabindex: -1, dir: "auto" }, session.name ?? t.untitled),
      h(
        "p",
        { class: "facts" },
        participants && h("span", {}, icon("people"), count === 0 ? t.nobodyHereYet : t.peopleHere(count)),
        h("span", {}, icon("clock"), t.timeLeft(formatDuration(remaining))),
      ),
      faces.length > 0 && h("div", { class: "faces" }, ...faces),
    ),
  ];
}

function lockedCard(retry: () => void): HTMLElement {
  return h(
    "div",
    { class: "card" },
    h("h2", {}, t.lockedTitle),
    h("p", {}, t.lockedNote),
    h("button", { class: "button", type: "button", click: retry }, t.tryAgain),
  );
}

function joinForm(session: Session, participants: ListedParticipant[], options: JoinOptions): HTMLElement {
  const { sessionId, enter } = options;
  const problem = problemLine();
  const name = h("input", {
    id: "name",
    name: "name",
    maxlength: 100,
    autocomplete: "nickname",
    required: true,
    value: readName(),
  });
  const colors = colorChoice(participants.map((person) => person.avatar_color));
  const fullNote = h("p", {}, t.sessionFull(session.max_participants));
  const isFull = session.participant_count >= session.max_participants;

  const attempt = (button: HTMLButtonElement, take: () => Promise<void>) => async () => {
    problem.show(null);
    button.disabled = true;
    try {
      await take();
      enter();
    } catch (error) {
      if (isGone(error)) options.showEnded(reasonOf(error));
      else problem.show(describeRefusal(error, session, button === watchButton));
      // Otherwise the note "you can still watch" would stay above the error that nobody can.
      if (codeOf(error) === "SESSION_FULL" && button === watchButton) fullNote.remove();
      button.disabled = false;
    }
  };

  const joinButton = h("button", { class: "button primary large", type: "submit" }, t.join);
  const watchButton = h("button", { class: "button", type: "button" }, icon("eye"), t.watchOnly);
  const join = attempt(joinButton, async () => {
    const joined = await joinSession(sessionId, {
      display_name: name.value.trim(),
      avatar_color: colors.value(),
    });
    storeName(name.value.trim());
    updateMembership(sessionId, { token: joined.websocket_token, userId: joined.user_id });
    choose(sessionId, "sharing");
  });
  const watch = attempt(watchButton, async () => {
    const watching = await watchSession(sessionId);
    updateMembership(sessionId, { token: watching.websocket_token });
  });
  watchButton.addEventListener("click", watch);
  const submit = (event: Event) => {
    event.preventDefault();
    if (name.value.trim()) return void join();
    problem.show(t.nameMissing);
    name.focus();
  };

  const watchPart = h("div", { class: "watch-part" }, watchButton, h("p", { class: "note" }, t.watchNote));
  if (isFull) {
    return h("div", { class: "card" }, fullNote, problem, watchPart);
  }
  return h(
    "form",
    { class: "card", submit, novalidate: true },
    h("div", { class: "field" }, h("label", { for: "name" }, t.yourName), name),
    colors.element,
    problem,
    joinButton,
    h(
      "p",
      { class: "note" },
      t.joinNote,
      " ",
      t.shownFor(formatDuration(session.location_ttl_seconds * 1000)),
    ),
    watchPart,
  );
}

function describeRefusal(error: unknown, session: Session, isWatching: boolean): string {
  if (codeOf(error) !== "SESSION_FULL") return describeProblem(error);
  return isWatching ? t.watchersFull : t.sessionFull(session.max_participants);
}

function codeOf(error: unknown): string | null {
  return error instanceof ApiError ? error.code : null;
}
