// Pure: what stands beside the axes of a chart.

const HOUR = 3600;
const DAY = 24 * HOUR;

/** Steps for an axis of bytes: powers of two, so that ticks fall on whole KiB, MiB, GiB. */
export const BYTE_STEPS = Array.from({ length: 52 }, (_, n) => 2 ** n);

/** Steps for an axis of plain numbers. */
export const NUMBER_STEPS = [-2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap((exponent) => [1, 2, 5].map((figure) => Number(`${figure}e${exponent}`)));

const two = (n) => String(n).padStart(2, "0");
const dayOf = (t) => `${two(t.getMonth() + 1)}-${two(t.getDate())}`;

/**
 * Labels for ticks at `splits` (Unix seconds) that stand `step` seconds apart, in local time. Where a day (for steps of days: a year)
 * begins, its name is in a second line; the first tick has it always, so that no axis leaves the day open.
 */
export function timeLabels(splits, step) {
  let last = null;
  return splits.map((seconds) => {
    const t = new Date(seconds * 1000);
    const day = dayOf(t);
    const [main, under] =
      step >= DAY
        ? [day, String(t.getFullYear())]
        : [`${two(t.getHours())}:${two(t.getMinutes())}${step < 60 ? `:${two(t.getSeconds())}` : ""}`, day];
    const label = under === last ? main : `${main}\n${under}`;
    last = under;
    return label;
  });
}

/**
 * Where an axis of values ends: above the largest value by a tenth, no lower than `floor`, no higher than `full` where more
 * cannot be.
 */
export function topOf(largest, { floor, full = null }) {
  const top = Math.max(floor, (largest ?? 0) * 1.1);
  return full === null ? top : Math.min(full, Math.max(top, 0));
}
