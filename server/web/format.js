// Pure: numbers and times as a person reads them. `null` stays `null`: what is not known is never
// shown as zero, so each caller has to decide how to show it (see `setValue` in dom.js).

const NBSP = "\u00a0";
const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Data older than this is shown as aged. */
export const STALE_MS = 30 * SECOND;

const isKnown = (n) => typeof n === "number" && Number.isFinite(n);

/** Bytes with three figures at most: `0 B`, `1.5 KiB`, `412 MiB`. */
export function bytes(n) {
  if (!isKnown(n)) return null;
  let value = Math.max(0, n);
  let unit = 0;
  // 999.5 and not 1024: `1023 MiB` would take four figures where `1.0 GiB` says the same.
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const figures = unit === 0 || value >= 99.95 ? value.toFixed(0) : value.toFixed(1);
  return figures + NBSP + BYTE_UNITS[unit];
}

/** Bytes per second. */
export function rate(n) {
  const text = bytes(n);
  return text === null ? null : `${text}/s`;
}

/** Percent with one decimal below 100: `0.0 %`, `12.3 %`, `187 %`. */
export function percent(n) {
  if (!isKnown(n)) return null;
  return (n < 99.95 ? n.toFixed(1) : n.toFixed(0)) + NBSP + "%";
}

/** Degrees Celsius: `48.2 °C`. */
export function celsius(n) {
  return isKnown(n) ? n.toFixed(1) + NBSP + "°C" : null;
}

/** A number without a unit, such as a load: `0.07`, `12.3`. */
export function plainNumber(n) {
  return isKnown(n) ? n.toFixed(n < 9.995 ? 2 : 1) : null;
}

/** How long ago, coarse: `3 s ago`, `2 min ago`, `5 h ago`, `4 d ago`. The future reads `0 s ago`. */
export function age(ms) {
  if (!isKnown(ms)) return null;
  const past = Math.max(0, ms);
  if (past < 2 * MINUTE) return `${Math.floor(past / SECOND)}${NBSP}s ago`;
  if (past < 2 * HOUR) return `${Math.floor(past / MINUTE)}${NBSP}min ago`;
  if (past < 2 * DAY) return `${Math.floor(past / HOUR)}${NBSP}h ago`;
  return `${Math.floor(past / DAY)}${NBSP}d ago`;
}

/** A duration in its two largest units: `12 s`, `3 min 12 s`, `2 d 4 h`. */
export function span(ms) {
  if (!isKnown(ms)) return null;
  const left = Math.max(0, ms);
  const parts = [
    [Math.floor(left / DAY), "d"],
    [Math.floor((left % DAY) / HOUR), "h"],
    [Math.floor((left % HOUR) / MINUTE), "min"],
    [Math.floor((left % MINUTE) / SECOND), "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  if (first === -1) return `0${NBSP}s`;
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => n + NBSP + unit)
    .join(" ");
}

/** What is left, as a clock: `14:05`, `0:00` when it is over. */
export function countdown(ms) {
  const left = Math.max(0, Math.ceil(ms / SECOND));
  return `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
}

/** A count with its noun: `1 host`, `3 hosts`. */
export function count(n, one, many = `${one}s`) {
  return `${n}${NBSP}${n === 1 ? one : many}`;
}

const two = (n) => String(n).padStart(2, "0");

/** Local time of day of a Unix time: `14:02:09`. */
export function timeOfDay(unixMs) {
  const t = new Date(unixMs);
  return `${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

/** Local day of a Unix time: `2026-11-23`. */
export function day(unixMs) {
  const t = new Date(unixMs);
  return `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
}

/** Local day and time: `2026-11-23 14:02:09`. */
export function dateTime(unixMs) {
  return isKnown(unixMs) ? `${day(unixMs)} ${timeOfDay(unixMs)}` : null;
}

/** Since when: the time of day for today, else the day with it. */
export function since(unixMs, nowUnixMs) {
  if (!isKnown(unixMs)) return null;
  const time = timeOfDay(unixMs).slice(0, 5);
  return day(unixMs) === day(nowUnixMs) ? time : `${day(unixMs)} ${time}`;
}

/** A stretch of time: `09:05 – 09:20` for today, with its day, or both days, else. */
export function stretch(fromUnixMs, toUnixMs, nowUnixMs) {
  return `${since(fromUnixMs, nowUnixMs)} – ${since(toUnixMs, fromUnixMs)}`;
}

/** The heading of a day in a list of times: `Today`, `Yesterday`, or the weekday with its date. */
export function dayHeading(unixMs, nowUnixMs) {
  const it = day(unixMs);
  if (it === day(nowUnixMs)) return "Today";
  const yesterday = new Date(nowUnixMs);
  yesterday.setDate(yesterday.getDate() - 1);
  if (it === day(yesterday.getTime())) return "Yesterday";
  return `${new Date(unixMs).toLocaleDateString("en", { weekday: "long" })}, ${it}`;
}

/** Local time of a log line from its RFC 3339 text, to the millisecond; `null` when it is none. */
export function logTime(rfc3339) {
  const unixMs = rfc3339 === null ? NaN : Date.parse(rfc3339);
  if (Number.isNaN(unixMs)) return null;
  return `${dateTime(unixMs)}.${String(new Date(unixMs).getMilliseconds()).padStart(3, "0")}`;
}

/** An image's name with a digest cut to 12 hex digits. */
export function imageName(image) {
  return image.replace(/sha256:([0-9a-f]{12})[0-9a-f]{52}/, "$1…");
}

// CSI and OSC sequences, then two-byte escapes (ECMA-48).
// eslint-disable-next-line no-control-regex
const ESCAPES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;

/** A log line without its terminal escapes and carriage returns. */
export function plainText(line) {
  return line.replace(ESCAPES, "").replace(/\r/g, "");
}

/** Single-quotes `text` for a POSIX shell. */
export function shellQuote(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * The one line that enrols a host, for a server reached at `location` (`protocol`, `host`).
 * The token goes through a pipe so that it is in no process's argument list.
 */
export function enrolLine(location, token) {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}`;
  return (
    `printf %s ${shellQuote(token)} | sudo DOCKMON_URL=${shellQuote(url)} ` +
    "DATA_PATH=/var/lib/pilotfish-agent REGISTRATION_TOKEN_FILE=/dev/stdin pilotfish-agent"
  );
}

/** Tells whether `hostname` means only the machine that asks. */
export function isLoopback(hostname) {
  return /^(localhost|.*\.localhost|127(\.\d+){3}|\[?::1\]?)$/.test(hostname);
}
