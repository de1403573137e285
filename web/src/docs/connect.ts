import dart from "../../../docs/connect/live.dart?raw";
import kotlin from "../../../docs/connect/live.kt?raw";
import javascript from "../../../docs/connect/live.mjs?raw";
import python from "../../../docs/connect/live.py?raw";
import rust from "../../../docs/connect/live.rs?raw";
import swift from "../../../docs/connect/live.swift?raw";
import shell from "../../../docs/connect/session.sh?raw";
import { h } from "../ui/dom";
import { code, section } from "./parts";

/** The most used languages first. */
const PROGRAMS = [
  { language: "JavaScript", text: javascript, isTested: true },
  { language: "Python", text: python, isTested: true },
  { language: "Rust", text: rust, isTested: true },
  { language: "Dart", text: dart, isTested: false },
  { language: "Swift", text: swift, isTested: false },
  { language: "Kotlin", text: kotlin, isTested: false },
];

export function connect(): HTMLElement {
  const here = shell.replace("http://localhost:4000", location.origin);
  return section(
    "connect",
    "Connect in five minutes",
    h("p", {}, "Save this as ", h("code", {}, "session.sh"), ". It creates a session with one participant:"),
    code(here, "session.sh"),
    h(
      "p",
      {},
      "Run ",
      h("code", {}, 'eval "$(sh session.sh)"'),
      ", then one of these programs. Each shares a position and prints the positions of the others:",
    ),
    ...PROGRAMS.map(({ language, text, isTested }) =>
      h(
        "details",
        { class: "operation" },
        h(
          "summary",
          {},
          h("code", {}, language),
          h("span", { class: "about" }, isTested ? "runs in our tests" : "not run in our tests"),
        ),
        code(withoutAttributes(text), language),
      ),
    ),
    h(
      "p",
      {},
      "To see it move, open ",
      h("code", {}, `${location.origin}/join/`),
      " followed by the session's id.",
    ),
  );
}

/** Without the attributes that only this project needs. */
function withoutAttributes(text: string): string {
  return text.replace(/^#!\[.*\n\n?/m, "");
}
