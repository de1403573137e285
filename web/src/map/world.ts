import type { MultiPolygon, Position } from "geojson";
import { loadModule } from "../load-module";
import landUrl from "./land.generated.bin?url";

export async function loadLand(): Promise<MultiPolygon> {
  const bytes = await loadModule(async () => {
    const response = await fetch(landUrl);
    if (!response.ok) throw new Error(`The outline of the world: ${response.status}`);
    return response.arrayBuffer();
  });
  return decodeLand(new Uint8Array(bytes));
}

/** Reads the format of build/world.mjs: counts and steps from point to point, as integers. */
export function decodeLand(bytes: Uint8Array): MultiPolygon {
  const next = numbersIn(bytes);
  const times = <T>(make: () => T): T[] => Array.from({ length: next() }, make);
  const stepsPerDegree = next();
  const ring = () => {
    let x = 0;
    let y = 0;
    return times((): Position => {
      x += next();
      y += next();
      return [x / stepsPerDegree, y / stepsPerDegree];
    });
  };
  return { type: "MultiPolygon", coordinates: times(() => times(ring)) };
}

/** Seven bits to a byte, the lowest first; the sign is the lowest bit of all. */
function numbersIn(bytes: Uint8Array): () => number {
  let at = 0;
  return () => {
    let value = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = bytes[at++] ?? 0;
      value |= (byte & 127) << shift;
      shift += 7;
    } while (byte > 127);
    return value & 1 ? -(value + 1) / 2 : value / 2;
  };
}
