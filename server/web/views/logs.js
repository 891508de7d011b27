// A container's log: the last lines, read again on demand or every few seconds.

import * as api from "../api.js";
import * as clock from "../clock.js";
import { button, h, setText } from "../dom.js";
import { count, logTime, plainText } from "../format.js";
import { ageElement, setAge } from "../parts/age.js";
import { copyText, saveText } from "../parts/copy.js";
import { toast } from "../parts/toast.js";
import { containerHead } from "./container-head.js";

const TAILS = [50, 200, 1000, 5000];
const FOLLOW_MS = 5_000; // each reading crosses the host's link: not more often than one can read

const kept = { tail: 200, hasTimes: true, isWrapped: true };

/** Shows the view. */
export function show({ params, setTitle }) {
  const { host: hostId, container: id } = params;
  const head = containerHead(hostId, id, "logs", (name) => setTitle(`Logs of ${name}`));
  const readAge = ageElement();
  let lines = []; // { at, text }
  let needle = "";
  let isDisposed = false;
  let timer = 0;
  let reading = 0; // an answer to an older question is dropped

  const tail = h("select", { testid: "log-tail", on: { change: () => ((kept.tail = Number(tail.value)), read()) } }, TAILS.map((n) => h("option", { value: n, text: `last ${n} lines`, selected: n === kept.tail })));
  const refresh = button({ label: "Read again", glyph: "restart", testid: "log-refresh", on: { click: () => read() } });
  const filter = h("input", { type: "search", class: "filter", placeholder: "Only lines with…", "aria-label": "Only lines with", testid: "log-filter", on: { input: () => ((needle = filter.value.toLowerCase()), draw()) } });
  const check = (label, isOn, title, change) => {
    const input = h("input", { type: "checkbox", on: { change: () => change(input.checked) } });
    input.checked = isOn;
    return h("label", { class: "check", title }, input, label);
  };
  const follow = check("Follow", false, `Reads again every ${FOLLOW_MS / 1_000} s and stays at the end`, (isOn) => {
    clearInterval(timer);
    timer = isOn ? setInterval(() => document.hidden || read(), FOLLOW_MS) : 0;
    if (isOn) {
      toEnd();
      read();
    }
  });
  const shownCount = h("span", { class: "summary", role: "status" });
  const cut = h("p", { class: "notice tone-warn", testid: "log-cut", hidden: true, text: "This log was cut: the answer was larger than one reading may be, so its oldest lines are missing. Ask for fewer lines to see whole ones." });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const box = h("div", { class: "log", role: "log", tabindex: "0", "aria-label": "Log lines", testid: "log-lines" });
  const shownText = () => lines.filter(isShown).map(({ at, text }) => (kept.hasTimes && at ? `${at} ${text}` : text)).join("\n") + "\n";

  const element = h(
    "section",
    { class: "view is-tall" },
    head.element,
    h(
      "div",
      { class: "toolbar" },
      h("label", { class: "offscreen-label" }, h("span", { class: "offscreen", text: "How many lines" }), tail),
      refresh,
      filter,
      follow,
      check("Times", kept.hasTimes, "Show when each line was written, in this browser’s time zone", (isOn) => ((kept.hasTimes = isOn), applyLooks())),
      check("Wrap", kept.isWrapped, "Break long lines", (isOn) => ((kept.isWrapped = isOn), applyLooks())),
      h("span", { class: "toolbar-end" },
        shownCount,
        h("span", { class: "freshness" }, "read ", readAge),
        button({ label: "Copy the lines shown", glyph: "copy", isBare: true, class: "icon-button", on: { click: copy } }),
        button({ label: "Save the lines shown as a file", glyph: "save", isBare: true, class: "icon-button", on: { click: () => saveText(shownText(), `${head.name()}.log`) } }),
      ),
    ),
    cut,
    problem,
    box,
  );

  const isShown = (line) => needle === "" || line.text.toLowerCase().includes(needle);
  const isAtEnd = () => box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  const toEnd = () => {
    box.scrollTop = box.scrollHeight;
  };

  function applyLooks() {
    box.classList.toggle("has-times", kept.hasTimes);
    box.classList.toggle("is-wrapped", kept.isWrapped);
  }

  function draw() {
    const shown = lines.filter(isShown);
    box.replaceChildren(...shown.map((line) => h("div", { class: "log-line", testid: "log-line" }, h("time", { text: line.time ?? "—", title: line.at ?? "time not known" }), h("span", null, marked(line.text, needle)))));
    setText(shownCount, needle === "" ? count(lines.length, "line") : `${shown.length} of ${count(lines.length, "line")}`);
    if (lines.length === 0) box.append(h("p", { class: "notice", text: "This container has written nothing." }));
  }

  async function read() {
    const mine = ++reading;
    refresh.setAttribute("aria-busy", "true");
    try {
      const answer = await api.logs(hostId, id, kept.tail);
      if (isDisposed || mine !== reading) return;
      const wasAtEnd = isAtEnd();
      lines = answer.lines.map(({ at, text }) => ({ at, time: logTime(at), text: plainText(text) }));
      problem.hidden = true;
      cut.hidden = !answer.is_cut;
      setAge(readAge, clock.now());
      draw();
      if (wasAtEnd) toEnd();
    } catch (error) {
      if (isDisposed || mine !== reading) return;
      problem.hidden = false;
      setText(problem, `The log could not be read. ${error.title}${error.detail ? `: ${error.detail}` : ""}`);
    } finally {
      if (mine === reading) refresh.removeAttribute("aria-busy");
    }
  }

  async function copy() {
    if (await copyText(shownText())) toast("good", "Copied");
    else toast("bad", "The browser did not let the text be copied");
  }

  applyLooks();
  read().then(toEnd);
  return {
    element,
    dispose() {
      isDisposed = true;
      clearInterval(timer);
      head.dispose();
    },
  };
}

/** `text` as nodes, with what was searched for marked. `needle` is in lower case. */
function marked(text, needle) {
  if (needle === "") return [text];
  const nodes = [];
  const lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(needle); at !== -1; at = lower.indexOf(needle, from)) {
    nodes.push(text.slice(from, at), h("mark", { text: text.slice(at, at + needle.length) }));
    from = at + needle.length;
  }
  nodes.push(text.slice(from));
  return nodes;
}
