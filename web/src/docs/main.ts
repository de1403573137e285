import { brandMark } from "../ui/brand";
import { h } from "../ui/dom";
import { connect } from "./connect";
import { type AsyncApi, live } from "./live";
import { type OpenApi, rest } from "./rest";
import "./docs.css";

async function read<T>(address: string): Promise<T> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return answer.json();
}

function page(openApi: OpenApi, asyncApi: AsyncApi): HTMLElement {
  const places = [
    ["connect", "Connect"],
    ["rest", "REST"],
    ["live", "WebSocket"],
  ] as const;
  return h(
    "main",
    { class: "docs" },
    h("a", { class: "brand", href: "/" }, brandMark(), "Tagalong"),
    h("h1", {}, `API, version ${openApi.info.version}`),
    h(
      "nav",
      { "aria-label": "On this page" },
      ...places.map(([id, title]) => h("a", { href: `#${id}` }, title)),
    ),
    connect(),
    rest(openApi),
    live(asyncApi),
  );
}

function unreachable(): HTMLElement {
  const again = h(
    "button",
    { class: "button primary", type: "button", click: () => void open() },
    "Try again",
  );
  return h("main", { class: "docs" }, h("h1", {}, "The server cannot be reached"), again);
}

async function open(): Promise<void> {
  try {
    const descriptions = await Promise.all([
      read<OpenApi>("/api/openapi.json"),
      read<AsyncApi>("/api/asyncapi.json"),
    ]);
    document.body.replaceChildren(page(...descriptions));
  } catch {
    document.body.replaceChildren(unreachable());
  }
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

void open();
