import { h } from "../ui/dom";

type Cell = string | HTMLElement;

interface TableSection {
  element: HTMLElement;
  show(rows: Cell[][]): void;
  focus(): void;
}

interface TableOptions {
  id: string;
  title: string;
  note?: string;
  columns: string[];
  /** Shown in place of a table without rows. */
  empty: string;
}

/** A titled table that scrolls sideways by itself, by the keyboard too. */
export function tableSection({ id, title, note, columns, empty }: TableOptions): TableSection {
  const titleId = `${id}-title`;
  const region = h("div", { class: "scroll", role: "region", "aria-labelledby": titleId, tabindex: 0 });
  return {
    element: h(
      "section",
      {},
      h("h2", { id: titleId }, title),
      note ? h("p", { class: "note" }, note) : null,
      region,
    ),
    show(rows) {
      // A button that has the focus would lose it with the row.
      if (region.contains(document.activeElement) && document.activeElement !== region) return;
      region.replaceChildren(rows.length === 0 ? h("p", {}, empty) : table(columns, rows));
    },
    focus: () => region.focus(),
  };
}

function table(columns: string[], rows: Cell[][]): HTMLElement {
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ...columns.map((column) => h("th", { scope: "col" }, column)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell))))),
  );
}
