// One host: what it is, how it is doing, and its containers.

import * as api from "../api.js";
import * as clock from "../clock.js";
import * as live from "../live.js";
import * as store from "../store.js";
import { button, h, icon, oncePerFrame, setAttribute, setText, setValue } from "../dom.js";
import { bytes, count, dateTime, percent, rate } from "../format.js";
import { ageElement, setAge } from "../parts/age.js";
import { confirm } from "../parts/dialog.js";
import { badge, setEngineBadge, setLinkBadge, whyUnknown } from "../parts/host-state.js";
import { drawSparkline, sparkline } from "../parts/sparkline.js";
import { toast, toastError } from "../parts/toast.js";
import { containersPanel } from "./containers.js";

const REDRAW_MS = 2_000;

/** Shows the view and has the server poll this host more often while it is open. */
export function show({ params, setTitle }) {
  const hostId = params.host;
  const p = {
    name: h("h1"),
    link: badge("host-link-state"),
    engine: badge("host-engine-state"),
    age: ageElement(),
    facts: h("dl", { class: "facts host-facts" }),
    alarm: h("div", { class: "alarm", role: "status", hidden: true }),
    tiles: {
      cpu: tile("CPU"),
      memory: tile("Memory"),
      network: tile("Network"),
    },
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
        h("a", { class: "button", href: `#/events?host=${encodeURIComponent(hostId)}` }, icon("events"), h("span", { text: "Events" })),
        button({ label: "Remove host…", glyph: "remove", testid: "host-remove", on: { click: () => removeHost(hostId) } }),
      ),
    ),
    p.alarm,
    h("div", { class: "overview" }, h("div", { class: "tiles" }, Object.values(p.tiles).map((t) => t.element)), p.facts),
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

function tile(label) {
  const value = h("span", { class: "number" });
  const note = h("span", { class: "sub" });
  const spark = sparkline(240, 44);
  return { value, note, spark, element: h("div", { class: "tile" }, h("h2", { text: label }), h("div", { class: "tile-value" }, value, note), spark) };
}

function update(p, host) {
  const now = clock.now();
  const samples = store.historyOf(host.id);
  const why = whyUnknown(host);
  const { cpu, memory, network } = p.tiles;
  setText(p.name, host.name);
  setLinkBadge(p.link, host);
  setEngineBadge(p.engine, host);
  setAge(p.age, host.stats?.at_unix_ms ?? host.heard_unix_ms);
  setAttribute(p.name.closest(".host-view"), "data-link", host.link);
  setAttribute(p.name.closest(".host-view"), "data-engine", host.engine.state);
  drawAlarm(p.alarm, host);

  const { cpus, memory_bytes: memoryBytes } = host.system;
  setValue(cpu.value, percent(host.stats?.cpu_percent), why);
  setText(cpu.note, cpus ? `of ${count(cpus, "core")}` : "");
  setValue(memory.value, percent(host.stats?.memory_percent), why);
  setText(memory.note, memoryBytes ? `of ${bytes(memoryBytes)}` : "");
  setValue(network.value, rate(host.stats?.network_bytes_per_sec), why);
  setText(network.note, "in and out");
  drawSparkline(cpu.spark, samples, now, (s) => s.cpu_percent, { full: 100 });
  drawSparkline(memory.spark, samples, now, (s) => s.memory_percent, { full: 100 });
  drawSparkline(network.spark, samples, now, (s) => s.network_bytes_per_sec, { floor: 10_240 });
  drawFacts(p.facts, host);
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
