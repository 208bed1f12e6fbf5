// A chart with its heading, its point in words, and a table of the same numbers.

import { Chart } from "./chart.js";
import { make, show, write } from "./dom.js";
import { word } from "./language.js";
import { swatch } from "./patterns.js";
import { Table } from "./table.js";

/** One figure; `element` is to be put into the page. */
export class Figure {
  constructor() {
    this.heading = make("h3");
    this.legend = make("ul", { "data-legend": true });
    this.place = make("div", { role: "img" });
    this.reading = make("p", { "aria-hidden": "true" }); // read out already as the chart's label
    this.summary = make("summary");
    this.table = new Table();
    this.details = make("details", {}, this.summary, this.table.element);
    this.element = make("figure", {}, this.heading, this.legend, this.place, this.reading, this.details);
    this.chart = new Chart(this.place);
    this.shown = "";
  }

  /** Draw its words and its table: `said` is the point. */
  tell(title, said, columns, rows) {
    write(this.heading, title);
    write(this.summary, word("asTable"));
    this.summary.setAttribute("aria-label", word("asTableOf", { what: title }));
    this.place.setAttribute("aria-label", `${title}. ${said}`);
    this.said = said;
    write(this.reading, said);
    this.table.draw(title, columns, rows);
  }

  /** Draw its legend: pairs of a name as a client chose it, and the place of its look. */
  explain(entries) {
    const now = JSON.stringify(entries);
    if (now !== this.shown) {
      this.shown = now;
      const items = entries.map(([name, look]) => make("li", {}, swatch(look), make("bdi", {}, name)));
      this.legend.replaceChildren(...items);
    }
    show(this.legend, entries.length > 0);
  }

  /** Draw its chart, unless the library is not to be had; `at` says what there is at a place. */
  paint(uPlot, shape, series, data, labels, format, at) {
    show(this.place, Boolean(uPlot));
    if (!uPlot) return;
    this.at = at;
    const read = (place) => {
      const found = place === null || place === undefined ? "" : this.at(place);
      write(this.reading, found || this.said);
    };
    this.chart.draw(uPlot, shape, series, data, labels, format, read);
  }
}
