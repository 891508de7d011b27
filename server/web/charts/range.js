// Pure: which stretch of time the charts show, and how the address says it: `?range=6h` ends now,
// `?from=…&to=…` (Unix ms) stands still.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The stretches one can choose; each ends now. */
export const RANGES = [
  { key: "1h", label: "1 h", ms: HOUR },
  { key: "6h", label: "6 h", ms: 6 * HOUR },
  { key: "24h", label: "24 h", ms: DAY },
  { key: "7d", label: "7 d", ms: 7 * DAY },
  { key: "60d", label: "60 d", ms: 60 * DAY },
  { key: "2y", label: "2 y", ms: 730 * DAY },
];

/** The shortest range. */
export const SHORTEST_MS = 2 * MINUTE;
const FEWEST_POINTS = 6; // of what is known: to look closer shows less
const LONGEST_MS = 3650 * DAY;

/** Reads a range from an address's query (`URLSearchParams`); what makes no sense is the last hour. */
export function readRange(query) {
  const from = Number(query.get("from") ?? NaN);
  const to = Number(query.get("to") ?? NaN);
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from > 0 && to - from >= SHORTEST_MS && to - from <= LONGEST_MS) {
    return { key: null, fromUnixMs: from, toUnixMs: to };
  }
  const preset = RANGES.find(({ key }) => key === query.get("range")) ?? RANGES[0];
  return { key: preset.key, ms: preset.ms };
}

/** Writes a range as an address's query. */
export const writeRange = (range) => (range.key === null ? `from=${range.fromUnixMs}&to=${range.toUnixMs}` : `range=${range.key}`);

/** The range as times, as of `nowUnixMs`. */
export function spanOf(range, nowUnixMs) {
  if (range.key === null) return { fromUnixMs: range.fromUnixMs, toUnixMs: range.toUnixMs };
  const to = Math.round(nowUnixMs);
  return { fromUnixMs: to - range.ms, toUnixMs: to };
}

/**
 * A range that stands still from one time to another, in either order, widened around its middle when it is too short to show
 * anything of values that are `tierMs` apart. A second look into it may find finer ones.
 */
export function fixed(oneUnixMs, otherUnixMs, tierMs = 0) {
  const middle = (oneUnixMs + otherUnixMs) / 2;
  const half = Math.max(Math.abs(oneUnixMs - otherUnixMs), SHORTEST_MS, FEWEST_POINTS * tierMs) / 2;
  return { key: null, fromUnixMs: Math.round(middle - half), toUnixMs: Math.round(middle - half) + Math.round(2 * half) };
}

/** The range moved by half of itself, `direction` -1 earlier or 1 later, never into the future. */
export function moved(range, direction, nowUnixMs) {
  const { fromUnixMs, toUnixMs } = spanOf(range, nowUnixMs);
  const length = toUnixMs - fromUnixMs;
  const to = Math.min(toUnixMs + (direction * length) / 2, nowUnixMs);
  return fixed(to - length, to);
}

/** How often charts that end now are asked for anew: about once a point, but live values fill the time between. */
export const refreshMs = (spanMs, points) => Math.min(5 * MINUTE, Math.max(20 * SECOND, spanMs / points));
