// Starts the page: who is logged in, the live link, and which view the address names.

import * as api from "./api.js";
import * as live from "./live.js";
import * as store from "./store.js";
import { h } from "./dom.js";
import { startAges } from "./parts/age.js";
import { makeShell } from "./parts/shell.js";

// Views are loaded when first asked for, so that the first page stays small. Each exports
// `show({ params, query, setTitle })` and returns `{ element, dispose }`, and `move(query)` when it can follow a
// change of the query by itself.
const ROUTES = [
  [/^\/$/, "hosts", () => import("./views/hosts.js")],
  [/^\/hosts\/(?<host>[^/]+)$/, "hosts", () => import("./views/host.js")],
  [/^\/hosts\/(?<host>[^/]+)\/history$/, "hosts", () => import("./views/history.js")],
  [/^\/hosts\/(?<host>[^/]+)\/containers\/(?<container>[^/]+)\/history$/, "hosts", () => import("./views/history.js")],
  [/^\/hosts\/(?<host>[^/]+)\/containers\/(?<container>[^/]+)\/logs$/, "hosts", () => import("./views/logs.js")],
  [/^\/hosts\/(?<host>[^/]+)\/containers\/(?<container>[^/]+)\/inspect$/, "hosts", () => import("./views/inspect.js")],
  [/^\/events$/, "events", () => import("./views/events.js")],
  [/^\/tokens$/, "tokens", () => import("./views/add-host.js")],
  [/^\/audit$/, "audit", () => import("./views/audit.js")],
];

let shell = null; // the frame around the views while somebody is logged in
let current = null; // the view that is shown
let currentPath = null;
let showing = 0; // counts navigations: a view that loads late must not replace a newer one

async function boot() {
  startAges();
  addEventListener("hashchange", route);
  api.whenSessionEnds(showLogin);
  let user;
  try {
    user = await api.currentUser();
  } catch (error) {
    document.body.replaceChildren(h("main", { class: "login" }, h("p", { role: "alert", text: error.message })));
    setTimeout(() => location.reload(), 5_000);
    return;
  }
  if (user) enter(user);
  else showLogin();
}

function enter(user) {
  shell = makeShell({ user, onLogOut: logOut });
  document.body.replaceChildren(...shell.elements);
  live.start({
    onMessage: store.apply,
    onLink: shell.showLink,
    // 401 there ends the session; any other answer leaves it to the back-off.
    onRefused: () => api.currentUser().then((still) => still ?? showLogin(), () => {}),
  });
  route();
}

async function route() {
  if (!shell) return;
  const [path, search = ""] = (location.hash.slice(1) || "/").split("?");
  const mine = ++showing;
  if (current?.move && path === currentPath) {
    current.move(new URLSearchParams(search));
    return;
  }
  for (const [pattern, section, load] of ROUTES) {
    const match = pattern.exec(path);
    if (!match) continue;
    const params = Object.fromEntries(Object.entries(match.groups ?? {}).map(([k, v]) => [k, decodeURIComponent(v)]));
    let view;
    try {
      const module = await load();
      if (mine !== showing || !shell) return;
      leave();
      view = module.show({ params, query: new URLSearchParams(search), setTitle });
    } catch (error) {
      if (mine !== showing || !shell) return;
      leave();
      view = { element: h("p", { class: "notice", role: "alert", text: `This view could not be shown: ${error.message}` }) };
    }
    current = view;
    currentPath = path;
    shell.showView(view.element, section);
    return;
  }
  location.replace("#/");
}

function leave() {
  current?.dispose?.();
  current = null;
}

function setTitle(title) {
  document.title = `${title} · pilotfish`;
}

async function showLogin() {
  if (document.querySelector("[data-testid=login-submit]")) return;
  leave();
  showing += 1;
  shell?.dispose();
  shell = null;
  live.stop();
  live.watch(null);
  store.clear();
  for (const open of document.querySelectorAll("dialog[open]")) open.close();
  const { show } = await import("./views/login.js");
  if (shell) return;
  setTitle("Log in");
  document.body.replaceChildren(show({ onLogin: enter }));
  document.querySelector("[data-testid=login-name]").focus();
}

async function logOut() {
  try {
    await api.logOut();
  } catch {
    // The session is ended here in any case; the server ends its own after 12 h.
  }
  showLogin();
}

boot();
