// Who did what, from where, and how it ended.

import * as api from "../api.js";
import { h, icon, setText, setValue } from "../dom.js";
import { dateTime } from "../format.js";

const PAGE = 100;
const OUTCOMES = {
  ok: ["check", "good", "ok"],
  failed: ["warning", "bad", "failed"],
  denied: ["forbidden", "warn", "denied"],
};
const COLUMNS = ["When", "Who", "What", "On", "Outcome", "From"];

/** Shows the view. */
export function show({ setTitle }) {
  setTitle("Audit");
  let oldest;
  let isDisposed = false;
  const body = h("tbody", { role: "rowgroup" });
  const note = h("p", { class: "notice", text: "Reading…" });
  const more = h("button", { type: "button", class: "button", text: "Older entries", hidden: true, testid: "audit-more", on: { click: () => load() } });
  const element = h(
    "section",
    { class: "view" },
    h("div", { class: "view-head" }, h("h1", { text: "Audit" }), h("p", { class: "summary", text: "Log-ins, tokens, operations and agents, as the server saw them" })),
    h("table", { class: "list audit", role: "table" }, h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, COLUMNS.map((text) => h("th", { scope: "col", role: "columnheader", text })))), body),
    note,
    more,
  );

  async function load() {
    more.disabled = true;
    try {
      const { entries } = await api.audit({ limit: PAGE, before: oldest });
      if (isDisposed) return;
      body.append(...entries.map(makeRow));
      oldest = entries.at(-1)?.id ?? oldest;
      more.hidden = entries.length < PAGE;
      note.hidden = body.children.length > 0;
      setText(note, "Nothing has been recorded yet.");
    } catch (error) {
      note.hidden = false;
      setText(note, `The audit could not be read. ${error.message}`);
    } finally {
      more.disabled = false;
    }
  }

  load();
  return {
    element,
    dispose() {
      isDisposed = true;
    },
  };
}

function makeRow(entry) {
  const [glyph, tone, label] = OUTCOMES[entry.outcome] ?? ["state-unknown", "unknown", entry.outcome];
  const cell = (name, ...children) => h("td", { role: "cell", dataset: { label: name } }, ...children);
  return h(
    "tr",
    { role: "row", testid: "audit-row", dataset: { action: entry.action, outcome: entry.outcome } },
    cell("When", h("time", { text: dateTime(entry.at_unix_ms) })),
    cell("Who", entry.user === null ? h("span", { class: "sub", text: "nobody logged in" }) : entry.user),
    cell("What", h("strong", { text: entry.action.replaceAll(/[-_.]/g, " ") })),
    cell("On", setValue(h("span"), entry.target ?? "")),
    cell("Outcome", h("span", { class: "badge", dataset: { tone } }, icon(glyph), label), entry.detail && h("span", { class: "sub", text: entry.detail })),
    cell("From", h("span", { class: "sub", text: entry.address })),
  );
}
