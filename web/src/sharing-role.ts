import type { Status } from "./channel";
import { isRefused, type SharingPhase } from "./sharing";

/** What a person wants of the sharing. `sharing`: from a tab. `app`: by a tracker app. */
export type Intent = "sharing" | "app" | "paused" | "stopped";

/** What the person asked for last, and in which tab. There is one for each seat, and every tab reads the same. */
export interface Choice {
  intent: Intent;
  tab: string;
}

/** What a choice makes of one tab. `elsewhere`: another tab shares. `unasked`: nobody has chosen yet. */
export type Role = Intent | "elsewhere" | "unasked";

export function roleOf(choice: Choice | undefined, tab: string): Role {
  if (!choice) return "unasked";
  return choice.intent === "sharing" && choice.tab !== tab ? "elsewhere" : choice.intent;
}

/**
 * What the others are told. Null: it is not for this tab to say, and whatever it said would count for the tab or
 * the app that does share.
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
