import { h } from "../ui/dom";
import { code, section } from "./parts";
import { fields, type Schema, whole } from "./schema";

interface Message {
  name: string;
  summary: string;
  payload: Schema;
  examples: { payload: unknown }[];
}

export interface AsyncApi {
  channels: Record<string, { address: string; title: string; description: string }>;
  operations: Record<
    string,
    { action: "send" | "receive"; channel: { $ref: string }; messages: { $ref: string }[] }
  >;
  components: { messages: Record<string, Message>; schemas: Record<string, Schema> };
}

export function live(description: AsyncApi): HTMLElement {
  return section(
    "live",
    "WebSocket",
    h("p", {}, "As AsyncAPI 3: ", h("a", { href: "/api/asyncapi.json" }, "/api/asyncapi.json")),
    ...Object.entries(description.channels).map(([key, { address, title, description: about }]) =>
      h(
        "details",
        { class: "operation" },
        h("summary", {}, h("code", {}, address), h("span", { class: "about" }, title)),
        h("p", {}, about),
        ...(["receive", "send"] as const).flatMap((action) => [
          h("h4", {}, action === "receive" ? "From the client" : "From the server"),
          ...messagesOf(description, `${key}.${action}`),
        ]),
      ),
    ),
  );
}

function messagesOf({ operations, components }: AsyncApi, operation: string): HTMLElement[] {
  const references = operations[operation]?.messages ?? [];
  return references.flatMap(({ $ref }) => {
    const [, , channel, , key] = $ref.split("/");
    const message = components.messages[`${channel}.${key}`];
    if (!message) return [];
    const carried = carriedBy(message.payload, components.schemas);
    return h(
      "div",
      { class: "message" },
      h("p", {}, h("code", {}, h("b", {}, message.name)), ` ${message.summary}`),
      carried && fields(carried, components.schemas),
      ...message.examples.map(({ payload }) => code(JSON.stringify(payload), `${message.name}, example`)),
    );
  });
}

/** The payload of a frame, without the fields that every frame has. */
function carriedBy(frame: Schema, schemas: Record<string, Schema>): Schema | null {
  const payload = frame.prefixItems?.[4] ?? frame.properties?.payload ?? frame;
  const known = whole(payload, schemas);
  return known.properties?.type?.const !== undefined && known.properties.data
    ? known.properties.data
    : payload;
}
