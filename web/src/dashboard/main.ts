import { h, setText } from "../ui/dom";
import { content } from "./content";
import { endDialog } from "./end-dialog";
import {
  type DashboardState,
  hasToken,
  keepToken,
  requestEnd,
  requestState,
  takeTokenFromAddress,
} from "./server";
import { texts } from "./texts";
import "./dashboard.css";

const REFRESH_MS = 2000;

const version = h("small");
/** A screen reader reads it out, so it is written only when it changes. */
const status = h("p", { class: "note", role: "status" }, texts.loading);
const token = h("input", {
  id: "token",
  type: "password",
  autocomplete: "current-password",
  required: true,
});
const signIn = h(
  "form",
  { class: "sign-in", hidden: true, submit: submitToken },
  h("label", { for: "token" }, texts.token),
  token,
  h("button", { class: "button small" }, texts.open),
);
const dialog = endDialog((alias) => void end(alias));
const shown = content(dialog.ask);

async function refresh(): Promise<void> {
  try {
    const answer = await requestState();
    if (answer.ok) show(await answer.json());
    else if (answer.status === 401) showSignIn();
    else setText(status, texts.unexpectedStatus(answer.status));
  } catch {
    setText(status, texts.noAnswer);
  }
}

function show(state: DashboardState): void {
  setText(version, state.version);
  signIn.hidden = true;
  shown.element.hidden = false;
  shown.show(state);
  setText(status, texts.status(state.health.status));
}

function showSignIn(): void {
  shown.element.hidden = true;
  signIn.hidden = false;
  setText(status, hasToken() ? texts.tokenInvalid : texts.tokenNeeded);
}

function submitToken(event: Event): void {
  event.preventDefault();
  keepToken(token.value);
  token.value = "";
  void refresh();
}

async function end(alias: string): Promise<void> {
  const answer = await requestEnd(alias).catch(() => null);
  shown.focusRooms();
  setText(status, answer?.ok ? texts.sessionEnded : texts.sessionNotEnded);
}

takeTokenFromAddress();
document.body.replaceChildren(
  h("header", {}, h("h1", {}, "Tagalong ", version), status),
  h("main", {}, signIn, shown.element),
  dialog.element,
);
// Without a valid token each request would count as a failed attempt.
setInterval(() => {
  if (!document.hidden && signIn.hidden) void refresh();
}, REFRESH_MS);
void refresh();
