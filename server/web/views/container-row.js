// One container as a row of the table (a card on a phone).

import * as clock from "../clock.js";
import * as store from "../store.js";
import { button, h, icon, setAttribute, setIcon, setText, setValue } from "../dom.js";
import { bytes, dateTime, imageName, percent, rate, span } from "../format.js";
import { toggleMenu } from "../parts/menu.js";
import { drawSparkline, sparkline } from "../parts/sparkline.js";
import { isRemembered } from "../parts/host-state.js";
import { missingOf, statusWords } from "../collector.js";
import { setMeasured } from "../parts/measuring.js";
import { ACTIONS, actionsIn, containerState, refusal } from "../words.js";
import { pendingAction, run } from "./container-actions.js";

const IN_ROW = ["start", "unpause", "stop", "restart"]; // the rest is behind the menu
const DANGEROUS = ["kill", "remove"];

/** Makes an empty row for a container of `hostId`; `redraw` brings the table up to date. */
export function makeRow(hostId, container, redraw) {
  const p = {
    stateIcon: icon("state-unknown"),
    state: h("span"),
    name: h("a", { class: "row-link" }),
    agentMark: h("span", { class: "tag", text: "agent", title: "this container is the host’s pilotfish agent" }),
    image: h("span", { class: "sub" }),
    cpu: h("span", { class: "number" }),
    cpuSpark: sparkline(64, 18),
    history: h("a", { class: "spark-link", href: containerPath(hostId, container.id, "history"), "aria-hidden": "true", tabindex: "-1", title: "History" }),
    memory: h("span", { class: "number" }),
    memoryLimit: h("span", { class: "sub" }),
    network: h("span", { class: "number" }),
    ports: h("span", { class: "ports" }),
    uptime: h("span", { class: "number" }),
    actions: h("div", { class: "actions" }),
  };
  p.history.append(p.cpuSpark);
  p.badge = h("span", { class: "badge state-badge" }, p.stateIcon, p.state);
  const cell = (label, className, ...children) => h("td", { role: "cell", class: className, dataset: { label } }, ...children);
  const row = h(
    "tr",
    { role: "row", testid: "container-row", dataset: { containerId: container.id } },
    cell("State", "cell-state", p.badge),
    cell("Name", "cell-name", h("div", { class: "name-line" }, p.name, p.agentMark), p.image),
    cell("CPU", "cell-chart cell-live", p.cpu, p.history),
    cell("Memory", "cell-memory cell-live", p.memory, p.memoryLimit),
    cell("Network", "cell-live", p.network),
    cell("Ports", "cell-ports", p.ports),
    cell("Up", "cell-up", p.uptime),
    cell("Actions", "cell-actions", p.actions),
  );
  row.parts = p;
  row.drawnActions = null;
  row.hostId = hostId;
  row.redraw = redraw;
  return row;
}

/** Brings a row up to date. */
export function updateRow(row, container) {
  const p = row.parts;
  const { hostId } = row;
  const doing = pendingAction(hostId, container.id);
  const words = containerState(container.state);
  const isPast = isRemembered(store.hostById(hostId));
  row.container = container;
  row.classList.toggle("is-remembered", isPast);
  setAttribute(row, "data-container-name", container.name);
  setAttribute(row, "data-state", container.state);
  setAttribute(row, "data-pending", doing);
  p.badge.dataset.tone = doing ? "busy" : isPast ? "unknown" : words.tone;
  setIcon(p.stateIcon, doing ? "state-restarting" : words.icon);
  setText(p.state, doing ? `${ACTIONS[doing].doing}…` : isPast ? `was ${words.label}` : words.label);
  setAttribute(p.badge, "title", isPast ? "as it was last seen" : container.status || null);

  setText(p.name, container.name);
  setAttribute(p.name, "href", containerPath(hostId, container.id, "logs"));
  setAttribute(p.name, "title", `Logs of ${container.name}`);
  p.agentMark.hidden = !container.is_agent;
  setText(p.image, imageName(container.image));
  setAttribute(p.image, "title", container.image);

  drawNumbers(p, container, store.hostById(hostId));
  setText(p.ports, container.ports.join("  "));
  setAttribute(p.ports, "title", container.ports.join("\n") || null);
  drawUptime(p.uptime, container, isPast);
  drawActions(row, container, doing);
}

export const containerPath = (hostId, id, what) => `#/hosts/${encodeURIComponent(hostId)}/containers/${encodeURIComponent(id)}/${what}`;

