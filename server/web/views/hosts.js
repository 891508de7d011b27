// All hosts: who is there, how they are, and how old that knowledge is.

import * as clock from "../clock.js";
import * as store from "../store.js";
import { h, icon, oncePerFrame, reconcile, setAttribute, setText, setValue } from "../dom.js";
import { count, percent, rate } from "../format.js";
import { ageElement, setAge } from "../parts/age.js";
import { badge, isRemembered, setEngineBadge, setLinkBadge, whyUnknown } from "../parts/host-state.js";
import { missingOf } from "../collector.js";
import { setMeasured } from "../parts/measuring.js";
import { drawSparkline, sparkline } from "../parts/sparkline.js";

const REDRAW_MS = 2_000;
const FILTER_FROM = 6; // hosts; fewer are seen at a glance
const NETWORK_FLOOR = 10_240;

const COLUMNS = ["Host", "Engine", "CPU", "Memory", "Network", "Containers", "Data"];

/** Shows the view. */
export function show({ setTitle }) {
  setTitle("Hosts");
  let needle = "";
  const summary = h("p", { class: "summary" });
  const filter = h("input", {
    type: "search",
    class: "filter",
    placeholder: "Filter hosts",
    "aria-label": "Filter hosts",
    on: {
      input() {
        needle = filter.value.trim().toLowerCase();
        draw();
      },
    },
  });
  const body = h("tbody", { role: "rowgroup" });
  const table = h(
    "table",
    { class: "list hosts", role: "table" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, COLUMNS.map((name) => h("th", { scope: "col", role: "columnheader", text: name })))),
    body,
  );
  const nothing = h("div");
  const element = h(
    "section",
    { class: "view" },
    h("div", { class: "view-head" }, h("h1", { text: "Hosts" }), summary, filter),
    nothing,
    table,
  );

  function draw() {
    const all = store.allHosts();
    const shown = all.filter((host) => matches(host, needle));
    table.hidden = shown.length === 0;
    filter.hidden = all.length < FILTER_FROM && needle === "";
    summary.replaceChildren(...(all.length > 0 ? summarise(all) : []));
    if (!store.hasHosts()) nothing.replaceChildren(h("p", { class: "notice", text: "Waiting for the server…" }));
    else if (all.length === 0) drawEmpty();
    else if (shown.length === 0) nothing.replaceChildren(h("p", { class: "notice", text: `No host matches “${needle}”.` }));
    else nothing.replaceChildren();
    reconcile(body, shown, (host) => host.id, makeRow, updateRow);
  }

  function drawEmpty() {
    if (nothing.querySelector(".empty")) return;
    nothing.replaceChildren(
      h(
        "div",
        { class: "empty" },
        icon("pilotfish", "fish"),
        h("h2", { text: "No host yet" }),
        h("p", { text: "A host is a machine with a container Engine and a pilotfish agent on it. The agent dials out to this server: nothing has to be opened on its side." }),
        h("a", { class: "button is-primary", href: "#/tokens" }, icon("plus"), h("span", { text: "Add a host" })),
      ),
    );
  }

  const drawSoon = oncePerFrame(draw);
  const stops = [store.on("hosts", drawSoon), store.on("stats", drawSoon)];
  const timer = setInterval(drawSoon, REDRAW_MS); // sparklines move on while nothing arrives
  draw();
  return {
    element,
    dispose() {
      for (const stop of stops) stop();
      clearInterval(timer);
    },
  };
}

function matches(host, needle) {
  return [host.name, host.system.os, host.engine.version, ...(host.system.addresses ?? [])].some((text) => text?.toLowerCase().includes(needle));
}

function summarise(hosts) {
  const offline = hosts.filter((host) => host.link === "offline").length;
  const down = hosts.filter((host) => host.link === "online" && host.engine.state === "down").length;
  const counted = hosts.filter((host) => host.link === "online" && host.engine.state === "up" && host.containers);
  const running = counted.reduce((sum, host) => sum + host.containers.running, 0);
  const total = counted.reduce((sum, host) => sum + host.containers.total, 0);
  return [
    h("span", { text: `${hosts.length - offline} of ${count(hosts.length, "host")} online` }),
    offline > 0 && h("span", { class: "tone-gone" }, icon("unplugged"), `${offline} offline`),
    down > 0 && h("span", { class: "tone-bad" }, icon("warning"), `${count(down, "Engine")} down`),
    counted.length > 0 && h("span", { text: `${running} of ${count(total, "container")} running` }),
  ].filter(Boolean);
}

