// A host's containers: sorted, filtered, grouped by Compose project.

import * as store from "../store.js";
import { button, h, icon, oncePerFrame, reconcile, setAttribute, setText } from "../dom.js";
import { count } from "../format.js";
import { ageElement, setAge } from "../parts/age.js";
import { isRemembered, whyUnknown } from "../parts/host-state.js";
import { makeRow, updateRow } from "./container-row.js";

const PROJECT = "com.docker.compose.project";
const REDRAW_MS = 2_000;

const text = (a, b) => a.localeCompare(b, "en", { numeric: true });
// What is not known sorts last, whichever way.
const number = (valueOf) => (a, b) => (valueOf(b) ?? -1) - (valueOf(a) ?? -1);
const STATE_ORDER = ["restarting", "dead", "running", "paused", "unknown", "removing", "exited", "created"];

const COLUMNS = [
  { label: "State", key: "state", compare: (a, b) => STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state) },
  { label: "Name", key: "name", compare: (a, b) => text(a.name, b.name), also: { label: "Image", key: "image", compare: (a, b) => text(a.image, b.image) } },
  { label: "CPU", key: "cpu", compare: number((c) => c.stats?.cpu_percent) },
  { label: "Memory", key: "memory", compare: number((c) => c.stats?.memory_bytes) },
  { label: "Network", key: "network", compare: number((c) => c.stats?.network_bytes_per_sec) },
  { label: "Ports", key: null },
  { label: "Up", key: "up", compare: number((c) => c.started_unix_ms) },
  { label: "", key: null },
];

const SORTS = COLUMNS.flatMap((column) => [column, column.also ?? []].flat()).filter((sort) => sort.key);

// Kept while one walks between views.
const kept = { sort: "name", isReversed: false, needle: "", runningOnly: false, byProject: true, closed: new Set() };

