import { isolated } from "../i18n/isolated";

let shown: string | null = null;

/** Sets the window title to the title of the page, if it has one. */
export function showTitle(page: string | null): void {
  const title = page === null ? "Tagalong" : `${isolated(page)} · Tagalong`;
  if (title !== shown) document.title = title;
  shown = title;
}
