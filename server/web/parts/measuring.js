// How a host is measured, and what stands where a value cannot be: its reason, never a number.

import { h, setAttribute, setText, setValue } from "../dom.js";
import { cadenceWords, reasonText, sourceWords, spendingOf, valueName } from "../collector.js";
import { bytes, count, percent, span, stretch } from "../format.js";

/** Shows a value; where it is `null` and the collector reports it as `missing`, it is off, and the title says why. */
export function setMeasured(el, text, missing, why = null) {
  const isOff = missing !== null && (text === null || text === undefined);
  el.classList.toggle("is-off", isOff);
  if (!isOff) return setValue(el, text, why);
  setText(el, "off on this host");
  el.classList.add("unknown");
  setAttribute(el, "title", reasonText(missing));
  setAttribute(el, "aria-label", `off on this host: ${reasonText(missing)}`);
  return el;
}

/** The fold that tells how the host is measured; `draw(host, intervalMs, nowUnixMs)` brings it up to date. */
export function measuringFold() {
  const line = h("span", { class: "measuring-line" });
  const off = h("span", { class: "measuring-off" });
  const body = h("div", { class: "measuring-body" });
  const element = h("details", { class: "measuring", testid: "measuring", hidden: true }, h("summary", null, h("h2", { text: "How it is measured" }), line, off), body);
  let drawn = null;

  function draw(host, intervalMs, nowUnixMs) {
    const { collector, spending, gaps = [] } = host;
    const cadence = host.cadence ?? (intervalMs === null ? null : { interval_ms: intervalMs, slowed: null });
    const cadenceText = cadence && cadenceWords(cadence);
    element.hidden = !collector && !spending && !host.cadence && gaps.length === 0;
    // The days of gaps are told as of now: the minute is enough to draw them anew.
    const signature = JSON.stringify([collector, cadenceText, spending, gaps, Math.floor(nowUnixMs / 60_000)]);
    if (element.hidden || drawn === signature) return;
    drawn = signature;
    setText(line, [collector && `containers from ${sourceWords({ ...collector, why: null })}`, cadenceText].filter(Boolean).join(" · "));
    const missing = collector?.missing ?? [];
    setText(off, missing.length > 0 ? `${count(missing.length, "value")} off` : "");
    // Only what somebody can do something about is worth a colour.
    off.classList.toggle("tone-warn", missing.some((one) => one.remedy));
    body.replaceChildren(
      ...[
        h("dl", { class: "facts" }, collector && [h("dt", { text: "Containers" }), h("dd", { text: sourceWords(collector) })], cadenceText && [h("dt", { text: "Cadence" }), h("dd", { text: cadenceText })]),
        missing.length > 0 && part("Off on this host", missingList(missing)),
        gaps.length > 0 && part("Events may be missing", gapList(gaps, nowUnixMs)),
        spending && part(`Traffic of the agent’s day, ${span(spending.since_ms)} old`, spendingTable(spendingOf(spending))),
      ].filter(Boolean),
    );
  }

  return { element, draw };
}

const part = (title, ...children) => h("section", null, h("h3", { text: title }), ...children);

function missingList(missing) {
  return h(
    "ul",
    { class: "missing" },
    missing.map((one) =>
      h("li", { testid: "missing", dataset: { value: one.value } }, h("strong", { text: valueName(one.value) }), h("span", { text: reasonText({ ...one, remedy: null }) }), one.remedy && h("span", { class: "remedy", text: reasonText({ why: one.remedy }) })),
    ),
  );
}

function gapList(gaps, nowUnixMs) {
  const newest = [...gaps].sort((a, b) => b.to_unix_ms - a.to_unix_ms);
  return h("ul", { class: "missing" }, newest.map((gap) => h("li", { testid: "event-gap", text: `${stretch(gap.from_unix_ms, gap.to_unix_ms, nowUnixMs)} (${span(gap.to_unix_ms - gap.from_unix_ms)})` })));
}

function spendingTable({ rows, sent, received, budget, used }) {
  const row = (label, size, share, isTotal = false) => h("tr", { class: isTotal ? "is-total" : null }, h("th", { scope: "row", text: label }), h("td", { text: bytes(size) }), h("td", { text: share === null ? "" : percent(100 * share) }));
  return h(
    "table",
    { class: "spending", testid: "spending" },
    h("tbody", null, rows.map((one) => row(one.label, one.bytes, one.share)), row("Sent", sent, null, true), received !== null && row("Received", received, null), budget !== null && row("Budget of the day", budget, used, true)),
  );
}
