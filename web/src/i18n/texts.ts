import { de } from "./de";
import { en, type Texts } from "./en";

const LANGUAGES: Record<string, Texts> = { en, de };

/** The first of the reader's languages that has texts. */
export function textsFor(languages: readonly string[]): Texts {
  for (const language of languages) {
    const texts = LANGUAGES[language.slice(0, 2).toLowerCase()];
    if (texts) return texts;
  }
  return en;
}

const languages = typeof navigator === "undefined" ? [] : navigator.languages;

export const t = textsFor(languages);

/** The locale for numbers and units: the reader's region, if its language is the one shown. */
export const locale = languages.find((language) => language.startsWith(t.language)) ?? t.language;
