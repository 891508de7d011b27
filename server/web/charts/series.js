// Pure: an answer of the history API (docs/api.md) as the lines of a chart, with live values behind it. What is not known stays
// `null` and breaks the line.

const GAP_STEPS = 2.5; // further apart than this many steps, two values have a gap between them

/**
 * The answer with live samples behind it. `samples` are `{ at, values }`, oldest first, `values` by subject and measure; those
 * that the answer has already are left out. A silence between two of them becomes a gap.
 */
export function withLive(answer, samples, intervalMs) {
  const fresh = samples.filter(({ at }) => at > answer.to_unix_ms);
  if (fresh.length === 0) return answer;
  const limit = GAP_STEPS * Math.max(answer.step_ms, intervalMs);
  const known = answer.series.some(({ avg }) => avg.some((value) => value !== null));
  // The end of what is known: of the last step that has a value, else of nothing.
  const openGap = answer.gaps.find((gap) => gap.to_unix_ms >= answer.to_unix_ms);
  const points = [];
  const gaps = answer.gaps.filter((gap) => gap !== openGap);
  let last = openGap ? openGap.from_unix_ms : (answer.at_unix_ms.at(-1) ?? answer.from_unix_ms) + (known ? answer.step_ms : 0);
  for (const sample of fresh) {
    if (sample.at - last > limit) {
      gaps.push({ from_unix_ms: last, to_unix_ms: sample.at });
      points.push({ at: (last + sample.at) / 2, values: {} });
    }
    points.push(sample);
    last = sample.at;
  }
  const at = answer.at_unix_ms.filter((time) => time < points[0].at);
  const series = new Map(answer.series.map((one) => [keyOf(one), one]));
  for (const { values } of fresh) {
    for (const [subject, measures] of Object.entries(values)) {
      for (const [measure, value] of Object.entries(measures)) {
        const key = keyOf({ subject, measure });
        if (isKnown(value) && !series.has(key)) series.set(key, { subject, measure, avg: at.map(() => null), min: at.map(() => null), max: at.map(() => null) });
      }
    }
  }
  const extended = [...series.values()].map((one) => {
    const tail = points.map(({ values }) => orNull(values[one.subject]?.[one.measure]));
    const longer = (column) => [...column.slice(0, at.length), ...tail];
    return { ...one, avg: longer(one.avg), min: longer(one.min), max: longer(one.max) };
  });
  return { ...answer, to_unix_ms: fresh.at(-1).at, at_unix_ms: [...at, ...points.map((point) => point.at)], series: extended, gaps };
}

const keyOf = ({ subject, measure }) => `${subject}\n${measure}`;
const isKnown = (value) => typeof value === "number" && Number.isFinite(value);
const orNull = (value) => (isKnown(value) ? value : null);

/**
 * The lines of `chart` in an answer: `{ label, avg, min, max, band, limit, isMinor }`, each with the values of `at_unix_ms`. Those
 * without any value are left out.
 */
export function linesOf(answer, chart) {
  const lines = [];
  for (const line of chart.lines) {
    for (const one of answer.series) {
      const name = nameOf(one.subject, chart.subject);
      if (name === null || one.measure !== line.measure || !one.avg.some(isKnown)) continue;
      const columns = line.outOf ? shares(one, answer.series.find((other) => other.subject === one.subject && other.measure === line.outOf)) : one;
      if (columns === null) continue;
      lines.push({ label: line.label || name, avg: columns.avg, min: columns.min, max: columns.max, band: line.band ?? false, limit: line.limit ?? false, isMinor: line.isMinor ?? false });
    }
  }
  // A border around nothing is no chart.
  return lines.some((line) => !line.limit) ? lines : [];
}

// The name of a subject among many, the empty one for the host or container itself; `null` when it belongs elsewhere.
function nameOf(subject, wanted) {
  if (wanted === "self") return subject === "host" || subject.startsWith("container:") ? "" : null;
  return subject.startsWith(wanted) ? subject.slice(wanted.length) : null;
}

// What is used as a share of what is used and free together, as `df` says it.
function shares(used, free) {
  if (!free) return null;
  const share = (column) =>
    column.map((value, i) => {
      const whole = used.avg[i] + free.avg[i];
      return isKnown(value) && isKnown(free.avg[i]) && whole > 0 ? Math.min(100, (100 * value) / whole) : null;
    });
  return { avg: share(used.avg), min: share(used.min), max: share(used.max) };
}

/** The last, lowest and highest value of a line; `null` when it has none. */
export function summaryOf(line) {
  const last = line.avg.findLast(isKnown);
  if (last === undefined) return null;
  const lowest = line.min.reduce((least, value) => (isKnown(value) && value < least ? value : least), Infinity);
  const highest = line.max.reduce((most, value) => (isKnown(value) && value > most ? value : most), -Infinity);
  return { last, lowest: Math.min(lowest, last), highest: Math.max(highest, last) };
}

/** The largest value that a chart has to have room for. A limit far above all use would flatten it: it is left out then. */
export function largestOf(lines) {
  const highest = (some) => Math.max(0, ...some.map((line) => summaryOf(line)?.highest ?? 0));
  const use = highest(lines.filter((line) => !line.limit));
  const limit = highest(lines.filter((line) => line.limit));
  return limit <= 5 * use ? Math.max(use, limit) : use;
}

/** The gap that a time falls into; `null` when something is known there. */
export const gapAt = (gaps, unixMs) => gaps.find((gap) => unixMs >= gap.from_unix_ms && unixMs < gap.to_unix_ms) ?? null;
