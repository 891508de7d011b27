// The history of a host or of one of its containers, as charts that share their time and their cursor.

import * as api from "../api.js";
import * as clock from "../clock.js";
import * as live from "../live.js";
import * as store from "../store.js";
import { button, h, icon, oncePerFrame, setAttribute, setText } from "../dom.js";
import { CONTAINER_CHARTS, HOST_CHARTS, containerValues, hostValues, measuresOf } from "../charts/catalogue.js";
import { RANGES, fixed, moved, readRange, refreshMs, spanOf, writeRange } from "../charts/range.js";
import { withLive } from "../charts/series.js";
import { missingOf, reasonText } from "../collector.js";
import { span as spanText, stretch } from "../format.js";
import { makeChart } from "../parts/chart.js";
import { loadUPlot } from "../parts/uplot.js";
import { containerHead } from "./container-head.js";

const POINTS = 360;
const RETRY_MS = 10_000;

/** Shows the view; it stays while only the range in the address changes. */
export function show({ params, query, setTitle }) {
  const { host: hostId, container: id = null } = params;
  const head = id === null ? hostHead(hostId, setTitle) : containerHead(hostId, id, "history", (name) => setTitle(`History of ${name}`));
  const catalogue = id === null ? HOST_CHARTS : CONTAINER_CHARTS;
  const measures = measuresOf(catalogue);
  const path = `#/hosts/${encodeURIComponent(hostId)}${id === null ? "" : `/containers/${encodeURIComponent(id)}`}/history`;
  let range = readRange(query);
  let preset = range.key === null ? RANGES[0].key : range.key; // what “Back” leads to
  let answer = null;
  let uPlot = null;
  let timer = 0;
  let asking = 0; // an answer to an older question is dropped
  let isDisposed = false;

  const address = (its) => `${path}?${writeRange(its)}`;
  const go = (its) => (location.hash = address(its).slice(1));
  const choices = RANGES.map(({ key, label }) => h("a", { class: "tab", href: `${path}?range=${key}`, dataset: { range: key }, testid: "range-choice", text: label }));
  const back = h("a", { class: "button", testid: "range-back" }, icon("back"), h("span"));
  const shownSpan = h("span", { class: "summary", testid: "range-shown" });
  const earlier = button({ label: "Earlier", glyph: "back", isBare: true, class: "icon-button", on: { click: () => go(moved(range, -1, clock.now())) } });
  const later = button({ label: "Later", glyph: "back", isBare: true, class: "icon-button is-mirrored", on: { click: () => go(moved(range, 1, clock.now())) } });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const charts = catalogue.map((chart) => makeChart(chart, { group: path, onZoom: (from, to) => go(fixed(from, to, answer.tier_seconds * 1000)), whyEmpty }));
  const grid = h("div", { class: "charts", testid: "charts" }, charts.map((chart) => chart.element));
  const element = h(
    "section",
    { class: "view" },
    head.element,
    h(
      "div",
      { class: "toolbar range-bar" },
      h("nav", { class: "tabs", "aria-label": "How far back" }, choices),
      back,
      h("span", { class: "toolbar-end" }, shownSpan, earlier, later),
    ),
    problem,
    grid,
  );

  // Why a chart has nothing to show: what the host says, else what the answer lets one tell.
  function whyEmpty(chart) {
    const { collector } = store.hostById(hostId) ?? {};
    const missing = missingOf(collector, ...chart.reasons);
    if (missing) return `Not measured on this host. ${reasonText(missing)}`;
    const isSilent = !answer.series.some((one) => one.avg.some((value) => value !== null));
    if (isSilent) return "Nothing was measured in this time.";
    return collector ? "No value in this time." : "This host’s agent does not tell it.";
  }

  function drawRange() {
    for (const choice of choices) setAttribute(choice, "aria-current", choice.dataset.range === range.key ? "true" : null);
    back.hidden = range.key !== null;
    back.href = address({ key: preset });
    setText(back.lastChild, `Back to ${RANGES.find(({ key }) => key === preset).label}`);
    later.disabled = range.key !== null;
    const { fromUnixMs, toUnixMs } = spanOf(range, clock.now());
    const resolution = answer === null ? "" : ` · a point per ${spanText(answer.step_ms)}`;
    setText(shownSpan, (range.key === null ? `${stretch(fromUnixMs, toUnixMs, clock.now())} (${spanText(toUnixMs - fromUnixMs)})` : "until now") + resolution);
  }

  async function ask() {
    const mine = ++asking;
    clearTimeout(timer);
    const span = spanOf(range, clock.now());
    let wait = range.key === null ? null : refreshMs(span.toUnixMs - span.fromUnixMs, POINTS);
    setAttribute(grid, "aria-busy", "true");
    try {
      const [library, read] = await Promise.all([loadUPlot(), api.history(hostId, id, span, POINTS, measures)]);
      if (isDisposed || mine !== asking) return;
      uPlot = library;
      answer = read;
      problem.hidden = true;
      drawRange();
      draw();
    } catch (error) {
      if (isDisposed || mine !== asking) return;
      problem.hidden = false;
      setText(problem, `The history could not be read. ${error.title ?? error.message}${error.detail ? `: ${error.detail}` : ""}`);
      wait = RETRY_MS;
    }
    setAttribute(grid, "aria-busy", null);
    if (wait !== null) timer = setTimeout(() => (document.hidden ? (timer = setTimeout(ask, wait)) : ask()), wait);
  }

  function draw() {
    if (answer === null) return;
    const now = clock.now();
    const span = spanOf(range, now);
    const shown = range.key === null ? answer : withLive(answer, liveSamples(), store.intervalOf(store.hostById(hostId)) ?? 10_000);
    for (const chart of charts) chart.show(uPlot, shown, span);
  }

  function liveSamples() {
    const [samples, valuesOf] = id === null ? [store.historyOf(hostId), hostValues] : [store.containerHistoryOf(id), (stats) => containerValues(id, stats)];
    return samples.filter((sample) => sample.at_unix_ms > answer.to_unix_ms).map((sample) => ({ at: sample.at_unix_ms, values: valuesOf(sample) }));
  }

  const drawSoon = oncePerFrame(() => {
    if (!isDisposed && !document.hidden && range.key !== null) draw();
  });
  const stops = [
    id === null ? store.on("stats", (host) => host === hostId && drawSoon()) : store.on("containers", drawSoon),
    store.on("hosts", drawSoon),
  ];
  const themes = new MutationObserver(draw);
  themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  drawRange();
  ask();
  return {
    element,
    /** Takes another range of the same subject. */
    move(nextQuery) {
      range = readRange(nextQuery);
      if (range.key !== null) preset = range.key;
      drawRange();
      ask();
    },
    dispose() {
      isDisposed = true;
      clearTimeout(timer);
      themes.disconnect();
      for (const stop of stops) stop();
      for (const chart of charts) chart.dispose();
      head.dispose();
    },
  };
}

function hostHead(hostId, setTitle) {
  const host = `#/hosts/${encodeURIComponent(hostId)}`;
  const title = h("h1");
  function draw() {
    const name = store.hostById(hostId)?.name ?? hostId;
    setText(title, name);
    setTitle(`History of ${name}`);
  }
  store.keepContainersOf(hostId);
  live.watch(hostId);
  const stop = store.on("hosts", draw);
  draw();
  return {
    element: h(
      "div",
      { class: "view-head" },
      h("a", { class: "back", href: host, "aria-label": "Back to the host", title: "Back to the host" }, icon("back")),
      title,
      h("nav", { class: "tabs", "aria-label": "About this host" }, h("a", { class: "tab", href: host, text: "Overview" }), h("a", { class: "tab", href: `${host}/history`, "aria-current": "page", text: "History" })),
    ),
    dispose() {
      stop();
      live.watch(null);
    },
  };
}
