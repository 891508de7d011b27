// What this page knows: one reducer over the live messages, and who wants to hear of what.

import * as clock from "./clock.js";
import { STALE_MS } from "./format.js";

/** How much of the past a sparkline shows. */
export const HISTORY_MS = 120_000;
const KEEP_EVENTS = 200;

const hosts = new Map();
const hostHistory = new Map(); // host id → samples, oldest first
let isLoaded = false;
let watched = null; // { hostId, atUnixMs, containers: Map, history: Map } of the host that is open
let events = []; // heard live, newest first
const listeners = new Map();

/** Calls `listener` on each change of `topic` (`hosts`, `stats`, `containers`, `events`); returns how to stop. */
export function on(topic, listener) {
  if (!listeners.has(topic)) listeners.set(topic, new Set());
  listeners.get(topic).add(listener);
  return () => listeners.get(topic).delete(listener);
}

function tell(topic, what) {
  for (const listener of listeners.get(topic) ?? []) listener(what);
}

/** Tells whether the list of hosts has been heard at all. */
export const hasHosts = () => isLoaded;

/** All hosts, by name. */
export const allHosts = () =>
  [...hosts.values()].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }) || (a.id < b.id ? -1 : 1));

export const hostById = (id) => hosts.get(id) ?? null;

/** The last two minutes of a host's stats, oldest first. */
export const historyOf = (hostId) => hostHistory.get(hostId) ?? [];

/** The last two minutes of a watched container's stats, oldest first. */
export const containerHistoryOf = (id) => watched?.history.get(id) ?? [];

/** The last known containers of `hostId` as `{ atUnixMs, containers }`, `null` before they were heard. */
export function containersOf(hostId) {
  if (watched?.hostId !== hostId || watched.containers === null) return null;
  return { atUnixMs: watched.atUnixMs, containers: [...watched.containers.values()] };
}

/** Tells whether a host's agent tells of each change of its containers, so that no news of them are no change. */
export const tellsChanges = (host) => host !== null && host.link === "online" && Boolean(host.cadence ?? host.collector);

/** How often a host is measured, in ms: as its agent says, else as its stats come; `null` when neither is known. */
export const intervalOf = (host) => host?.cadence?.interval_ms ?? host?.intervalMs ?? null;

/** Events heard since the page was opened, newest first. */
export const liveEvents = () => events;

/** Starts keeping the containers of `hostId`, instead of another's. */
export function keepContainersOf(hostId) {
  if (watched?.hostId !== hostId) watched = { hostId, atUnixMs: null, containers: null, history: new Map() };
}

/** Forgets everything: somebody else may log in. */
export function clear() {
  hosts.clear();
  hostHistory.clear();
  isLoaded = false;
  watched = null;
  events = [];
}

/** Takes one live message; a kind that is not known is ignored. */
export function apply(message) {
  switch (message.kind) {
    case "hosts": {
      clock.hear(message.server_unix_ms);
      const kept = new Set(message.hosts.map((host) => host.id));
      for (const id of hosts.keys()) if (!kept.has(id)) forgetHost(id);
      for (const host of message.hosts) keepHost(host);
      isLoaded = true;
      tell("hosts");
      break;
    }
    case "host":
      keepHost(message.host);
      tell("hosts");
      break;
    case "host_removed":
      forgetHost(message.id);
      tell("hosts");
      break;
    case "stats":
      takeStats(message);
      break;
    case "containers":
      keepContainers(message.host_id, message);
      break;
    case "event":
      events = [message.event, ...events].slice(0, KEEP_EVENTS);
      tell("events", message.event);
      break;
    case "time":
      clock.hear(message.server_unix_ms);
      if (takeHeard(message.heard)) tell("hosts");
      break;
  }
}

function takeStats({ host_id, at_unix_ms, interval_ms, host: stats, containers }) {
  const host = hosts.get(host_id);
  if (!host) return;
  host.intervalMs = interval_ms ?? host.intervalMs;
  if (stats) {
    host.stats = stats;
    remember(hostHistory, host_id, stats);
  }
  // Stats come from the agent, so it was heard then.
  host.heard_unix_ms = Math.max(host.heard_unix_ms ?? 0, at_unix_ms);
  tell("stats", host_id);
  if (!containers || watched?.hostId !== host_id) return;
  for (const [id, sample] of Object.entries(containers)) {
    const container = watched.containers?.get(id);
    if (!container) continue;
    container.stats = sample;
    remember(watched.history, id, sample);
  }
  tell("containers");
}

/** Takes a container list, from the live link or from the API after an operation. */
export function keepContainers(hostId, { at_unix_ms, containers }) {
  if (watched?.hostId !== hostId) return;
  watched.atUnixMs = at_unix_ms;
  watched.containers = new Map(containers.map((container) => [container.id, container]));
  for (const container of containers) remember(watched.history, container.id, container.stats);
  for (const id of watched.history.keys()) if (!watched.containers.has(id)) watched.history.delete(id);
  tell("containers");
}

function keepHost(host) {
  // A count is only told when it changes, so its age says nothing later: whether it was old when
  // it was told does.
  host.areCountsOld = host.containers !== null && !tellsChanges(host) && clock.now() - host.containers.at_unix_ms > STALE_MS;
  host.intervalMs = hosts.get(host.id)?.intervalMs ?? null;
  hosts.set(host.id, host);
  remember(hostHistory, host.id, host.stats);
}

// When hosts were last heard: a host that sends no stats would look stale otherwise.
function takeHeard(heard) {
  const known = Object.entries(heard ?? {}).filter(([id]) => hosts.has(id));
  for (const [id, unixMs] of known) hosts.get(id).heard_unix_ms = unixMs;
  return known.length > 0;
}

function forgetHost(id) {
  hosts.delete(id);
  hostHistory.delete(id);
  if (watched?.hostId === id) watched = null;
}

function remember(histories, id, stats) {
  if (!stats) return;
  let samples = histories.get(id);
  if (!samples) histories.set(id, (samples = []));
  if (samples.length > 0 && samples.at(-1).at_unix_ms >= stats.at_unix_ms) return;
  samples.push(stats);
  while (samples[0].at_unix_ms < stats.at_unix_ms - HISTORY_MS - 15_000) samples.shift();
}
