// The REST API (docs/api.md): one function per request, one error type for whatever went wrong.

const BASE = "/api/v1";
// Longer than any deadline of the server's own, which answers 504 by itself.
const DEADLINE_MS = 60_000;

let csrfToken = null;
let onSessionEnd = () => {};

/** Why a request failed: the server's problem+json, or that it could not be reached. */
export class ApiError extends Error {
  constructor({ kind, title, detail = null, status = 0, retryAfterSeconds = null }) {
    super(detail ?? title);
    this.name = "ApiError";
    this.kind = kind;
    this.title = title;
    this.detail = detail;
    this.status = status;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Calls `listener` when the server says that the session has ended. */
export function whenSessionEnds(listener) {
  onSessionEnd = listener;
}

async function request(method, path, { body, isLogin = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrfToken) headers["X-CSRF-Token"] = csrfToken;
  let response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
  } catch (error) {
    const isLate = error.name === "TimeoutError";
    throw new ApiError({
      kind: "no-answer",
      title: isLate ? "The server did not answer in time" : "The server cannot be reached",
    });
  }
  if (response.status === 204) return null;
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const error = new ApiError({
    kind: answer?.kind ?? "internal",
    title: answer?.title ?? `The server answered ${response.status}`,
    detail: answer?.detail,
    status: response.status,
    retryAfterSeconds: retryAfter(response.headers.get("Retry-After")),
  });
  if (response.status === 401 && !isLogin) onSessionEnd();
  throw error;
}

function retryAfter(header) {
  const seconds = Number.parseInt(header ?? "", 10);
  return Number.isFinite(seconds) ? seconds : null;
}

const host = (id) => `/hosts/${encodeURIComponent(id)}`;
const container = (hostId, id) => `${host(hostId)}/containers/${encodeURIComponent(id)}`;
const page = (path, { limit, before, hostId }) => {
  const query = new URLSearchParams({ limit });
  if (before !== undefined) query.set("before", before);
  if (hostId) query.set("host", hostId);
  return `${path}?${query}`;
};

async function keepCsrf(answer) {
  const session = await answer;
  csrfToken = session.csrf_token;
  return session.user;
}

/** The user of the browser's session, `null` when there is none. */
export async function currentUser() {
  try {
    return await keepCsrf(request("GET", "/session", { isLogin: true }));
  } catch (error) {
    if (error.status === 401) return null;
    throw error;
  }
}

export const logIn = (username, password) =>
  keepCsrf(request("POST", "/session", { body: { username, password }, isLogin: true }));
export const logOut = () => request("DELETE", "/session");

export const removeHost = (id) => request("DELETE", host(id));

/** Runs one of start, stop, restart, kill, pause, unpause. */
export const operate = (hostId, id, action) => request("POST", `${container(hostId, id)}/${action}`, { body: {} });
export const rename = (hostId, id, name) => request("POST", `${container(hostId, id)}/rename`, { body: { name } });
export const remove = (hostId, id, force) => request("DELETE", `${container(hostId, id)}?force=${force}`);
export const containers = (hostId) => request("GET", `${host(hostId)}/containers`);
export const inspect = (hostId, id) => request("GET", container(hostId, id));
export const logs = (hostId, id, tail) => request("GET", `${container(hostId, id)}/logs?tail=${tail}`);

/** The history of a host, or of a container on it when `containerId` is given. */
export const history = (hostId, containerId, { fromUnixMs, toUnixMs }, points, measures) =>
  request(
    "GET",
    `${containerId === null ? host(hostId) : container(hostId, containerId)}/history?${new URLSearchParams({ from_unix_ms: fromUnixMs, to_unix_ms: toUnixMs, points, measures: measures.join(",") })}`,
  );

export const events = (query) => request("GET", page("/events", query));
export const audit = (query) => request("GET", page("/audit", query));

export const tokens = () => request("GET", "/registration-tokens");
export const makeToken = (multiUse) => request("POST", "/registration-tokens", { body: { multi_use: multiUse } });
export const revokeToken = (id) => request("DELETE", `/registration-tokens/${encodeURIComponent(id)}`);
