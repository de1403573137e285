import type { ConnectionState } from "./connection";
import type { SharingPhase } from "./sharing";

/** All that is known of one's own sharing. */
export interface SharingFacts {
  phase: SharingPhase | "watching";
  connection: ConnectionState;
  /** The server did not take the newest position. */
  isRefused: boolean;
  /** The browser is asking the person. */
  isPrompting: boolean;
  /** Of the newest position, in metres. */
  accuracy: number | null;
  /** Of the newest position, on this device. */
  ageMs: number | null;
  /** One's own position is on the map, whoever sends it. */
  isOnMap: boolean;
}

/** What the page says about it: `on` and `rough` alone mean that the others see one. */
export type SharingState =
  | SharingFacts["phase"]
  | "prompting"
  | "interrupted"
  | "refused"
  | "rough"
  | "app_quiet"
  | "elsewhere_quiet";

const ROUGH_METRES = 250;

/** A place in a circle this large is an area, not a place. */
export function isRough(accuracy: number | null | undefined): accuracy is number {
  return typeof accuracy === "number" && accuracy >= ROUGH_METRES;
}

export function sharingState(facts: SharingFacts): SharingState {
  const { phase, connection, isOnMap } = facts;
  const isQuiet = connection === "online" && !isOnMap;
  switch (phase) {
    case "searching":
      return facts.isPrompting ? "prompting" : phase;
    case "on":
      return stateWhileOn(facts);
    case "app":
      return isQuiet ? "app_quiet" : phase;
    case "elsewhere":
      return isQuiet ? "elsewhere_quiet" : phase;
    default:
      return phase;
  }
}

function stateWhileOn({ connection, isRefused, accuracy }: SharingFacts): SharingState {
  if (connection !== "online") return "interrupted";
  if (isRefused) return "refused";
  return isRough(accuracy) ? "rough" : "on";
}
