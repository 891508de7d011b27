// One host: what it is, how it is doing, and its containers.

import * as api from "../api.js";
import * as clock from "../clock.js";
import * as live from "../live.js";
import * as store from "../store.js";
import { button, h, icon, oncePerFrame, setAttribute, setText, setValue } from "../dom.js";
import { bytes, count, dateTime, percent, plainNumber, rate, stretch } from "../format.js";
import { missingOf, warningsOf } from "../collector.js";
import { ageElement, setAge } from "../parts/age.js";
import { confirm } from "../parts/dialog.js";
import { badge, setEngineBadge, setLinkBadge, whyUnknown } from "../parts/host-state.js";
import { hostDetails } from "../parts/host-details.js";
import { measuringFold, setMeasured } from "../parts/measuring.js";
import { drawSparkline, sparkline } from "../parts/sparkline.js";
import { toast, toastError } from "../parts/toast.js";
import { containersPanel } from "./containers.js";

const REDRAW_MS = 2_000;
const DAY_MS = 24 * 3_600_000;

/** Shows the view and has the server poll this host more often while it is open. */
export function show({ params, setTitle }) {
  const hostId = params.host;
  const historyPath = `#/hosts/${encodeURIComponent(hostId)}/history`;
  const p = {
    name: h("h1"),
    link: badge("host-link-state"),
    engine: badge("host-engine-state"),
    age: ageElement(),
    facts: h("dl", { class: "facts host-facts" }),
    alarm: h("div", { class: "alarm", role: "status", hidden: true }),
    warnings: h("ul", { class: "host-warnings", role: "status", hidden: true }),
    tiles: {
      cpu: tile("CPU", historyPath),
      memory: tile("Memory", historyPath),
      network: tile("Network", historyPath),
      disk: tile("Disk", historyPath),
    },
    details: hostDetails(),
    measuring: measuringFold(),
  };
  store.keepContainersOf(hostId);
  live.watch(hostId);
  const panel = containersPanel(hostId);
  const known = h(
    "div",
    { class: "host-view", dataset: { fades: "" } },
    h(
      "div",
      { class: "view-head" },
      h("a", { class: "back", href: "#/", "aria-label": "All hosts", title: "All hosts" }, icon("back")),
      p.name,
      p.link,
      p.engine,
      h("span", { class: "freshness" }, "data of ", p.age),
      h(
        "span",
        { class: "head-actions" },
        h("a", { class: "button", href: historyPath, testid: "host-history" }, icon("history"), h("span", { text: "History" })),
        h("a", { class: "button", href: `#/events?host=${encodeURIComponent(hostId)}` }, icon("events"), h("span", { text: "Events" })),
        button({ label: "Remove host…", glyph: "remove", testid: "host-remove", on: { click: () => removeHost(hostId) } }),
      ),
    ),
    p.alarm,
    p.warnings,
    h(
      "div",
      { class: "overview" },
      h("div", { class: "overview-now" }, h("div", { class: "tiles" }, Object.values(p.tiles).map((t) => t.element)), p.details.element),
      p.facts,
      p.measuring.element,
    ),
  );
  const missing = h("div", { class: "empty", hidden: true }, icon("pilotfish", "fish"), h("h2", { text: "No such host" }), h("p", { text: "It may have been removed." }), h("a", { class: "button", href: "#/", text: "All hosts" }));
  const element = h("section", { class: "view" }, known, missing, panel.element);

  function draw() {
    const host = store.hostById(hostId);
    const isMissing = host === null && store.hasHosts();
    missing.hidden = !isMissing;
    known.hidden = panel.element.hidden = host === null;
    if (host) update(p, host);
    setTitle(host?.name ?? "Host");
  }

  const drawSoon = oncePerFrame(draw);
  const stops = [
    store.on("hosts", drawSoon),
    store.on("stats", (id) => {
      if (id === hostId) drawSoon();
    }),
  ];
  const timer = setInterval(drawSoon, REDRAW_MS);
  draw();
  return {
    element,
    dispose() {
      for (const stop of stops) stop();
      clearInterval(timer);
      panel.dispose();
      live.watch(null);
    },
  };
}

function tile(label, historyPath) {
  const value = h("span", { class: "number" });
  const note = h("span", { class: "sub" });
  const spark = sparkline(240, 44);
  return { value, note, spark, element: h("div", { class: "tile" }, h("h2", null, h("a", { class: "tile-link", href: historyPath, title: `History of ${label}`, text: label })), h("div", { class: "tile-value" }, value, note), spark) };
}

