import type { Status } from "./channel";
import { isRefused, type SharingPhase } from "./sharing";

/** What the person chose. `sharing`: share from a tab. `app`: share by a tracker app. */
export type Intent = "sharing" | "app" | "paused" | "stopped";

/** The last choice and the tab in which it was made: one for each membership, shared by all tabs. */
export interface Choice {
  intent: Intent;
  tab: string;
}

/** The role of one tab under a choice. `elsewhere`: another tab shares. `unasked`: no choice yet. */
export type Role = Intent | "elsewhere" | "unasked";

export function roleOf(choice: Choice | undefined, tab: string): Role {
  if (!choice) return "unasked";
  return choice.intent === "sharing" && choice.tab !== tab ? "elsewhere" : choice.intent;
}

/**
 * The status that this tab sends. Null for none: the server has one status for a person, which belongs to the tab or the
 * app that shares.
 */
export function statusOf(role: Role, phase: SharingPhase, isPageHidden: boolean): Status | null {
  switch (role) {
    case "unasked":
    case "elsewhere":
      return null;
    case "app":
      return "sharing";
    case "paused":
    case "stopped":
      return role;
    case "sharing":
      return statusOfTab(phase, isPageHidden);
  }
}

function statusOfTab(phase: SharingPhase, isPageHidden: boolean): Status {
  if (phase === "off" || isRefused(phase)) return "stopped";
  if (isPageHidden) return "hidden";
  return phase === "no_gps" || phase === "quiet" ? "no_gps" : "sharing";
}
