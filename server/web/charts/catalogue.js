// Pure: which charts there are, of what they are made, and which value of the collector's report explains an empty one.
//
// `lines` name measures of docs/api.md. `subject` is where they are found: `self` (the host or the container) or the beginning of
// many (`sensor:`), of which each gives a line. `band` draws the lowest to the highest of each step; `limit` is drawn as a border.

const NETWORK = [
  { measure: "received_bytes_per_sec", label: "in", band: true },
  { measure: "sent_bytes_per_sec", label: "out", band: true },
];
const DISK = [
  { measure: "read_bytes_per_sec", label: "read", band: true },
  { measure: "written_bytes_per_sec", label: "written", band: true },
];
const STALLS = [
  { measure: "cpu_stall_percent", label: "for CPU", band: true },
  { measure: "memory_stall_percent", label: "for memory", band: true },
  { measure: "io_stall_percent", label: "for I/O", band: true },
];
const STALL_NOTE = "share of the time in which some task waited";

/** The charts of a host. */
export const HOST_CHARTS = [
  {
    key: "cpu",
    title: "CPU",
    note: "of all cores",
    unit: "percent",
    scale: { floor: 10, full: 100 },
    subject: "self",
    reasons: ["host.cpu"],
    lines: [
      { measure: "cpu_percent", label: "used", band: true },
      { measure: "iowait_percent", label: "waiting for I/O", isMinor: true },
      { measure: "steal_percent", label: "taken by the hypervisor", isMinor: true },
    ],
  },
  {
    key: "memory",
    title: "Memory",
    unit: "bytes",
    scale: { floor: 1024 },
    subject: "self",
    reasons: ["host.memory", "host.memory_used"],
    lines: [
      { measure: "memory_bytes", label: "used", band: true },
      { measure: "swap_used_bytes", label: "swap", isMinor: true },
      { measure: "memory_limit_bytes", label: "installed", limit: true },
    ],
  },
  { key: "network", title: "Network", unit: "rate", scale: { floor: 1024 }, subject: "self", reasons: ["host.network"], lines: NETWORK },
  { key: "disk", title: "Disk", unit: "rate", scale: { floor: 1024 }, subject: "self", reasons: ["host.disk_io"], lines: DISK },
  { key: "stalls", title: "Stalls", note: STALL_NOTE, unit: "percent", scale: { floor: 1, full: 100 }, subject: "self", reasons: ["host.pressure"], lines: STALLS },
  {
    key: "load",
    title: "Load",
    note: "tasks that run or want to, on average",
    unit: "number",
    scale: { floor: 1 },
    subject: "self",
    reasons: ["host.load"],
    lines: [
      { measure: "load1", label: "1 min", band: true },
      { measure: "load5", label: "5 min" },
      { measure: "load15", label: "15 min" },
    ],
  },
  { key: "temperatures", title: "Temperatures", unit: "celsius", scale: { floor: 40 }, subject: "sensor:", reasons: ["host.temperature"], lines: [{ measure: "celsius", label: "", band: true }] },
  {
    key: "filesystems",
    title: "File systems",
    note: "share that is used",
    unit: "percent",
    scale: { floor: 100, full: 100 },
    subject: "filesystem:",
    reasons: ["filesystem./"],
    lines: [{ measure: "used_bytes", outOf: "available_bytes", label: "", band: true }],
  },
];

/** The charts of a container. */
export const CONTAINER_CHARTS = [
  {
    key: "cpu",
    title: "CPU",
    note: "100 % is one core",
    unit: "percent",
    scale: { floor: 5 },
    subject: "self",
    reasons: ["container.cpu"],
    lines: [
      { measure: "cpu_percent", label: "used", band: true },
      { measure: "throttled_percent", label: "held back by its limit", isMinor: true },
    ],
  },
  {
    key: "memory",
    title: "Memory",
    unit: "bytes",
    scale: { floor: 1024 },
    subject: "self",
    reasons: ["container.memory"],
    lines: [
      { measure: "memory_bytes", label: "used", band: true },
      { measure: "memory_limit_bytes", label: "limit", limit: true },
    ],
  },
  { key: "network", title: "Network", unit: "rate", scale: { floor: 1024 }, subject: "self", reasons: ["container.network"], lines: NETWORK },
  { key: "disk", title: "Disk", unit: "rate", scale: { floor: 1024 }, subject: "self", reasons: ["container.disk_io"], lines: DISK },
  { key: "pids", title: "Processes", note: "and threads", unit: "count", scale: { floor: 5 }, subject: "self", reasons: ["container.pids"], lines: [{ measure: "pids", label: "running", band: true }] },
  { key: "stalls", title: "Stalls", note: STALL_NOTE, unit: "percent", scale: { floor: 1, full: 100 }, subject: "self", reasons: ["container.stall"], lines: STALLS },
];

/** The measures that `charts` need, each once. */
export function measuresOf(charts) {
  const lines = charts.flatMap((chart) => chart.lines);
  return [...new Set(lines.flatMap(({ measure, outOf }) => (outOf ? [measure, outOf] : [measure])))];
}

/** A host's live stats as `subject → measure → value`, as history names them. */
export function hostValues(stats) {
  const values = {
    host: {
      cpu_percent: stats.cpu_percent,
      iowait_percent: stats.cpu_modes?.iowait_percent,
      steal_percent: stats.cpu_modes?.steal_percent,
      memory_bytes: stats.memory_used_bytes,
      memory_limit_bytes: stats.memory_bytes,
      swap_used_bytes: stats.swap_used_bytes,
      received_bytes_per_sec: stats.network_rx_bytes_per_sec,
      sent_bytes_per_sec: stats.network_tx_bytes_per_sec,
      read_bytes_per_sec: stats.disk_read_bytes_per_sec,
      written_bytes_per_sec: stats.disk_write_bytes_per_sec,
      ...stallValues(stats.stall),
      load1: stats.load?.[0],
      load5: stats.load?.[1],
      load15: stats.load?.[2],
    },
  };
  for (const { name, celsius } of stats.temperatures ?? []) values[`sensor:${name}`] = { celsius };
  for (const { name, used_bytes, available_bytes } of stats.filesystems ?? []) values[`filesystem:${name}`] = { used_bytes, available_bytes };
  return values;
}

/** A container's live stats likewise; `id` is its short one. */
export function containerValues(id, stats) {
  return {
    [`container:${id}`]: {
      cpu_percent: stats.cpu_percent,
      throttled_percent: stats.throttled_percent,
      memory_bytes: stats.memory_bytes,
      memory_limit_bytes: stats.memory_limit_bytes,
      received_bytes_per_sec: stats.network_rx_bytes_per_sec,
      sent_bytes_per_sec: stats.network_tx_bytes_per_sec,
      read_bytes_per_sec: stats.disk_read_bytes_per_sec,
      written_bytes_per_sec: stats.disk_write_bytes_per_sec,
      pids: stats.pids,
      ...stallValues(stats.stall),
    },
  };
}

const stallValues = (stall) => ({ cpu_stall_percent: stall?.cpu_percent, memory_stall_percent: stall?.memory_percent, io_stall_percent: stall?.io_percent });