function update(p, host) {
  const now = clock.now();
  const samples = store.historyOf(host.id);
  const intervalMs = store.intervalOf(host);
  const why = whyUnknown(host);
  const { cpu, memory, network, disk } = p.tiles;
  setText(p.name, host.name);
  setLinkBadge(p.link, host);
  setEngineBadge(p.engine, host);
  setAge(p.age, host.stats?.at_unix_ms ?? host.heard_unix_ms, intervalMs);
  setAttribute(p.name.closest(".host-view"), "data-link", host.link);
  setAttribute(p.name.closest(".host-view"), "data-engine", host.engine.state);
  drawAlarm(p.alarm, host);

  const { stats, collector } = host;
  const { cpus } = host.system;
  const memoryBytes = stats?.memory_bytes ?? host.system.memory_bytes;
  const tell = (el, text, ...values) => setMeasured(el, text, missingOf(collector, ...values), why);
  tell(cpu.value, percent(stats?.cpu_percent), "host.cpu");
  setText(cpu.note, [cpus && `of ${count(cpus, "core")}`, stats?.load && `load ${plainNumber(stats.load[0])}`].filter(Boolean).join(" · "));
  tell(memory.value, percent(stats?.memory_percent), "host.memory", "host.memory_used");
  setText(memory.note, [memoryBytes && `of ${bytes(memoryBytes)}`, stats?.swap_used_bytes > 0 && `swap ${bytes(stats.swap_used_bytes)}`].filter(Boolean).join(" · "));
  tell(network.value, rate(stats?.network_bytes_per_sec), "host.network");
  setText(network.note, bothWays(stats?.network_rx_bytes_per_sec, "in", stats?.network_tx_bytes_per_sec, "out") ?? "in and out");
  // An agent of the base dialect never tells of disks: a tile that stays empty says nothing.
  disk.element.hidden = diskRate(stats) === null && !collector;
  tell(disk.value, rate(diskRate(stats)), "host.disk_io");
  setText(disk.note, bothWays(stats?.disk_read_bytes_per_sec, "read", stats?.disk_write_bytes_per_sec, "written") ?? "");
  drawSparkline(cpu.spark, samples, now, (s) => s.cpu_percent, { full: 100, intervalMs });
  drawSparkline(memory.spark, samples, now, (s) => s.memory_percent, { full: 100, intervalMs });
  drawSparkline(network.spark, samples, now, (s) => s.network_bytes_per_sec, { floor: 10_240, intervalMs });
  drawSparkline(disk.spark, samples, now, diskRate, { floor: 10_240, intervalMs });
  p.details.draw(stats);
  p.measuring.draw(host, intervalMs, now);
  drawWarnings(p.warnings, host, samples, now);
  drawFacts(p.facts, host);
}

const diskRate = (stats) => (typeof stats?.disk_read_bytes_per_sec === "number" && typeof stats.disk_write_bytes_per_sec === "number" ? stats.disk_read_bytes_per_sec + stats.disk_write_bytes_per_sec : null);

const bothWays = (one, oneWord, other, otherWord) => (typeof one === "number" && typeof other === "number" ? `${rate(one)} ${oneWord} · ${rate(other)} ${otherWord}` : null);

// What the host itself suffers from, and what nobody saw of it lately.
function drawWarnings(el, host, samples, now) {
  const gap = (host.gaps ?? []).filter(({ to_unix_ms: to }) => now - to < DAY_MS).at(-1);
  const texts = warningsOf(host, samples);
  if (gap) texts.push(`Events may be missing ${stretch(gap.from_unix_ms, gap.to_unix_ms, now)}: nobody saw what happened to containers then.`);
  el.hidden = texts.length === 0;
  const signature = texts.join("\n");
  if (el.drawn === signature) return;
  el.drawn = signature;
  el.replaceChildren(...texts.map((text) => h("li", { testid: "host-warning" }, icon("warning"), h("span", { text }))));
}

// The one sentence that explains why what is below may not hold any more.
function drawAlarm(el, host) {
  let text = null;
  if (host.link === "offline") text = "The agent is gone. Everything below is what it said last; nothing can be done on this host until it is back.";
  else if (host.engine.state === "down") text = `The agent is connected, but its Engine does not answer${host.engine.why ? `: ${host.engine.why}` : ""}. Containers are shown as they were last seen.`;
  el.hidden = text === null;
  el.dataset.tone = host.link === "offline" ? "gone" : "bad";
  if (text !== null && el.textContent !== text) el.replaceChildren(icon(host.link === "offline" ? "unplugged" : "warning"), h("span", { text }));
}

function drawFacts(el, host) {
  const { system, agent } = host;
  const facts = [
    ["System", system.os],
    ["Kernel", system.kernel],
    ["Processor", [system.cpus && count(system.cpus, "core"), agent.arch].filter(Boolean).join(", ") || null],
    ["Memory", bytes(system.memory_bytes)],
    ["Addresses", system.addresses?.join(", ") || null],
    ["Agent", agent.version ? [agent.version, agent.protocol && `protocol ${agent.protocol}`].filter(Boolean).join(", ") : null],
    ["Added", dateTime(host.enrolled_unix_ms)],
  ];
  const signature = JSON.stringify(facts);
  if (el.drawn === signature) return;
  el.drawn = signature;
  el.replaceChildren(
    ...facts.flatMap(([name, value]) => [h("dt", { text: name }), setValue(h("dd"), value, "the agent did not tell")]),
  );
}

async function removeHost(hostId) {
  const host = store.hostById(hostId);
  if (!host) return;
  const isSure = await confirm({
    title: "Remove this host?",
    facts: [["Host", host.name], ["Agent", host.agent.id]],
    warning: "Its agent is cut off and forgotten here, with its containers and numbers. Nothing on the host itself is touched; to come back, it needs a new registration token.",
    confirmLabel: "Remove host",
  });
  if (!isSure) return;
  try {
    await api.removeHost(hostId);
    toast("good", `${host.name} removed`);
    location.hash = "#/";
  } catch (error) {
    toastError(`${host.name} could not be removed`, error);
  }
}
