// Tests of the page's pure files. Run with `node --test server/tests/page/`.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

// Units are joined by a no-break space, which is hard to read in an expectation.
const plain = (text) => (text === null ? null : text.replaceAll("\u00a0", " "));
const check = (given, expected) => assert.equal(plain(given), expected);

const { age, bytes, celsius, count, countdown, dayHeading, enrolLine, imageName, isLoopback, logTime, percent, plainNumber, plainText, rate, shellQuote, since, span, stretch } =
  await load("format.js");

const S = 1_000;
const MIN = 60 * S;
const H = 60 * MIN;
const D = 24 * H;

test("what is not known is never a number", () => {
  for (const unknown of [null, undefined, NaN, Infinity, "12"]) {
    for (const say of [bytes, rate, percent, celsius, plainNumber, age, span]) assert.equal(say(unknown), null);
  }
});

test("zero is said as zero", () => {
  check(bytes(0), "0 B");
  check(rate(0), "0 B/s");
  check(percent(0), "0.0 %");
  check(span(0), "0 s");
});

test("bytes take three figures at most", () => {
  check(bytes(999), "999 B");
  check(bytes(1000), "1.0 KiB");
  check(bytes(1536), "1.5 KiB");
  check(bytes(99.94 * 1024), "99.9 KiB");
  check(bytes(99.96 * 1024), "100 KiB");
  check(bytes(1023 * 1024), "1.0 MiB");
  check(bytes(512 * 1024 * 1024), "512 MiB");
  check(bytes(2 ** 60), "1024 PiB");
});

test("a rate is bytes a second", () => check(rate(2048), "2.0 KiB/s"));

test("percent drops its decimal at a hundred", () => {
  check(percent(12.34), "12.3 %");
  check(percent(99.94), "99.9 %");
  check(percent(99.95), "100 %");
  check(percent(187.4), "187 %");
});

test("an age changes its unit only when the smaller one has become noise", () => {
  check(age(0), "0 s ago");
  check(age(119_999), "119 s ago");
  check(age(2 * MIN), "2 min ago");
  check(age(2 * H - 1), "119 min ago");
  check(age(2 * H), "2 h ago");
  check(age(2 * D), "2 d ago");
});

test("an age in the future is none", () => check(age(-5 * S), "0 s ago"));

test("a span has its two largest units and leaves out a zero", () => {
  check(span(12 * S), "12 s");
  check(span(3 * MIN + 12 * S), "3 min 12 s");
  check(span(3 * MIN), "3 min");
  check(span(2 * D + 4 * H + 59 * MIN), "2 d 4 h");
  check(span(2 * D + 59 * MIN), "2 d");
});

test("a countdown ends at zero and not before", () => {
  check(countdown(15 * MIN), "15:00");
  check(countdown(1), "0:01");
  check(countdown(0), "0:00");
  check(countdown(-1), "0:00");
});

test("one is not many", () => {
  check(count(1, "host"), "1 host");
  check(count(0, "host"), "0 hosts");
  check(count(2, "entry", "entries"), "2 entries");
});

test("since leaves out today's date", () => {
  const now = new Date(2026, 10, 23, 18, 0).getTime();
  check(since(new Date(2026, 10, 23, 9, 5).getTime(), now), "09:05");
  check(since(new Date(2026, 10, 22, 9, 5).getTime(), now), "2026-11-22 09:05");
  check(since(null, now), null);
});

test("a stretch of time says its day once", () => {
  const at = (day, hour) => new Date(2026, 10, day, hour).getTime();
  check(stretch(at(23, 9), at(23, 10), at(23, 18)), "09:00 – 10:00");
  check(stretch(at(22, 9), at(22, 10), at(23, 18)), "2026-11-22 09:00 – 10:00");
  check(stretch(at(22, 23), at(23, 1), at(23, 18)), "2026-11-22 23:00 – 2026-11-23 01:00");
});

test("a load keeps the figures that tell", () => {
  check(plainNumber(0.071), "0.07");
  check(plainNumber(12.34), "12.3");
  check(celsius(48.25), "48.3 °C");
});

test("days are named by how near they are", () => {
  const now = new Date(2026, 10, 23, 0, 30).getTime();
  check(dayHeading(new Date(2026, 10, 23, 0, 1).getTime(), now), "Today");
  check(dayHeading(new Date(2026, 10, 22, 23, 59).getTime(), now), "Yesterday");
  check(dayHeading(new Date(2026, 10, 20, 12).getTime(), now), "Friday, 2026-11-20");
});

test("a log time keeps its milliseconds and an unreadable one is not guessed", () => {
  const at = new Date(2026, 10, 23, 9, 5, 7, 42);
  check(logTime(at.toISOString()), "2026-11-23 09:05:07.042");
  check(logTime(at.toISOString().replace("Z", "123456Z")), "2026-11-23 09:05:07.042");
  check(logTime("yesterday"), null);
  check(logTime(null), null);
});

test("an image's digest is cut and nothing else", () => {
  check(imageName("nginx:1.27"), "nginx:1.27");
  check(imageName(`vault@sha256:${"0123456789ab".padEnd(64, "c")}`), "vault@0123456789ab…");
  check(imageName("sha256:0123"), "sha256:0123");
});

test("terminal escapes leave a log line", () => {
  check(plainText("\u001b[1;32mINFO\u001b[0m up\r"), "INFO up");
  check(plainText("\u001b]0;title\u0007text"), "text");
  check(plainText("\u001b]8;;https://example.net\u001b\\link\u001b]8;;\u001b\\"), "link");
  check(plainText("<b>[0m stays</b>"), "<b>[0m stays</b>");
});

test("a quoted word is one word to a shell", () => {
  check(shellQuote("a b"), "'a b'");
  check(shellQuote("it's"), "'it'\\''s'");
});

test("the enrolling line carries the token through a pipe and names the page's own server", () => {
  const line = "| sudo DOCKMON_URL='%' DATA_PATH=/var/lib/pilotfish-agent REGISTRATION_TOKEN_FILE=/dev/stdin pilotfish-agent";
  check(enrolLine({ protocol: "http:", host: "10.0.0.2:7070" }, "t"), `printf %s 't' ${line.replace("%", "ws://10.0.0.2:7070")}`);
  check(enrolLine({ protocol: "https:", host: "watch.example.net" }, "t"), `printf %s 't' ${line.replace("%", "wss://watch.example.net")}`);
});

test("a loopback address is known in each of its forms", () => {
  for (const name of ["localhost", "demo.localhost", "127.0.0.1", "127.9.9.9", "[::1]"]) assert.ok(isLoopback(name), name);
  for (const name of ["10.0.0.2", "localhost.example.net", "127.example.net", "pi.local"]) assert.ok(!isLoopback(name), name);
});
