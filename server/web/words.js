// Pure: the wire's words as plain ones, and which of them matter. A tone is never shown by colour
// alone: each has its glyph in icons/sprite.svg.

/** States of a container: its label, glyph and tone. */
export const CONTAINER_STATES = {
  running: { label: "running", icon: "state-running", tone: "good" },
  paused: { label: "paused", icon: "state-paused", tone: "warn" },
  restarting: { label: "restarting", icon: "state-restarting", tone: "warn" },
  created: { label: "created", icon: "state-created", tone: "quiet" },
  exited: { label: "exited", icon: "state-exited", tone: "quiet" },
  dead: { label: "dead", icon: "state-dead", tone: "bad" },
  removing: { label: "removing", icon: "state-removing", tone: "warn" },
  unknown: { label: "not known", icon: "state-unknown", tone: "unknown" },
};

/** The words for a state, also for one this page has never heard of. */
export const containerState = (state) => CONTAINER_STATES[state] ?? CONTAINER_STATES.unknown;

const CONTAINER_ACTIONS = {
  create: ["was created", "quiet"],
  start: ["started", "good"],
  restart: ["was restarted", "good"],
  stop: ["was stopped", "quiet"],
  // The Engine reports every signal as a kill, also a harmless SIGHUP; only `die` ends a container.
  kill: ["was sent a signal", "quiet"],
  die: ["ended", "warn"],
  oom: ["ran out of memory", "bad"],
  pause: ["was paused", "warn"],
  unpause: ["was resumed", "good"],
  rename: ["was renamed", "quiet"],
  destroy: ["was removed", "quiet"],
  update: ["had its limits changed", "quiet"],
  attach: ["was attached to", "quiet"],
  detach: ["was detached from", "quiet"],
  exec_create: ["got a command to run", "quiet"],
  exec_start: ["started a command", "quiet"],
  exec_die: ["finished a command", "quiet"],
  "health_status: healthy": ["is healthy", "good"],
  "health_status: unhealthy": ["is unhealthy", "bad"],
};

const HOST_ACTIONS = {
  enrolled: ["was added", "good"],
  online: ["came online", "good"],
  offline: ["went offline", "bad"],
  removed: ["was removed", "quiet"],
  renamed: ["was renamed", "quiet"],
  trouble: ["reports trouble", "warn"],
  gap: ["may have missed events", "warn"],
};

const ENGINE_ACTIONS = {
  up: ["answers again", "good"],
  down: ["stopped answering", "bad"],
};

/** An event as `{ text, tone }`: what happened, after the name of what it happened to. */
export function eventWords(event) {
  const known =
    event.subject === "container"
      ? CONTAINER_ACTIONS[event.action]
      : event.subject === "host"
        ? HOST_ACTIONS[event.action]
        : ENGINE_ACTIONS[event.action];
  if (!known) return { text: event.action.replaceAll("_", " "), tone: "quiet" };
  let [text, tone] = known;
  if (event.action === "die") {
    const code = exitCode(event.detail);
    if (code === 0) tone = "quiet";
    else if (code !== null) tone = "bad";
  }
  return { text, tone };
}

/** The exit code in an event's detail (`exit code 137`, `exitCode=1`), `null` when there is none. */
export function exitCode(detail) {
  const found = /exit[ _]?(?:code|status)?[ :=]*(\d{1,3})\b/i.exec(detail ?? "");
  return found ? Number(found[1]) : null;
}

/** What an operation on a container is called: the button, while it runs, and once it is done. */
export const ACTIONS = {
  start: { label: "Start", doing: "starting", done: "started" },
  stop: { label: "Stop", doing: "stopping", done: "stopped" },
  restart: { label: "Restart", doing: "restarting", done: "restarted" },
  pause: { label: "Pause", doing: "pausing", done: "paused" },
  unpause: { label: "Resume", doing: "resuming", done: "resumed" },
  kill: { label: "Kill", doing: "killing", done: "killed" },
  rename: { label: "Rename", doing: "renaming", done: "renamed" },
  remove: { label: "Remove", doing: "removing", done: "removed" },
};

const BY_STATE = {
  running: ["stop", "restart", "pause", "kill", "rename", "remove"],
  paused: ["unpause", "stop", "restart", "kill", "rename", "remove"],
  restarting: ["stop", "restart", "kill", "rename", "remove"],
  created: ["start", "rename", "remove"],
  exited: ["start", "restart", "rename", "remove"],
  dead: ["remove"],
  removing: [],
  unknown: ["start", "stop", "restart", "kill", "remove"],
};

/** The operations that make sense in a container's state, the likeliest first. */
export const actionsIn = (state) => BY_STATE[state] ?? BY_STATE.unknown;

const CUTS_THE_AGENT = ["stop", "kill", "remove", "pause"];

/** Why `action` must not be asked of `container` on `host` now; `null` when it may. */
export function refusal(action, container, host) {
  if (host && host.link === "offline") return `${host.name} is offline`;
  if (host && host.engine.state === "down") return `the Engine of ${host.name} does not answer`;
  if (container.is_agent && CUTS_THE_AGENT.includes(action)) {
    return "this is the agent’s own container: without it the host would be out of reach";
  }
  return null;
}
