// One chart of history: lines with the band between the lowest and the highest of each step, gaps hatched, and a legend that
// reads the cursor. The numbers are in the legend and in words too: the canvas is for the eye only.

import { h, setText } from "../dom.js";
import { bytes, celsius, dateTime, percent, plainNumber, rate, stretch } from "../format.js";
import { BYTE_STEPS, NUMBER_STEPS, timeLabels, topOf } from "../charts/axis.js";
import { gapAt, largestOf, linesOf, summaryOf } from "../charts/series.js";

const HEIGHT = 168;
const SMALLEST_DRAG_PX = 6;
const HATCH_PX = 7;
const COLOURS = 6; // --chart-1 … --chart-6

const UNITS = {
  percent: { say: percent, steps: NUMBER_STEPS },
  bytes: { say: bytes, steps: BYTE_STEPS },
  rate: { say: rate, steps: BYTE_STEPS },
  celsius: { say: celsius, steps: NUMBER_STEPS },
  number: { say: plainNumber, steps: NUMBER_STEPS },
  count: { say: (n) => (n === null ? null : n.toFixed(Number.isInteger(n) ? 0 : 1)), steps: NUMBER_STEPS.filter((step) => step >= 1) },
};

/**
 * Makes the chart that `chart` (charts/catalogue.js) describes. `onZoom(fromUnixMs, toUnixMs)` is told what was dragged over;
 * `whyEmpty(chart)` says why nothing is shown. Returns `{ element, show(uPlot, answer, span), dispose }`.
 */
