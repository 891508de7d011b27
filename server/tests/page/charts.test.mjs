// Tests of what the charts are made of: ranges, axes, lines and gaps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { RANGES, SHORTEST_MS, fixed, moved, readRange, refreshMs, spanOf, writeRange } = await load("charts/range.js");
const { BYTE_STEPS, timeLabels, topOf } = await load("charts/axis.js");
const { CONTAINER_CHARTS, HOST_CHARTS, containerValues, hostValues, measuresOf } = await load("charts/catalogue.js");
const { gapAt, largestOf, linesOf, summaryOf, withLive } = await load("charts/series.js");

const NOW = 1_800_000_000_000;
const chart = (charts, key) => charts.find((one) => one.key === key);

/** An answer of six steps of ten seconds, of which the fourth lies in a gap. */
function answer(series, { gaps = [{ from_unix_ms: NOW - 30_000, to_unix_ms: NOW - 20_000 }] } = {}) {
  const at = [60, 50, 40, 30, 20, 10].map((seconds) => NOW - seconds * 1000);
  const full = series.map(([subject, measure, avg, max = avg]) => ({ subject, measure, avg, min: avg, max }));
  return { step_ms: 10_000, from_unix_ms: NOW - 60_000, to_unix_ms: NOW, at_unix_ms: at, series: full, gaps };
}

test("a range reads back as it was written", () => {
  for (const range of [...RANGES.map(({ key, ms }) => ({ key, ms })), fixed(NOW - 3_600_000, NOW)]) {
    assert.deepEqual(readRange(new URLSearchParams(writeRange(range))), range);
  }
});

test("a range that makes no sense is the last hour", () => {
  for (const query of ["", "range=9w", "from=5", `from=${NOW}&to=${NOW - 1}`, `from=${NOW}&to=${NOW + 5}`, "from=x&to=y", "from=0&to=9e15"]) {
    assert.equal(readRange(new URLSearchParams(query)).key, "1h", query);
  }
});

test("only a range with a name ends now", () => {
  assert.deepEqual(spanOf({ key: "1h", ms: 3_600_000 }, NOW), { fromUnixMs: NOW - 3_600_000, toUnixMs: NOW });
  assert.deepEqual(spanOf(fixed(5_000_000, 9_000_000), NOW), { fromUnixMs: 5_000_000, toUnixMs: 9_000_000 });
});

test("what is dragged over is a range from either end, and never too short", () => {
  assert.deepEqual(fixed(9_000_000, 5_000_000), fixed(5_000_000, 9_000_000));
  const tiny = fixed(NOW, NOW + 10);
  assert.equal(tiny.toUnixMs - tiny.fromUnixMs, SHORTEST_MS);
  assert.ok(tiny.fromUnixMs < NOW && tiny.toUnixMs > NOW);
  const coarse = fixed(NOW, NOW + 10, 600_000);
  assert.equal(coarse.toUnixMs - coarse.fromUnixMs, 3_600_000);
});

test("moving goes by half a range and not into the future", () => {
  const hour = { key: "1h", ms: 3_600_000 };
  assert.deepEqual(moved(hour, -1, NOW), fixed(NOW - 5_400_000, NOW - 1_800_000));
  assert.deepEqual(moved(fixed(NOW - 3_700_000, NOW - 100_000), 1, NOW), fixed(NOW - 3_600_000, NOW));
});

test("charts are asked for anew about once a point, within bounds", () => {
  assert.equal(refreshMs(3_600_000, 360), 20_000);
  assert.equal(refreshMs(24 * 3_600_000, 360), 240_000);
  assert.equal(refreshMs(730 * 24 * 3_600_000, 360), 300_000);
});

test("an axis of bytes has ticks on powers of two", () => {
  assert.deepEqual(BYTE_STEPS.slice(0, 4), [1, 2, 4, 8]);
  assert.ok(BYTE_STEPS.includes(2 ** 30));
});

test("a time axis names the day where it begins", () => {
  const at = (day, hour) => new Date(2026, 10, day, hour).getTime() / 1000;
  assert.deepEqual(timeLabels([at(23, 12), at(23, 18), at(24, 0)], 21_600), ["12:00\n11-23", "18:00", "00:00\n11-24"]);
  assert.deepEqual(timeLabels([at(23, 0), at(24, 0)], 86_400), ["11-23\n2026", "11-24"]);
  assert.deepEqual(timeLabels([at(23, 12)], 30), ["12:00:00\n11-23"]);
});

