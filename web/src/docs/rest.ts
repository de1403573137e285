import { h } from "../ui/dom";
import { code, section } from "./parts";
import { fields, kind, type Schema, type Schemas, whole } from "./schema";

interface Body {
  required?: boolean;
  content?: Record<
    string,
    { schema?: Schema; example?: unknown; examples?: Record<string, { value: unknown; summary?: string }> }
  >;
}

interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

interface Operation {
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: Body;
  responses: Record<string, Body & { description?: string }>;
  security?: Record<string, unknown>[];
}

export interface OpenApi {
  info: { version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema & { example?: unknown }> };
}

export function rest(description: OpenApi): HTMLElement {
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) =>
      operationOf(method.toUpperCase(), path, operation, description.components.schemas),
    ),
  );
  return section(
    "rest",
    "REST",
    h("p", {}, "As OpenAPI 3.1: ", h("a", { href: "/api/openapi.json" }, "/api/openapi.json")),
    ...operations,
  );
}

function operationOf(method: string, path: string, operation: Operation, schemas: Schemas): HTMLElement {
  const tokens = (operation.security ?? []).flatMap((security) => Object.keys(security));
  const parameters = operation.parameters ?? [];
  return h(
    "details",
    { class: "operation" },
    h(
      "summary",
      {},
      h("code", {}, h("b", {}, method), ` ${path}`),
      h("span", { class: "about" }, operation.summary ?? ""),
    ),
    operation.description ? h("p", {}, operation.description) : null,
    tokens.length > 0
      ? h(
          "p",
          {},
          "Header ",
          h("code", {}, "Authorization: Bearer …"),
          ` with the token of the ${tokens.join(" or the ")}`,
        )
      : null,
    parameters.length > 0 ? h("h4", {}, "Parameters") : null,
    parameters.length > 0
      ? h(
          "dl",
          { class: "fields" },
          ...parameters.flatMap((parameter) => [
            h(
              "dt",
              {},
              h("code", {}, parameter.name),
              " ",
              h("span", { class: "kind" }, kind(whole(parameter.schema ?? {}, schemas))),
            ),
            h("dd", {}, parameter.description ?? ""),
          ]),
        )
      : null,
    body("Body", operation.requestBody, schemas),
    ...Object.entries(operation.responses).map(([status, answer]) =>
      body(`${status}${status.startsWith("2") ? "" : " refused"}`, answer, schemas),
    ),
  );
}

function body(
  title: string,
  body: Body | undefined,
  schemas: Record<string, Schema & { example?: unknown }>,
): HTMLElement | null {
  const json = body?.content?.["application/json"];
  if (!json) return null;
  const name = JSON.stringify(json.schema ?? {}).match(/schemas\/(\w+)/)?.[1];
  const refusals = Object.entries(json.examples ?? {});
  const example = json.example ?? (name ? schemas[name]?.example : undefined);
  return h(
    "div",
    {},
    h("h4", {}, title),
    refusals.length > 0
      ? h(
          "ul",
          {},
          ...refusals.map(([refusal, { summary }]) =>
            h("li", {}, h("code", {}, refusal), ` ${summary ?? ""}`),
          ),
        )
      : fields(json.schema ?? {}, schemas),
    example === undefined ? null : code(JSON.stringify(example, null, 2), `${title}, example`),
  );
}
