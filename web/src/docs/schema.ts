import { h } from "../ui/dom";

/** The part of JSON Schema that the server's descriptions use. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  const?: unknown;
  enum?: unknown[];
  format?: string;
  description?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  prefixItems?: Schema[];
  allOf?: Schema[];
  oneOf?: Schema[];
}

export type Schemas = Record<string, Schema>;

/** A schema with its references and parts resolved. */
export function whole(schema: Schema, schemas: Schemas): Schema {
  const named = schema.$ref && schemas[schema.$ref.split("/").at(-1) ?? ""];
  if (named)
    return { ...whole(named, schemas), ...(schema.description && { description: schema.description }) };
  if (schema.oneOf) {
    // An optional value: the type of the value matters to a reader.
    const somethings = schema.oneOf.filter(({ type }) => type !== "null");
    if (somethings.length === 1 && somethings[0]) return { ...schema, ...whole(somethings[0], schemas) };
  }
  const parts = [...(schema.allOf ?? []).map((part) => whole(part, schemas)), schema];
  return {
    ...Object.assign({}, ...parts),
    required: parts.flatMap(({ required = [] }) => required),
    properties: Object.assign({}, ...parts.map(({ properties }) => properties)),
  };
}

/** The type of the value and its bounds, in a few words. */
export function kind(schema: Schema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((choice) => JSON.stringify(choice)).join(" | ");
  const types = [schema.type ?? "any"].flat().filter((type) => type !== "null");
  const bounds = [
    schema.format,
    range(schema.minimum, schema.maximum, ""),
    range(schema.minLength, schema.maxLength, " characters"),
  ].filter(Boolean);
  return [types.join(" | "), ...bounds].join(", ");
}

function range(least: number | undefined, most: number | undefined, unit: string): string {
  if (least === undefined && most === undefined) return "";
  if (most === undefined) return `${least} or more${unit}`;
  return `${least ?? 0} to ${most}${unit}`;
}

/** The fields of an object, those of its parts below them. */
export function fields(schema: Schema, schemas: Schemas): HTMLElement | null {
  const { properties, required = [] } = whole(schema, schemas);
  if (!properties || Object.keys(properties).length === 0) return null;
  return h(
    "dl",
    { class: "fields" },
    ...Object.entries(properties).flatMap(([name, property]) => {
      const known = whole(property, schemas);
      const inner = known.items ? fields(known.items, schemas) : fields(known, schemas);
      return [
        h(
          "dt",
          {},
          h("code", {}, name),
          " ",
          h("span", { class: "kind" }, `${kind(known)}${required.includes(name) ? "" : ", optional"}`),
        ),
        h("dd", {}, known.description ?? "", inner),
      ];
    }),
  );
}
