import { t } from "./texts";
import { trackersDe } from "./trackers-de";
import { type TrackerTexts, trackersEn } from "./trackers-en";

const LANGUAGES: Record<string, TrackerTexts> = { en: trackersEn, de: trackersDe };

/** The texts about tracker apps, in the language of all other texts. Loaded with their sheet, which few people open. */
export const trackerTexts: TrackerTexts = LANGUAGES[t.language] ?? trackersEn;
