import { isolated } from "../i18n/isolated";

let shown: string | null = null;

/** What the window is called: as the page in it, if that has a name of its own. */
export function showTitle(page: string | null): void {
  const title = page === null ? "Tagalong" : `${isolated(page)} · Tagalong`;
  if (title !== shown) document.title = title;
  shown = title;
}