function makeRow(host) {
  const p = {
    name: h("a", { href: `#/hosts/${encodeURIComponent(host.id)}`, class: "row-link", testid: "host-name" }),
    link: badge("host-link-state"),
    system: h("span", { class: "sub" }),
    engine: badge("host-engine-state"),
    agent: h("span", { class: "sub" }),
    cpu: h("span", { class: "number" }),
    cpuSpark: sparkline(),
    memory: h("span", { class: "number" }),
    memorySpark: sparkline(),
    network: h("span", { class: "number" }),
    networkSpark: sparkline(),
    running: h("span", { class: "number" }),
    total: h("span", { class: "of" }),
    countsAge: ageElement(null, "age sub"),
    age: ageElement(),
  };
  const cell = (label, className, ...children) => h("td", { role: "cell", class: className, dataset: { label } }, ...children);
  const row = h(
    "tr",
    { role: "row", testid: "host-row", dataset: { hostId: host.id } },
    cell("Host", "cell-name", h("div", { class: "name-line" }, p.name, p.link), p.system),
    cell("Engine", "cell-engine", p.engine, p.agent),
    cell("CPU", "cell-chart cell-live", p.cpu, p.cpuSpark),
    cell("Memory", "cell-chart cell-live", p.memory, p.memorySpark),
    cell("Network", "cell-chart cell-live", p.network, p.networkSpark),
    cell("Containers", "cell-counts", h("span", { class: "count-line" }, p.running, p.total), p.countsAge),
    cell("Data", "cell-age", p.age),
  );
  row.dataset.fades = "";
  row.parts = p;
  return row;
}

function updateRow(row, host) {
  const p = row.parts;
  const why = whyUnknown(host);
  const now = clock.now();
  const samples = store.historyOf(host.id);
  const intervalMs = store.intervalOf(host);
  setAttribute(row, "data-link", host.link);
  setAttribute(row, "data-engine", host.engine.state);
  setText(p.name, host.name);
  setLinkBadge(p.link, host);
  setText(p.system, [host.system.os, host.system.addresses?.[0]].filter(Boolean).join(" · "));
  setEngineBadge(p.engine, host);
  setText(p.agent, host.agent.version ? `agent ${host.agent.version}` : "");
  setMeasured(p.cpu, percent(host.stats?.cpu_percent), missingOf(host.collector, "host.cpu"), why);
  setMeasured(p.memory, percent(host.stats?.memory_percent), missingOf(host.collector, "host.memory", "host.memory_used"), why);
  setMeasured(p.network, rate(host.stats?.network_bytes_per_sec), missingOf(host.collector, "host.network"), why);
  drawSparkline(p.cpuSpark, samples, now, (s) => s.cpu_percent, { full: 100, intervalMs });
  drawSparkline(p.memorySpark, samples, now, (s) => s.memory_percent, { full: 100, intervalMs });
  drawSparkline(p.networkSpark, samples, now, (s) => s.network_bytes_per_sec, { floor: NETWORK_FLOOR, intervalMs });
  drawCounts(p, host, why);
  setAge(p.age, host.stats?.at_unix_ms ?? host.heard_unix_ms, intervalMs);
}

// A count that is only remembered must not pass for one that holds now.
function drawCounts(p, host, why) {
  const known = host.containers;
  const isOld = known !== null && (isRemembered(host) || host.areCountsOld);
  setValue(p.running, known ? String(known.running) : null, why);
  setText(p.total, known ? ` / ${known.total}` : "");
  p.running.parentElement.classList.toggle("is-remembered", isOld);
  setAttribute(p.running.parentElement, "title", isOld ? "the last count, no longer checked" : null);
  p.countsAge.hidden = !isOld;
  setAge(p.countsAge, known?.at_unix_ms ?? null);
}