export function makeChart(chart, { group, onZoom, whyEmpty }) {
  const { say, steps } = UNITS[chart.unit];
  const legend = h("ul", { class: "chart-legend" });
  const box = h("div", { class: "chart-box", role: "group", tabindex: "0" });
  const tip = h("div", { class: "chart-tip", hidden: true });
  const spoken = h("p", { class: "offscreen", "aria-live": "off" });
  const empty = h("p", { class: "chart-empty", hidden: true, testid: "chart-empty" });
  const element = h(
    "figure",
    { class: "chart", testid: "chart", dataset: { chart: chart.key } },
    h("figcaption", null, h("h2", { text: chart.title }), chart.note && h("span", { class: "sub", text: chart.note })),
    legend,
    box,
    empty,
    spoken,
  );
  let plot = null;
  let drawn = { lines: [], gaps: [], at: [], step: 0, span: null, shape: "" };
  let uPlotOf = null;

  const colour = (name) => getComputedStyle(element).getPropertyValue(name).trim();

  function show(uPlot, answer, span) {
    uPlotOf = uPlot;
    const lines = linesOf(answer, chart).map((line, i) => ({ ...line, hue: (i % COLOURS) + 1, summary: summaryOf(line) }));
    const shape = JSON.stringify([lines.map(({ label, band, limit, isMinor }) => [label, band, limit, isMinor]), document.documentElement.dataset.theme]);
    const isSame = shape === drawn.shape;
    drawn = { lines, gaps: answer.gaps, at: answer.at_unix_ms, step: answer.step_ms, span, shape };
    element.dataset.points = String(Math.max(0, ...lines.map((line) => line.avg.filter((value) => value !== null).length)));
    element.dataset.gaps = String(answer.gaps.length);
    const hasNone = lines.length === 0;
    element.classList.toggle("is-empty", hasNone);
    box.hidden = legend.hidden = hasNone;
    empty.hidden = !hasNone;
    if (hasNone) {
      setText(empty, whyEmpty(chart));
      drop();
      return;
    }
    if (!isSame || !plot) build();
    else {
      plot.setData(columns(), false);
      plot.batch(() => {
        plot.setScale("x", { min: span.fromUnixMs / 1000, max: span.toUnixMs / 1000 });
        plot.setScale("y", { min: 0, max: top() });
      });
    }
    readCursor(plot);
    const words = lines.map(({ label, limit, summary }) => (limit ? `${label} ${say(summary.last)}` : `${label}: last ${say(summary.last)}, lowest ${say(summary.lowest)}, highest ${say(summary.highest)}`));
    box.setAttribute("aria-label", `${chart.title}, ${words.join("; ")}${answer.gaps.length > 0 ? `; no data in ${answer.gaps.length} stretches` : ""}. Arrow keys read the values.`);
  }

  const top = () => topOf(largestOf(drawn.lines), chart.scale);

  // Each line has its own column; one with a band has the highest and the lowest beside it.
  function columns() {
    const table = [drawn.at.map((ms) => ms / 1000)];
    for (const line of drawn.lines) table.push(line.avg, ...(line.band ? [line.max, line.min] : []));
    return table;
  }

  function build() {
    drop();
    legend.replaceChildren(
      ...drawn.lines.map((line) => h("li", { dataset: { hue: line.hue, kind: line.limit ? "limit" : line.isMinor ? "minor" : "line" } }, h("span", { class: "chart-key" }), h("span", { text: line.label }), h("strong"), h("span", { class: "sub" }))),
    );
    const ink = colour("--ink-3");
    const grid = { stroke: colour("--line"), width: 1 };
    const series = [{}];
    const bands = [];
    for (const line of drawn.lines) {
      const stroke = colour(line.limit ? "--ink-2" : `--chart-${line.hue}`);
      // A lone value between two gaps is a point; where values are many, points would hide the line.
      series.push({ stroke, width: line.limit ? 1 : line.isMinor ? 1.25 : 1.75, dash: line.limit ? [5, 4] : undefined, points: { space: 1e6, size: 4, fill: stroke } });
      if (!line.band) continue;
      const edge = { stroke: "transparent", width: 0, points: { show: false } };
      bands.push({ series: [series.length, series.length + 1], fill: `${stroke}40` });
      series.push(edge, { ...edge });
    }
    const font = `11px ${getComputedStyle(element).fontFamily}`;
    const { fromUnixMs, toUnixMs } = drawn.span;
    plot = new uPlotOf(
      {
        width: Math.max(120, box.clientWidth),
        height: HEIGHT,
        padding: [8, 12, 0, 0],
        legend: { show: false },
        series,
        bands,
        scales: {
          x: { auto: false, min: fromUnixMs / 1000, max: toUnixMs / 1000, range: (_, min, max) => [min, max] },
          y: { auto: false, min: 0, max: top(), range: (_, min, max) => [min, max] },
        },
        axes: [
          { stroke: ink, font, grid: { show: false }, ticks: { stroke: colour("--line"), width: 1, size: 4 }, size: 38, space: 66, values: (_, splits, __, ___, step) => timeLabels(splits, step) },
          { stroke: ink, font, grid, ticks: { show: false }, size: 66, space: 28, incrs: steps, values: (_, splits) => splits.map((value) => say(value).replace(/\.0+(?!\d)/, "")) },
        ],
        cursor: {
          y: false,
          points: { size: (_, column) => (isLine(column) ? 6 : 0) },
          drag: { x: true, y: false, setScale: false },
          sync: { key: group, scales: ["x", null], filters: { pub: (type) => type === "mousemove" || type === "mouseleave" } },
        },
        hooks: { drawClear: [hatchGaps], setCursor: [readCursor], setSelect: [takeSelection] },
      },
      columns(),
      box,
    );
    plot.over.append(tip);
    plot.over.addEventListener("pointerdown", touch);
    plot.over.addEventListener("pointermove", touch);
  }

  // Which columns are lines and not the edges of bands.
  function isLine(column) {
    let at = 1;
    for (const line of drawn.lines) {
      if (at === column) return true;
      at += line.band ? 3 : 1;
    }
    return false;
  }

  function hatchGaps(u) {
    const { ctx, bbox } = u;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = ctx.strokeStyle = colour("--no-data");
    ctx.lineWidth = devicePixelRatio;
    for (const gap of drawn.gaps) {
      const left = Math.max(bbox.left, u.valToPos(gap.from_unix_ms / 1000, "x", true));
      const width = Math.min(bbox.left + bbox.width, u.valToPos(gap.to_unix_ms / 1000, "x", true)) - left;
      if (width > 0) hatch(ctx, left, bbox.top, Math.max(1, width), bbox.height);
    }
    ctx.restore();
  }

  function hatch(ctx, left, top, width, height) {
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    ctx.fillRect(left, top, width, height);
    ctx.beginPath();
    // The lines of all gaps lie on one grid, so that neighbours look alike.
    const step = HATCH_PX * devicePixelRatio;
    for (let x = Math.floor((left - height) / step) * step; x < left + width; x += step) {
      ctx.moveTo(x, top + height);
      ctx.lineTo(x + height, top);
    }
    ctx.stroke();
    ctx.restore();
  }

  function readCursor(u) {
    const { left, idx } = u.cursor;
    const isOver = left !== undefined && left >= 0;
    const unixMs = isOver ? u.posToVal(left, "x") * 1000 : null;
    const gap = isOver ? gapAt(drawn.gaps, unixMs) : null;
    drawLegend(isOver && gap === null ? idx : null, gap !== null);
    // Only the chart under the pointer shows when it is; the others follow with their numbers.
    const isMine = isOver && (box.matches(":hover") || document.activeElement === box);
    tip.hidden = !isMine;
    if (!isMine) return;
    setText(tip, gap ? noData(gap) : dateTime(drawn.at[idx] ?? unixMs));
    tip.classList.toggle("is-gap", gap !== null);
    const half = tip.offsetWidth / 2;
    tip.style.left = `${Math.min(Math.max(left, half), u.over.clientWidth - half)}px`;
  }

  const noData = (gap) => `no data ${stretch(gap.from_unix_ms, gap.to_unix_ms, drawn.span.toUnixMs)}`;

  function drawLegend(idx, isGap = false) {
    drawn.lines.forEach((line, i) => {
      const item = legend.children[i];
      if (!item) return;
      const isRead = idx !== null && idx !== undefined;
      const value = isRead ? line.avg[idx] : line.summary.last;
      setText(item.children[2], isGap ? "no data" : (say(value) ?? "—"));
      const peak = isRead ? line.max[idx] : line.summary.highest;
      setText(item.children[3], line.limit || isGap || !line.band || peak === null ? "" : `max ${say(peak)}`);
    });
  }

  function takeSelection(u) {
    const { left, width } = u.select;
    if (width >= SMALLEST_DRAG_PX) onZoom(u.posToVal(left, "x") * 1000, u.posToVal(left + width, "x") * 1000);
    if (width > 0) u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  }

  // A finger reads values; it scrolls the page as everywhere.
  function touch(event) {
    if (event.pointerType === "mouse") return;
    plot.setCursor({ left: event.offsetX, top: 10 }, true, true);
  }

  box.addEventListener("keydown", (event) => {
    const direction = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key];
    if (!plot || (direction === undefined && event.key !== "Escape")) return;
    event.preventDefault();
    if (event.key === "Escape") {
      plot.setCursor({ left: -10, top: -10 }, true, true);
      return;
    }
    const stride = Math.max(1, Math.round(drawn.at.length / 60));
    const from = plot.cursor.idx ?? drawn.at.length;
    const idx = Math.min(drawn.at.length - 1, Math.max(0, from + direction * stride));
    plot.setCursor({ left: plot.valToPos(drawn.at[idx] / 1000, "x"), top: 10 }, true, true);
    spoken.setAttribute("aria-live", "polite");
    setText(spoken, `${tip.textContent}: ${[...legend.children].map((item) => `${item.children[1].textContent} ${item.children[2].textContent}`).join(", ")}`);
  });
  box.addEventListener("blur", () => plot?.setCursor({ left: -10, top: -10 }, true, true));

  const sizes = new ResizeObserver(() => {
    if (plot && box.clientWidth > 0 && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: HEIGHT });
  });
  sizes.observe(box);

  function drop() {
    plot?.destroy();
    plot = null;
  }

  return {
    element,
    show,
    dispose() {
      sizes.disconnect();
      drop();
    },
  };
}
