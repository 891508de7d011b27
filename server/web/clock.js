// The server's clock, as far as this page knows it. Ages never use the browser's own clock: a
// laptop that is ten minutes off would otherwise call fresh data stale.

let offset = null; // server Unix ms minus performance.now()

/** Takes `server_unix_ms` from a live message. */
export function hear(serverUnixMs) {
  offset = serverUnixMs - performance.now();
}

/** The server's time now in Unix ms; the browser's until the server has been heard once. */
export function now() {
  return offset === null ? Date.now() : offset + performance.now();
}