function drawNumbers(p, { id, state, stats }, host) {
  // A container that does not run has no numbers; that is not the same as not knowing them.
  const hasNone = stats === null && ["exited", "created", "dead"].includes(state);
  for (const [el, text, value] of [
    [p.cpu, percent(stats?.cpu_percent), "container.cpu"],
    [p.memory, bytes(stats?.memory_bytes), "container.memory"],
    [p.network, rate(stats?.network_bytes_per_sec), "container.network"],
  ]) {
    if (hasNone) {
      setMeasured(el, "", null);
    } else {
      setMeasured(el, text, missingOf(host?.collector, value), stats === null ? "no sample of this container has arrived" : "it takes two samples to tell");
    }
  }
  const limit = stats?.memory_limit_bytes;
  setText(p.memoryLimit, hasNone || !stats || stats.memory_bytes === null ? "" : limit ? `of ${bytes(limit)}` : "no limit");
  const isTight = (stats?.memory_percent ?? 0) >= 90 && limit;
  p.memoryLimit.classList.toggle("tone-bad", Boolean(isTight));
  drawSparkline(p.cpuSpark, hasNone ? [] : store.containerHistoryOf(id), clock.now(), (s) => s.cpu_percent, { floor: 10, intervalMs: store.intervalOf(host) });
}

function drawUptime(el, container, isPast) {
  el.classList.remove("tone-bad");
  if (isPast) {
    setValue(el, container.status || null); // a clock that ticks on would claim to know
  } else if (["running", "paused"].includes(container.state) && container.started_unix_ms !== null) {
    const age = span(clock.now() - container.started_unix_ms);
    // What the Engine says besides the time, such as the health, stays beside the age.
    const health = /\((.*)\)/.exec(container.status)?.[1] ?? null;
    setValue(el, health === null ? age : `${age} · ${health}`);
    el.classList.toggle("tone-bad", health === "unhealthy");
    setAttribute(el, "title", `${statusWords(container.status, age)}, since ${dateTime(container.started_unix_ms)}`);
  } else {
    setValue(el, container.status || null);
    if (container.started_unix_ms !== null) setAttribute(el, "title", `last started ${dateTime(container.started_unix_ms)}`);
  }
}

// Buttons are only built anew when what may be done changed: a click must not lose its button.
function drawActions(row, container, doing) {
  const host = store.hostById(row.hostId);
  const allowed = actionsIn(container.state);
  const signature = JSON.stringify([allowed, doing, allowed.map((action) => refusal(action, container, host))]);
  if (row.drawnActions === signature) return;
  row.drawnActions = signature;
  const focused = row.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
  row.parts.actions.replaceChildren(
    ...allowed.filter((action) => IN_ROW.includes(action)).map((action) => actionButton(row, action, host, doing)),
    h("a", { class: "icon-button", href: containerPath(row.hostId, container.id, "history"), "aria-label": `History of ${container.name}`, title: "History", testid: "action-history" }, icon("history")),
    h("a", { class: "icon-button", href: containerPath(row.hostId, container.id, "logs"), "aria-label": `Logs of ${container.name}`, title: "Logs", testid: "action-logs" }, icon("logs")),
    button({
      label: `More for ${container.name}`,
      glyph: "more",
      isBare: true,
      class: "icon-button",
      testid: "action-more",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
      on: { click: (event) => toggleMenu(event.currentTarget, menuItems(row)) },
    }),
  );
  if (focused) row.querySelector(`[data-testid="${focused}"]`)?.focus();
}

function actionButton(row, action, host, doing) {
  const reason = refusal(action, row.container, host);
  const isOff = reason !== null || doing !== null;
  return button({
    label: `${ACTIONS[action].label} ${row.container.name}`,
    glyph: action,
    isBare: true,
    class: "icon-button",
    testid: `action-${action}`,
    "aria-disabled": isOff ? "true" : null,
    "aria-busy": doing === action ? "true" : null,
    title: reason ? `${ACTIONS[action].label}: ${reason}` : ACTIONS[action].label,
    on: { click: () => run(action, row.hostId, row.container, row.redraw) },
  });
}

function menuItems(row) {
  const { container, hostId } = row;
  const host = store.hostById(hostId);
  const operations = actionsIn(container.state)
    .filter((action) => !IN_ROW.includes(action))
    .map((action) => ({
      label: ACTIONS[action].label + (["kill", "remove", "rename"].includes(action) ? "…" : ""),
      glyph: action,
      testid: `action-${action}`,
      isDangerous: DANGEROUS.includes(action),
      reason: refusal(action, container, host),
      run: () => run(action, hostId, row.container, row.redraw),
    }));
  const inspect = {
    label: "Inspect",
    glyph: "inspect",
    testid: "action-inspect",
    reason: null,
    run() {
      location.hash = containerPath(hostId, container.id, "inspect");
    },
  };
  return [inspect, ...operations];
}
