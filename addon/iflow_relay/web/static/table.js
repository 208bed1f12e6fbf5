// Tables that are drawn again and again: what is the same stays, with the selection in it.

import { make, write } from "./dom.js";

/** A table that scrolls within itself, and can be reached by keys. */
export class Table {
  constructor() {
    this.head = make("tr");
    this.body = make("tbody");
    this.table = make("table", {}, make("thead", {}, this.head), this.body);
    this.element = make("div", { "data-table": true, role: "group", tabindex: "0" }, this.table);
    this.columns = "";
  }

  /** `columns` are cells, `rows` have a `key` and `cells`: texts, or {text, isName} to be read as words. */
  draw(label, columns, rows) {
    for (const element of [this.element, this.table]) element.setAttribute("aria-label", label);
    if (this.columns !== JSON.stringify(columns)) {
      this.columns = JSON.stringify(columns);
      this.head.replaceChildren(...columns.map(headed));
      this.body.replaceChildren();
    }
    arrange(this.body, rows);
  }
}

function headed(cell) {
  const element = make("th", { scope: "col" });
  fill(element, cell);
  return element;
}

function arrange(body, rows) {
  const wanted = new Set(rows.map(({ key }) => key));
  const there = new Map();
  for (const row of [...body.rows]) {
    if (wanted.has(row.dataset.key)) there.set(row.dataset.key, row);
    else row.remove();
  }
  let next = body.firstElementChild;
  for (const { key, cells } of rows) {
    const row = there.get(key) ?? begin(key, cells.length);
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
    cells.forEach((cell, place) => fill(row.cells[place], cell));
  }
}

function begin(key, count) {
  const rest = Array.from({ length: count - 1 }, () => make("td"));
  return make("tr", { "data-key": key }, make("th", { scope: "row" }), ...rest);
}

function fill(element, cell) {
  write(element, cell.text ?? cell);
  element.toggleAttribute("data-name", Boolean(cell.isName));
}
