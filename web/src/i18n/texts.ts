import { de } from "./de";
import { en, type Texts } from "./en";

const LANGUAGES: Record<string, Texts> = { en, de };

/** The first of the reader's languages that there are texts for. */
export function textsFor(languages: readonly string[]): Texts {
  for (const language of languages) {
    const texts = LANGUAGES[language.slice(0, 2).toLowerCase()];
    if (texts) return texts;
  }
  return en;
}

const languages = typeof navigator === "undefined" ? [] : navigator.languages;

export const t = textsFor(languages);

/** The locale for numbers and units: the reader's own region, as long as it is in the language shown. */
export const locale = languages.find((language) => language.startsWith(t.language)) ?? t.language;
