import { locale, t } from "./i18n/texts";

export const usesMiles = /-(US|GB|LR|MM)$/.test(locale);
const METRES_PER_FOOT = 0.3048;
const METRES_PER_MILE = 1609.344;

/** Creating a formatter costs a hundred times as much as formatting. */
const formatters = new Map<string, Intl.NumberFormat>();
function numberFormat(key: string, options: () => Intl.NumberFormatOptions): Intl.NumberFormat {
  let format = formatters.get(key);
  if (!format) {
    format = new Intl.NumberFormat(locale, options());
    formatters.set(key, format);
  }
  return format;
}

const inUnit = (value: number, unit: string, digits = 0, unitDisplay: "short" | "narrow" = "short") =>
  numberFormat(`${unit} ${digits} ${unitDisplay}`, () => ({
    style: "unit",
    unit,
    unitDisplay,
    maximumFractionDigits: digits,
  })).format(value);
const relativeTime = new Intl.RelativeTimeFormat(locale, { style: "narrow", numeric: "always" });

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
  return numberFormat("percent", () => ({ style: "percent", maximumFractionDigits: 0 })).format(share);
}

export function formatCount(count: number): string {
  return numberFormat("count", () => ({})).format(count);
}

/** The position of a standing person is sent every 10 s, so up to this age it counts as current. */
const STILL_NOW_MS = 12_000;

export function isFresh(ageMs: number): boolean {
  return ageMs < STILL_NOW_MS;
}

/** "42s", "2m": short, for markers. */
export function formatShortAge(ageMs: number): string {
  return formatDuration(ageMs, "narrow");
}

export function formatAge(ageMs: number): string {
  if (isFresh(ageMs)) return t.now;
  const seconds = Math.round(ageMs / 1000);
  if (seconds < 90) return relativeTime.format(-seconds, "second");
  if (seconds < 5400) return relativeTime.format(-Math.round(seconds / 60), "minute");
  return relativeTime.format(-Math.round(seconds / 3600), "hour");
}

/** "3 h 20 min", and seconds only in the last minute. */
export function formatDuration(ms: number, unitDisplay: "short" | "narrow" = "short"): string {
  const inWords = (value: number, unit: string) => inUnit(value, unit, 0, unitDisplay);
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return inWords(Math.max(0, Math.floor(ms / 1000)), "second");
  const hours = Math.floor(minutes / 60);
  const parts = hours > 0 ? [inWords(hours, "hour")] : [];
  if (minutes % 60 > 0) parts.push(inWords(minutes % 60, "minute"));
  return parts.join(" ");
}

/** Small values in seconds, so that an interval or a clock error is not rounded. */
export function formatSeconds(seconds: number): string {
  return seconds < 120 ? inUnit(seconds, "second") : formatDuration(seconds * 1000);
}
