/** Colours to choose from: far apart from one another, and each dark enough for white initials. */
export const PALETTE = [
  "#C2410C",
  "#1D4ED8",
  "#A21CAF",
  "#15803D",
  "#B91C1C",
  "#0E7490",
  "#6D28D9",
  "#A16207",
  "#BE185D",
  "#475569",
] as const;

export function firstUnusedColor(used: readonly string[]): string {
  const taken = new Set(used.map((color) => color.toUpperCase()));
  return PALETTE.find((color) => !taken.has(color)) ?? PALETTE[used.length % PALETTE.length] ?? PALETTE[0];
}

/** The initials of a name, at most two. Splits by grapheme, so an emoji stays whole. */
export function initials(name: string): string {
  // "Ben (gone)" is Ben: the text from the first bracket or quote on is dropped, unless nothing is left.
  const words = (name.replace(/[([{<"'„“].*$/u, "").trim() || name).trim().split(/\s+/u).filter(Boolean);
  const first = firstCharacter(words[0] ?? "?");
  const last = words.length > 1 ? firstCharacter(words[words.length - 1] ?? "") : "";
  return (first + last).toLocaleUpperCase();
}

function firstCharacter(word: string): string {
  const [segment] = new Intl.Segmenter().segment(word);
  return segment?.segment ?? "";
}

/** Black or white, the one with more contrast on the colour (other clients may send any colour). */
export function inkOn(color: string): "#000" | "#fff" {
  const luminance = relativeLuminance(color);
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#fff" : "#000";
}

function relativeLuminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return channel <= 0.03928 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
