// The live WebSocket: connects, notices silence, comes back with back-off and full jitter, and
// tells the server which host is being looked at.

const SILENCE_MS = 16_000; // the server says the time every 5 s
const CONNECT_MS = 10_000;
const FIRST_DELAY_MS = 1_000;
const LAST_DELAY_MS = 30_000;
const SESSION_ENDED = 4401;

let socket = null;
let timer = 0; // the next thing to happen: give up connecting, call it silent, or try again
let attempt = 0;
let watchedHost = null;
let toldHost = null; // what the server was told on this socket
let telling = 0;
let handlers = null;
let status = { state: "idle", heardAt: null, retryAt: null };

/** The link to the server: `state` is `idle`, `connecting`, `live` or `lost`; times are of `performance.now()`. */
export const link = () => status;

function setStatus(next) {
  status = { ...status, ...next };
  handlers?.onLink(status);
}

/** Opens the link and keeps it open. `onMessage(message)`, `onLink(status)`, `onRefused()` (the session may have ended). */
export function start(given) {
  stop();
  handlers = given;
  attempt = 0;
  status = { state: "connecting", heardAt: null, retryAt: null };
  connect();
}

/** Closes the link for good. */
export function stop() {
  handlers = null;
  clearTimeout(timer);
  drop();
  status = { state: "idle", heardAt: null, retryAt: null };
}

/** Tries again now rather than when the back-off has passed. */
export function retryNow() {
  if (status.state !== "lost" || !handlers) return;
  attempt = 0;
  connect();
}

/** Names the host whose containers are wanted, `null` for none. */
export function watch(hostId) {
  watchedHost = hostId;
  // One view lets go just before the next takes hold: only what remains is worth a message.
  clearTimeout(telling);
  telling = setTimeout(tellWatched, 20);
}

function tellWatched() {
  if (socket?.readyState !== WebSocket.OPEN || toldHost === watchedHost) return;
  socket.send(JSON.stringify({ kind: "watch", host_id: watchedHost }));
  toldHost = watchedHost;
}

function connect() {
  drop();
  setStatus({ retryAt: null });
  const mine = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/live`);
  let wasOpen = false;
  socket = mine;
  toldHost = null;
  arm(CONNECT_MS, lost);
  mine.onopen = () => {
    wasOpen = true;
    tellWatched();
    arm(SILENCE_MS, lost);
  };
  mine.onmessage = ({ data }) => {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return; // not ours to understand
    }
    attempt = 0;
    arm(SILENCE_MS, lost);
    const wasLive = status.state === "live";
    status.heardAt = performance.now();
    if (!wasLive) setStatus({ state: "live", retryAt: null });
    handlers?.onMessage(message);
  };
  mine.onclose = ({ code }) => {
    if (socket !== mine) return;
    // A refused upgrade gives no status to scripts: ask the API whether the session is the reason.
    if (code === SESSION_ENDED || !wasOpen) handlers?.onRefused();
    if (handlers) lost();
  };
}

function lost() {
  drop();
  const ceiling = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** attempt);
  attempt = Math.min(attempt + 1, 10);
  const delay = Math.max(300, Math.random() * ceiling);
  setStatus({ state: "lost", retryAt: performance.now() + delay });
  arm(delay, connect);
}

function drop() {
  const old = socket;
  socket = null;
  if (!old) return;
  old.onopen = old.onmessage = old.onclose = null;
  old.close();
}

function arm(ms, then) {
  clearTimeout(timer);
  timer = setTimeout(then, ms);
}

addEventListener("online", retryNow);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) retryNow();
});
