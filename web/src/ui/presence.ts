import { formatAge, formatDistance, isFresh } from "../format";
import { t } from "../i18n/texts";
import type { RosterEntry } from "../roster";
import type { Person } from "../session";
import { isRough } from "../sharing-state";

/** "now", "now · ± 2 km", "40 s ago · page in background", "offline · last seen 2 min ago", "paused". */
export function describePresence({ person, presence, ageMs }: RosterEntry): string {
  const reason = reasonFor(person, presence === "live");
  if (ageMs === null) return reason ?? t.noPositionYet;
  if (presence === "live") {
    const accuracy = person.position?.accuracy;
    const roughness = isRough(accuracy) ? t.rough(formatDistance(accuracy)) : null;
    return [formatAge(ageMs), roughness, reason].filter(Boolean).join(" · ");
  }
  if (reason && isFresh(ageMs)) return reason;
  return `${reason ?? t.reason.unknown} · ${t.lastSeen(formatAge(ageMs))}`;
}

/**
 * "Paused" and "stopped" are a choice, so they come before "offline", and "offline" before any other status. A live
 * position needs no reason: it may come from an app, which has no connection.
 */
function reasonFor({ status, isOffline }: Person, isLive: boolean): string | null {
  if (isOffline && !isLive && status !== "paused" && status !== "stopped") return t.reason.offline;
  return status === null || status === "sharing" ? null : t.reason[status];
}
