import { t } from "./texts";
import { trackersDe } from "./trackers-de";
import { type TrackerTexts, trackersEn } from "./trackers-en";

const LANGUAGES: Record<string, TrackerTexts> = { en: trackersEn, de: trackersDe };

/** What is said of tracker apps, in the language of all other texts: loaded with their sheet, for few people open it. */
export const trackerTexts: TrackerTexts = LANGUAGES[t.language] ?? trackersEn;
