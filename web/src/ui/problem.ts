import { ApiError } from "../api";
import { t } from "../i18n/texts";
import { h } from "./dom";
import { icon } from "./icons";

/** The text that a person reads for an error of the server. */
export function describeProblem(error: unknown): string {
  const code = error instanceof ApiError ? error.code : "INTERNAL";
  switch (code) {
    case "OFFLINE":
      return t.noServer;
    case "DISPLAY_NAME_TAKEN":
      return t.nameTaken;
    case "INVALID_PARAMETERS":
      return refusedField((error as ApiError).details) ?? t.somethingFailed(code);
    case "SESSION_LOCKED":
      return t.lockedTitle;
    case "RATE_LIMITED":
      return t.tooManyRequests;
    default:
      return t.somethingFailed(code);
  }
}

/** The server's own messages are for developers, in English. */
function refusedField(details: ApiError["details"]): string | undefined {
  const texts: Record<string, string> = t.refusedField;
  return Object.keys(details).flatMap((field) => texts[field] ?? [])[0];
}

/** A live region for error messages. */
export function problemLine(): HTMLElement & { show(text: string | null): void } {
  const line = h("p", { class: "problem", role: "alert", hidden: true });
  return Object.assign(line, {
    show(text: string | null) {
      line.hidden = text === null;
      line.replaceChildren(...(text === null ? [] : [icon("alert"), text]));
    },
  });
}
