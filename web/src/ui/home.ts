import { type Config, createSession, getConfig } from "../api";
import { formatDuration } from "../format";
import { t } from "../i18n/texts";
import { memberships, updateMembership } from "../membership";
import { lengthsUpTo } from "../session-lengths";
import { brandMark } from "./brand";
import { h, type Page } from "./dom";
import { describeProblem, problemLine } from "./problem";
import { scenery } from "./scenery";
import { openShareSheet } from "./share-sheet";
import { yourSessions } from "./your-sessions";

const LONGEST_MINUTES = 1440;
const USUAL_LIFE_SECONDS = 30;
const LONGER_LIVES_SECONDS = [120, 900];
const USUAL_MINUTES = 240;

/** The start page: one form, one button. */
export function homePage(openJoinPage: (sessionId: string) => void): Page {
  const name = h("input", {
    id: "session-name",
    name: "name",
    maxlength: 255,
    autocomplete: "off",
    placeholder: t.sessionNameExample,
  });
  const config = getConfig();
  const durations = durationChoice(config);
  const lives = lifeChoice(config);
  const problem = problemLine();
  const button = h("button", { class: "button primary large", type: "submit" }, t.startSession);

  const start = async (event: Event) => {
    event.preventDefault();
    problem.show(null);
    button.disabled = true;
    button.textContent = t.starting;
    try {
      const created = await createSession(chosen(name.value.trim(), durations.minutes(), lives.seconds()));
      const { session_id: sessionId, creator_token: creatorToken, join_link: joinLink } = created;
      const endsAt = Date.now() + durations.minutes() * 60_000;
      updateMembership(sessionId, { creatorToken, joinLink, name: created.name, endsAt });
      openJoinPage(sessionId);
      await openShareSheet(joinLink, created.name);
    } catch (error) {
      problem.show(describeProblem(error));
    }
    button.disabled = false;
    button.textContent = t.startSession;
  };

  const form = h(
    "form",
    { class: "card", submit: start },
    h(
      "div",
      { class: "field" },
      h("label", { for: "session-name" }, t.sessionName, h("span", { class: "hint" }, t.optional)),
      name,
    ),
    durations.element,
    lives.element,
    problem,
    button,
  );
  return {
    title: null,
    element: h(
      "main",
      { class: "home" },
      scenery(),
      h(
        "div",
        { class: "page" },
        h("div", { class: "hero" }, brandMark(), h("h1", { tabindex: -1 }, "Tagalong")),
        h("p", { class: "tagline" }, t.tagline),
        yourSessions(memberships(), openJoinPage),
        h("p", { class: "pitch" }, t.pitch),
        form,
        h("p", { class: "promise" }, t.promise),
      ),
    ),
  };
}

function chosen(name: string, minutes: number, lifeSeconds: number | null) {
  return {
    expires_in_minutes: minutes,
    ...(name && { name }),
    ...(lifeSeconds !== null && { location_ttl_seconds: lifeSeconds }),
  };
}

/** The durations to choose from. Those that the server does not allow are removed once its configuration has loaded. */
function durationChoice(config: Promise<Config>) {
  const choices = h("div", { class: "segments" });
  const show = (options: number[]) => {
    const usual = options.includes(USUAL_MINUTES) ? USUAL_MINUTES : options[options.length - 1];
    choices.replaceChildren(
      ...options.map((minutes) => segment("duration", minutes, minutes * 60_000, minutes === usual)),
    );
  };
  show(lengthsUpTo(LONGEST_MINUTES));
  config.then(
    ({ max_session_minutes: longest }) => longest !== LONGEST_MINUTES && show(lengthsUpTo(longest)),
    () => {},
  );
  return {
    element: h("fieldset", { class: "field" }, h("legend", {}, t.howLong), choices),
    minutes: () => Number(choices.querySelector<HTMLInputElement>("input:checked")?.value),
  };
}

/** How long positions are shown: the server's default, or longer for phones that send rarely. */
function lifeChoice(config: Promise<Config>) {
  const choices = h("div", { class: "segments" });
  const show = (usual: number) => {
    const lives = [usual, ...LONGER_LIVES_SECONDS.filter((seconds) => seconds > usual)];
    choices.replaceChildren(
      ...lives.map((seconds) =>
        segment("life", seconds === usual ? "" : seconds, seconds * 1000, seconds === usual),
      ),
    );
  };
  show(USUAL_LIFE_SECONDS);
  config.then(
    ({ location_ttl_seconds: usual }) => usual !== USUAL_LIFE_SECONDS && show(usual),
    () => {},
  );
  return {
    element: h("fieldset", { class: "field" }, h("legend", {}, t.howLongShown), choices),
    /** Null for the server's default. */
    seconds: () => Number(choices.querySelector<HTMLInputElement>("input:checked")?.value) || null,
  };
}

function segment(name: string, value: number | string, ms: number, isChecked: boolean): HTMLElement {
  return h(
    "label",
    {},
    h("input", { type: "radio", name, value, checked: isChecked }),
    h("span", {}, formatDuration(ms)),
  );
}
