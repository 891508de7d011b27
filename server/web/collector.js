// Pure: how a host is measured, in words: by which path, how often, for how many bytes, and why a value is missing.

const SOURCES = {
  cgroup_v2: "cgroup v2 files, without the Engine",
  cgroup_v1: "cgroup v1 files, without the Engine",
  engine: "the Engine, one call per sample",
  nothing: "nothing",
};

const VALUES = {
  "container.cpu": "CPU of containers",
  "container.memory": "Memory of containers",
  "container.disk_io": "Disk reads and writes of containers",
  "container.network": "Network of containers",
  "container.pids": "Processes of containers",
  "container.throttled": "Throttling of containers",
  "container.oom_kills": "Out-of-memory kills of containers",
  "container.stall": "Stalls of containers",
  "host.cpu": "CPU",
  "host.load": "Load",
  "host.memory": "Memory",
  "host.memory_used": "Memory in use",
  "host.pressure": "Stalls",
  "host.disk_io": "Disk reads and writes",
  "host.network": "Network",
  "host.temperature": "Temperatures",
  "host.under_voltage": "Under-voltage",
};

/** What the collector's name of a value means; a part is named after its kind. */
export function valueName(value) {
  if (VALUES[value]) return VALUES[value];
  const [kind, ...rest] = value.split(".");
  const name = rest.join(".");
  if (kind === "filesystem") return `File system ${name}`;
  if (kind === "sensor") return `Temperature of ${name}`;
  if (kind === "interface") return `Network of ${name}`;
  return value.replaceAll(/[._]/g, " ");
}

/** The collector's word on the first of `values` that it reports as missing; `null` when it reports none. */
export function missingOf(collector, ...values) {
  for (const value of values) {
    const found = collector?.missing.find((one) => one.value === value);
    if (found) return found;
  }
  return null;
}

/** Why a value is missing, and what to do about it, as a sentence or two. */
export function reasonText({ why, remedy }) {
  return sentence(why) + (remedy ? ` ${sentence(remedy)}` : "");
}

/** `text` as a sentence: a capital first, a full stop last. */
export function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

/** Which path measures the containers. */
export function sourceWords(collector) {
  const source = SOURCES[collector.containers] ?? collector.containers.replaceAll("_", " ");
  const driver = collector.containers.startsWith("cgroup") && collector.cgroup_driver ? ` (${collector.cgroup_driver} driver)` : "";
  return source + driver + (collector.why ? `: ${collector.why}` : "");
}

/** How often a host is measured, and why not more often. */
export function cadenceWords({ interval_ms, asked_ms, slowed }) {
  const every = `every ${duration(interval_ms)}`;
  if (slowed === "budget") return `${every}, not every ${duration(asked_ms)}: four fifths of the day’s budget are spent`;
  if (slowed === "minimum") return `${every}, not every ${duration(asked_ms)}: the host’s STATS_INTERVAL_MIN allows no more`;
  return every;
}

// A cadence is round: `10 s`, `4 min`.
function duration(ms) {
  if (ms < 1000) return `${ms}\u00a0ms`;
  const seconds = ms / 1000;
  if (seconds >= 60 && seconds % 60 === 0) return `${seconds / 60}\u00a0min`;
  return `${Number(seconds.toFixed(1))}\u00a0s`;
}

const LANES = [
  ["stats_bytes", "Stats"],
  ["events_bytes", "Events"],
  ["answers_bytes", "Answers"],
  ["lists_bytes", "Lists of containers"],
  ["spool_bytes", "What waited for a link"],
  ["upkeep_bytes", "Heartbeats"],
];

/** What the day's bytes went to, as `{ rows: [{ label, bytes, share }], sent, received, budget, left }`; shares are of what was sent. */
export function spendingOf(spending) {
  const sent = LANES.reduce((sum, [key]) => sum + (spending[key] ?? 0), 0);
  const rows = LANES.map(([key, label]) => ({ label, bytes: spending[key] ?? 0, share: sent > 0 ? (spending[key] ?? 0) / sent : 0 })).filter((row) => row.bytes > 0);
  const budget = spending.budget_bytes ?? null;
  return { rows, sent, received: spending.received_bytes ?? null, budget, used: budget ? (sent + (spending.received_bytes ?? 0)) / budget : null };
}

/**
 * What a host's own samples warn of. `samples` are the last minutes, oldest first: a throttle that the processor took long ago is
 * a fact, one that it takes now is a warning.
 */
export function warningsOf(host, samples) {
  const warnings = [];
  const { stats } = host;
  if (stats?.under_voltage === true) warnings.push("Under-voltage: the power supply does not hold. Expect crashes and a slow processor until it or its cable is replaced.");
  const before = samples.find((sample) => typeof sample.thermal_throttles === "number")?.thermal_throttles;
  if (typeof stats?.thermal_throttles === "number" && before !== undefined && stats.thermal_throttles > before) {
    warnings.push("The processor slows itself down because it is too hot.");
  }
  return warnings;
}

/** A status of the Engine without its age, and with the age where the start is known: `Up (healthy)` becomes `Up 3 min (healthy)`. */
export function statusWords(status, ageText) {
  if (ageText === null || !/^Up(?: \(.*\))?$/.test(status)) return status;
  return status.replace(/^Up/, `Up ${ageText}`);
}
