import type { ConnectionState } from "./connection";
import type { SharingPhase } from "./sharing";

/** The known facts about one's own sharing. */
export interface SharingFacts {
  phase: SharingPhase | "watching";
  connection: ConnectionState;
  /** The server rejected the newest position. */
  isRefused: boolean;
  /** The browser is showing its permission prompt. */
  isPrompting: boolean;
  /** Accuracy of the newest position, in metres. */
  accuracy: number | null;
  /** Age of the newest position, by this device's clock. */
  ageMs: number | null;
  /** One's own position is on the map, sent by this page, another tab or an app. */
  isOnMap: boolean;
}

/** The state that the page shows. Only in `on` and `rough` do the others see a position from this page. */
export type SharingState =
  | SharingFacts["phase"]
  | "prompting"
  | "interrupted"
  | "refused"
  | "rough"
  | "app_quiet"
  | "elsewhere_quiet";

const ROUGH_METRES = 250;

/** From this accuracy on a position is an area rather than a place. */
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
