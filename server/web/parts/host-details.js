// What a host has several of, in small lists: file systems, temperatures, interfaces, and its stalls. A list without rows is not shown.

import { h, reconcile, setAttribute, setText } from "../dom.js";
import { bytes, celsius, percent, rate } from "../format.js";

const FULL_PERCENT = 90;

/** Makes the lists; `draw(stats)` brings them up to date. */
export function hostDetails() {
  const lists = { stalls: list("Stalls", "share of the time in which some task waited"), filesystems: list("File systems"), temperatures: list("Temperatures"), interfaces: list("Interfaces") };
  const element = h("div", { class: "host-details" }, Object.values(lists).map((one) => one.element));

  function draw(stats) {
    lists.stalls.draw(stallRows(stats?.stall));
    lists.filesystems.draw((stats?.filesystems ?? []).map(filesystemRow).filter(Boolean));
    lists.temperatures.draw(temperatureRows(stats));
    lists.interfaces.draw((stats?.interfaces ?? []).map(interfaceRow));
    element.hidden = Object.values(lists).every((one) => one.element.hidden);
  }

  return { element, draw };
}

function list(title, hint = null) {
  const rows = h("ul");
  const element = h("section", { hidden: true }, h("h2", { text: title, title: hint }), rows);
  return {
    element,
    draw(items) {
      element.hidden = items.length === 0;
      reconcile(rows, items, (item) => item.name, makeRow, updateRow);
    },
  };
}

function makeRow() {
  const bar = h("span", { class: "meter" }, h("span"));
  const row = h("li", null, h("span", { class: "detail-name" }), h("span", { class: "detail-value" }), bar);
  row.bar = bar;
  return row;
}

function updateRow(row, { name, value, title = null, share = null, tone = null }) {
  setText(row.children[0], name);
  setText(row.children[1], value);
  setAttribute(row, "title", title);
  setAttribute(row, "data-tone", tone);
  row.bar.hidden = share === null;
  if (share !== null) row.bar.firstChild.style.width = `${share.toFixed(1)}%`;
}

function stallRows(stall) {
  const rows = [
    { name: "for CPU", percent: stall?.cpu_percent },
    { name: "for memory", percent: stall?.memory_percent },
    { name: "for I/O", percent: stall?.io_percent },
  ];
  return rows.filter((row) => typeof row.percent === "number").map((row) => ({ name: row.name, value: percent(row.percent) }));
}

function filesystemRow({ name, used_bytes: used, available_bytes: free, size_bytes: size }) {
  if (typeof used !== "number") return null;
  const share = typeof free === "number" && used + free > 0 ? (100 * used) / (used + free) : null;
  const isFull = share !== null && share >= FULL_PERCENT;
  const title = [size && `${bytes(used)} of ${bytes(size)} used`, free !== null && `${bytes(free)} free`].filter(Boolean).join(", ");
  return { name, value: share === null ? bytes(used) : `${percent(share)} · ${bytes(free)} free`, title, share, tone: isFull ? "bad" : null };
}

function temperatureRows(stats) {
  const rows = (stats?.temperatures ?? []).filter(({ celsius: degrees }) => typeof degrees === "number").map(({ name, celsius: degrees }) => ({ name, value: celsius(degrees) }));
  if (stats?.thermal_throttles > 0) rows.push({ name: "slowed down for heat", value: `${stats.thermal_throttles}×`, title: "since the host was started" });
  return rows;
}

function interfaceRow({ name, rx_bytes_per_sec: received, tx_bytes_per_sec: sent, rx_faults_per_sec: badIn, tx_faults_per_sec: badOut }) {
  const faults = (badIn ?? 0) + (badOut ?? 0);
  return {
    name,
    value: `${rate(received) ?? "—"} in · ${rate(sent) ?? "—"} out`,
    title: faults > 0 ? `${faults.toFixed(2)} packets a second are faulty or dropped` : null,
    tone: faults > 0 ? "warn" : null,
  };
}
