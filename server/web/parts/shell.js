// The frame around every view: the wordmark, where one can go, and how the link to the server is.

import * as live from "../live.js";
import { button, h, icon, setText } from "../dom.js";
import { age, span } from "../format.js";
import { toastRegion } from "./toast.js";

const SECTIONS = [
  ["hosts", "#/", "Hosts", "host"],
  ["events", "#/events", "Events", "events"],
  ["audit", "#/audit", "Audit", "audit"],
  ["tokens", "#/tokens", "Add a host", "plus"],
];

/** The wordmark with its fish. */
export function wordmark() {
  return h("span", { class: "wordmark" }, icon("pilotfish", "fish"), h("span", { text: "pilotfish" }));
}

/** Builds the frame. `showView(element, section)`, `showLink(status)` and `dispose()` work on it. */
export function makeShell({ user, onLogOut }) {
  const links = SECTIONS.map(([section, href, label, glyph]) =>
    h("a", { href, class: section === "tokens" ? "nav-link nav-add" : "nav-link", dataset: { section }, testid: section === "tokens" ? "add-host" : null }, icon(glyph), h("span", { text: label })),
  );
  const linkState = h("span", { class: "link-state", testid: "link-state" });
  const theme = button({
    label: "Change between dark and light",
    glyph: "theme",
    isBare: true,
    class: "icon-button",
    testid: "theme-toggle",
    on: { click: () => document.dispatchEvent(new Event("pilotfish-theme")) },
  });
  const header = h(
    "header",
    { class: "top" },
    h("a", { class: "skip", href: "#main", on: { click: skipToMain }, text: "Skip to the content" }),
    h("a", { href: "#/", class: "home", "aria-label": "pilotfish: all hosts" }, wordmark()),
    h("nav", { "aria-label": "Views" }, links),
    h(
      "div",
      { class: "top-end" },
      linkState,
      theme,
      button({ label: `Log out ${user.name}`, glyph: "log-out", isBare: true, class: "icon-button", testid: "log-out", on: { click: onLogOut } }),
    ),
  );
  const lostText = h("span");
  const lostBar = h(
    "div",
    { class: "lost", role: "status", testid: "connection-lost", hidden: true },
    icon("unplugged"),
    lostText,
    h("button", { type: "button", class: "link-button", text: "Try now", on: { click: live.retryNow } }),
  );
  const main = h("main", { id: "main", tabindex: "-1" });

  function skipToMain(event) {
    event.preventDefault(); // the address names the view, not a place in it
    main.focus();
  }

  function showLink(status = live.link()) {
    const isLive = status.state === "live";
    const isLost = status.state === "lost" || (status.state === "connecting" && status.heardAt !== null);
    setText(linkState, isLive ? "live" : isLost ? "lost" : "connecting");
    linkState.dataset.state = isLive ? "live" : isLost ? "lost" : "connecting";
    lostBar.hidden = !isLost;
    document.documentElement.classList.toggle("is-cut-off", isLost);
    if (!isLost) return;
    const now = performance.now();
    const old = status.heardAt === null ? "nothing has been heard yet" : `data is ${age(now - status.heardAt).replace(/\sago$/, "")} old`;
    const next = status.retryAt === null ? "trying…" : `trying again in ${span(Math.max(1_000, status.retryAt - now))}.`;
    setText(lostText, `Connection to the server lost — ${old}, ${next}`);
  }

  // A slash goes to the filter, as in many places.
  function slash(event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, dialog")) return;
    const filter = main.querySelector(".filter:not([hidden])");
    if (!filter) return;
    event.preventDefault();
    filter.focus();
  }
  document.addEventListener("keydown", slash);

  const ticking = setInterval(showLink, 1_000);
  showLink();

  return {
    elements: [header, lostBar, main, toastRegion()],
    showLink,
    showView(element, section) {
      for (const link of links) {
        if (link.dataset.section === section) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
      main.replaceChildren(element);
      scrollTo(0, 0);
      // A screen reader is told where it is; nothing is outlined for those who see it.
      if (!main.contains(document.activeElement)) main.focus({ preventScroll: true });
    },
    dispose() {
      clearInterval(ticking);
      document.removeEventListener("keydown", slash);
      document.documentElement.classList.remove("is-cut-off");
    },
  };
}