/** Builds the panel; `dispose()` ends it. */
export function containersPanel(hostId) {
  const summary = h("span", { class: "summary" });
  const listAge = ageElement();
  const filter = h("input", { type: "search", class: "filter", placeholder: "Filter by name, image, state", "aria-label": "Filter containers", testid: "container-filter", on: { input: () => set({ needle: filter.value.trim().toLowerCase() }) } });
  filter.value = kept.needle;
  const runningOnly = h("input", { type: "checkbox", testid: "running-only", on: { change: () => set({ runningOnly: runningOnly.checked }) } });
  runningOnly.checked = kept.runningOnly;
  const byProject = h("input", { type: "checkbox", on: { change: () => set({ byProject: byProject.checked }) } });
  byProject.checked = kept.byProject;
  const byProjectLabel = h("label", { class: "check", title: "Group by Compose project" }, byProject, "By project");
  const heads = COLUMNS.map(makeHead);
  const table = h("table", { class: "list containers", role: "table" }, h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)));
  const sortChoice = h(
    "select",
    { on: { change: () => set({ sort: sortChoice.value, isReversed: false }) } },
    SORTS.map(({ key, label }) => h("option", { value: key, text: label })),
  );
  const nothing = h("p", { class: "notice" });
  const freshness = h("span", { class: "freshness" }, "list of ", listAge);
  const element = h(
    "section",
    { class: "panel", "aria-labelledby": "containers-title", dataset: { fades: "" } },
    h(
      "div",
      { class: "panel-head" },
      h("h2", { id: "containers-title", text: "Containers" }),
      summary,
      freshness,
      h("label", { class: "cards-only sort-choice" }, "Sort by ", sortChoice),
      filter,
      h("label", { class: "check" }, runningOnly, "Running only"),
      byProjectLabel,
    ),
    nothing,
    table,
  );
  let order = []; // ids as they were last shown

  function set(change) {
    Object.assign(kept, change);
    order = [];
    draw();
  }

  function makeHead(column) {
    const th = h("th", { scope: "col", role: "columnheader" });
    if (!column.key) {
      th.append(column.label || h("span", { class: "offscreen", text: "Actions" }));
      return th;
    }
    for (const { key, label } of [column, column.also ?? []].flat()) {
      const sort = () => set({ sort: key, isReversed: kept.sort === key && !kept.isReversed });
      th.append(button({ label, class: "sort", dataset: { sort: key }, on: { click: sort } }));
      th.lastChild.append(icon("sort"));
    }
    return th;
  }

  function drawHeads() {
    // Numbers start with the largest, words with the first.
    const isDescending = ["cpu", "memory", "network", "up"].includes(kept.sort) !== kept.isReversed;
    heads.forEach((th) => {
      let isSorted = false;
      for (const sort of th.querySelectorAll(".sort")) {
        const isUsed = sort.dataset.sort === kept.sort;
        setAttribute(sort, "data-is-used", isUsed);
        isSorted ||= isUsed;
      }
      setAttribute(th, "aria-sort", isSorted ? (isDescending ? "descending" : "ascending") : null);
    });
    sortChoice.value = kept.sort;
  }

  // Rows must not slide away under a pointer or a focus: the order is held meanwhile.
  function inOrder(containers) {
    const { compare } = SORTS.find((sort) => sort.key === kept.sort);
    const sorted = containers.sort((a, b) => (kept.isReversed ? -1 : 1) * compare(a, b) || text(a.name, b.name));
    const isHeld = order.length > 0 && table.matches(":hover, :focus-within");
    if (isHeld) {
      const place = new Map(order.map((id, i) => [id, i]));
      sorted.sort((a, b) => (place.get(a.id) ?? Infinity) - (place.get(b.id) ?? Infinity) || 0);
    }
    order = sorted.map((container) => container.id);
    return sorted;
  }

  function draw() {
    const host = store.hostById(hostId);
    const list = store.containersOf(hostId);
    const all = list?.containers ?? [];
    drawHeads();
    freshness.hidden = list?.atUnixMs == null;
    const heardUnixMs = store.tellsChanges(host) ? host.heard_unix_ms : null;
    setAge(listAge, list?.atUnixMs == null ? null : Math.max(list.atUnixMs, heardUnixMs ?? 0), store.intervalOf(host));
    const running = all.filter((container) => container.state === "running").length;
    setText(summary, list ? `${running} of ${all.length} ${host && isRemembered(host) ? "were " : ""}running` : "");
    byProjectLabel.hidden = !all.some((container) => container.labels?.[PROJECT]);
    const shown = inOrder(all.filter(isShown));
    table.hidden = shown.length === 0;
    nothing.hidden = shown.length > 0;
    setText(nothing, whyNothing(host, list));
    reconcile(table, groups(shown), (group) => group.key, makeGroup, updateGroup);
  }

  function makeGroup(group) {
    const body = h("tbody", { role: "rowgroup" });
    if (group.label !== null) {
      const toggle = button({ label: group.label, glyph: "chevron", class: "group-toggle", on: { click: () => toggleGroup(group.key) } });
      body.append(h("tr", { class: "group-row", role: "row" }, h("th", { colspan: COLUMNS.length, scope: "rowgroup", role: "rowheader" }, toggle, h("span", { class: "sub" }))));
    }
    return body;
  }

  function updateGroup(body, group) {
    const isClosed = group.label !== null && kept.closed.has(group.key);
    if (group.label !== null) {
      const [toggle, note] = body.firstElementChild.firstElementChild.children;
      setAttribute(toggle, "aria-expanded", isClosed ? "false" : "true");
      const running = group.containers.filter((container) => container.state === "running").length;
      setText(note, `${running} of ${count(group.containers.length, "container")} running`);
    }
    reconcile(body, isClosed ? [] : group.containers, (container) => container.id, (container) => makeRow(hostId, container, drawSoon), updateRow);
  }

  function toggleGroup(key) {
    if (!kept.closed.delete(key)) kept.closed.add(key);
    draw();
  }

  const drawSoon = oncePerFrame(draw);
  const stops = [store.on("containers", drawSoon), store.on("hosts", drawSoon)];
  const timer = setInterval(drawSoon, REDRAW_MS);
  draw();
  return {
    element,
    dispose() {
      for (const stop of stops) stop();
      clearInterval(timer);
    },
  };
}

function isShown(container) {
  if (kept.runningOnly && container.state !== "running") return false;
  const { needle } = kept;
  return needle === "" || [container.name, container.image, container.state, container.labels?.[PROJECT] ?? ""].some((word) => word.toLowerCase().includes(needle));
}

function groups(containers) {
  if (!kept.byProject) return containers.length > 0 ? [{ key: "", label: null, containers }] : [];
  const projects = new Map();
  for (const container of containers) {
    const project = container.labels?.[PROJECT] ?? null;
    if (!projects.has(project)) projects.set(project, []);
    projects.get(project).push(container);
  }
  if (projects.size === 0) return [];
  if (projects.size === 1 && projects.has(null)) return [{ key: "", label: null, containers }];
  return [...projects]
    .sort(([a], [b]) => (a === null) - (b === null) || text(a ?? "", b ?? ""))
    .map(([project, its]) => ({ key: `project:${project ?? ""}`, label: project ?? "Not in a project", containers: its }));
}

function whyNothing(host, list) {
  if (list === null) return host?.link === "offline" ? "The agent is gone, and no list of its containers is kept." : "Waiting for the list of containers…";
  if (list.containers.length > 0) return "No container matches.";
  if (list.atUnixMs === null) return `The containers are not known${host && whyUnknown(host) ? `: ${whyUnknown(host)}` : ""}.`;
  return "This host has no containers.";
}
