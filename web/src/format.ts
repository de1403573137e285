import { locale, t } from "./i18n/texts";

const usesMiles = /-(US|GB|LR|MM)$/.test(locale);
const METRES_PER_FOOT = 0.3048;
const METRES_PER_MILE = 1609.344;

const inUnit = (value: number, unit: string, digits = 0) =>
  new Intl.NumberFormat(locale, { style: "unit", unit, maximumFractionDigits: digits }).format(value);

export function formatDistance(metres: number): string {
  const [small, large] = usesMiles
    ? [metres / METRES_PER_FOOT, metres / METRES_PER_MILE]
    : [metres, metres / 1000];
  const [smallUnit, largeUnit] = usesMiles ? ["foot", "mile"] : ["meter", "kilometer"];
  if (small < 1000) return inUnit(small < 50 ? small : Math.round(small / 10) * 10, smallUnit as string);
  return inUnit(large, largeUnit as string, large < 10 ? 1 : 0);
}

export function formatSpeed(metresPerSecond: number): string {
  return usesMiles
    ? inUnit((metresPerSecond * 3600) / METRES_PER_MILE, "mile-per-hour")
    : inUnit(metresPerSecond * 3.6, "kilometer-per-hour");
}

export function formatAltitude(metres: number): string {
  return usesMiles ? inUnit(metres / METRES_PER_FOOT, "foot") : inUnit(metres, "meter");
}

export function formatPercent(share: number): string {
  return new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

export function formatCount(count: number): string {
  return new Intl.NumberFormat(locale).format(count);
}

/** A standing person is heard of every 10 s; up to there a position is as fresh as it gets. */
const STILL_NOW_MS = 12_000;

export function isFresh(ageMs: number): boolean {
  return ageMs < STILL_NOW_MS;
}

export function formatAge(ageMs: number): string {
  if (isFresh(ageMs)) return t.now;
  const ago = new Intl.RelativeTimeFormat(locale, { style: "narrow", numeric: "always" });
  const seconds = Math.round(ageMs / 1000);
  if (seconds < 90) return ago.format(-seconds, "second");
  if (seconds < 5400) return ago.format(-Math.round(seconds / 60), "minute");
  return ago.format(-Math.round(seconds / 3600), "hour");
}

/** "3 h 20 min", and seconds only in the last minute. */
export function formatDuration(ms: number, unitDisplay: "short" | "narrow" = "short"): string {
  const inWords = (value: number, unit: string) =>
    new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay }).format(value);
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return inWords(Math.max(0, Math.floor(ms / 1000)), "second");
  const hours = Math.floor(minutes / 60);
  const parts = hours > 0 ? [inWords(hours, "hour")] : [];
  if (minutes % 60 > 0) parts.push(inWords(minutes % 60, "minute"));
  return parts.join(" ");
}