test("an axis of values leaves room above the largest, and ends where more cannot be", () => {
  assert.equal(topOf(3, { floor: 10 }), 10);
  assert.equal(topOf(200, { floor: 10 }), 220.00000000000003);
  assert.equal(topOf(98, { floor: 10, full: 100 }), 100);
  assert.equal(topOf(null, { floor: 1 }), 1);
});

test("lines keep their gaps and leave out what was never measured", () => {
  const given = answer([
    ["host", "cpu_percent", [1, 2, 3, null, 5, 6], [9, 2, 3, null, 5, 6]],
    ["host", "steal_percent", [null, null, null, null, null, null]],
  ]);
  const lines = linesOf(given, chart(HOST_CHARTS, "cpu"));
  assert.deepEqual(lines.map(({ label }) => label), ["used"]);
  assert.equal(lines[0].avg[3], null);
  assert.deepEqual(summaryOf(lines[0]), { last: 6, lowest: 1, highest: 9 });
});

test("each sensor and each file system is a line of its own", () => {
  const all = (value) => [value, value, value, null, value, value];
  const given = answer([
    ["sensor:cpu", "celsius", all(50)],
    ["sensor:nvme", "celsius", all(40)],
    ["filesystem:/", "used_bytes", all(30)],
    ["filesystem:/", "available_bytes", all(70)],
    ["filesystem:/data", "used_bytes", all(1)],
  ]);
  assert.deepEqual(linesOf(given, chart(HOST_CHARTS, "temperatures")).map(({ label }) => label), ["cpu", "nvme"]);
  const systems = linesOf(given, chart(HOST_CHARTS, "filesystems"));
  assert.deepEqual(systems.map(({ label, avg }) => [label, avg]), [["/", all(30)]]);
});

test("a limit far above all use does not flatten the chart", () => {
  const memory = (limit) => linesOf(answer([["container:1", "memory_bytes", [10, 10, 10, null, 10, 10]], ["container:1", "memory_limit_bytes", [limit, limit, limit, null, limit, limit]]]), chart(CONTAINER_CHARTS, "memory"));
  assert.equal(largestOf(memory(40)), 40);
  assert.equal(largestOf(memory(4000)), 10);
});

test("live values are appended to a range that ends now", () => {
  const given = answer([["host", "load1", [1, 1, 1, null, 1, 1]]]);
  const samples = [-500, 1000, 2000].map((ms) => ({ at: NOW + ms, values: { host: { load1: 2, load5: 3, load15: undefined } } }));
  const shown = withLive(given, samples, 1000);
  assert.equal(shown.at_unix_ms.length, 8);
  assert.deepEqual(shown.series.find(({ measure }) => measure === "load1").avg, [1, 1, 1, null, 1, 1, 2, 2]);
  assert.deepEqual(shown.series.find(({ measure }) => measure === "load5").max, [null, null, null, null, null, null, 3, 3]);
  assert.equal(shown.series.length, 2);
  assert.deepEqual(shown.gaps, given.gaps);
  assert.equal(withLive(given, samples.slice(0, 1), 1000), given);
});

test("a silence before a live value is a gap, and the value ends it", () => {
  const given = answer([["host", "load1", [1, 1, 1, 1, null, null]]], { gaps: [{ from_unix_ms: NOW - 20_000, to_unix_ms: NOW }] });
  const shown = withLive(given, [{ at: NOW + 40_000, values: { host: { load1: 2 } } }], 1000);
  assert.deepEqual(shown.gaps, [{ from_unix_ms: NOW - 20_000, to_unix_ms: NOW + 40_000 }]);
  assert.equal(shown.series[0].avg.at(-1), 2);
  assert.equal(shown.series[0].avg.at(-2), null);
});

test("a gap is found by a time in it", () => {
  const gaps = [{ from_unix_ms: 10, to_unix_ms: 20 }];
  assert.equal(gapAt(gaps, 10), gaps[0]);
  assert.equal(gapAt(gaps, 20), null);
});

test("every live value has the name that history gives it", () => {
  const known = (charts, values) => {
    const measures = measuresOf(charts);
    for (const its of Object.values(values)) for (const measure of Object.keys(its)) assert.ok(measures.includes(measure), measure);
  };
  known(HOST_CHARTS, hostValues({ temperatures: [{ name: "cpu", celsius: 1 }], filesystems: [{ name: "/", used_bytes: 1, available_bytes: 1 }] }));
  known(CONTAINER_CHARTS, containerValues("0123456789ab", {}));
});

test("a sample of the base dialect has only the values it tells", () => {
  const values = hostValues({ cpu_percent: 5, memory_percent: 40 });
  assert.deepEqual(Object.entries(values.host).filter(([, value]) => value !== undefined), [["cpu_percent", 5]]);
});
