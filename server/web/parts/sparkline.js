// The last two minutes as a line. Time is the horizontal axis, so silence is a gap and not a slope.

import { svg } from "../dom.js";
import { HISTORY_MS } from "../store.js";

const GAP_MS = 25_000; // samples further apart than this are not joined, unless they come more seldom
const GAP_INTERVALS = 2.5;

/** Makes an empty sparkline; `width` and `height` are of its drawing, CSS decides its size on the page. */
export function sparkline(width = 96, height = 24) {
  const area = svg("path", { class: "spark-area" });
  const line = svg("path", { class: "spark-line", "vector-effect": "non-scaling-stroke" });
  const base = svg("path", { class: "spark-base", d: `M0 ${height - 0.5}H${width}`, "vector-effect": "non-scaling-stroke" });
  const el = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, base, area, line);
  el.spark = { area, line, width, height };
  return el;
}

/**
 * Draws `samples` (oldest first) as of `nowUnixMs`. `valueOf(sample)` may be `null`. The scale ends
 * at `full`, or at the largest value but no less than `floor`, so that noise does not fill the box. `intervalMs` is how often samples come, where that is known.
 */
export function drawSparkline(el, samples, nowUnixMs, valueOf, { full = null, floor = 1, intervalMs = null } = {}) {
  const gapMs = Math.max(GAP_MS, GAP_INTERVALS * (intervalMs ?? 0));
  const { area, line, width, height } = el.spark;
  const start = nowUnixMs - HISTORY_MS;
  const points = [];
  let top = floor;
  for (const sample of samples) {
    const value = valueOf(sample);
    if (value === null || value === undefined || sample.at_unix_ms < start - gapMs) continue;
    points.push([sample.at_unix_ms, value]);
    top = Math.max(top, value);
  }
  const scale = full ?? top;
  let lineD = "";
  let areaD = "";
  let runStart = null;
  let lastX = 0;
  const endRun = () => {
    if (runStart !== null) areaD += `L${lastX} ${height}L${runStart} ${height}Z`;
    runStart = null;
  };
  points.forEach(([at, value], i) => {
    const x = (((at - start) / HISTORY_MS) * width).toFixed(1);
    const y = (height - 1 - Math.min(1, Math.max(0, value / scale)) * (height - 2.5)).toFixed(1);
    if (runStart === null || at - points[i - 1][0] > gapMs) {
      endRun();
      lineD += `M${x} ${y}`;
      areaD += `M${x} ${y}`;
      runStart = x;
    } else {
      lineD += `L${x} ${y}`;
      areaD += `L${x} ${y}`;
    }
    lastX = x;
  });
  endRun();
  line.setAttribute("d", lineD);
  area.setAttribute("d", areaD);
}
