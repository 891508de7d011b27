// Adding a host: a registration token, the one line to paste, and word when the host has arrived.

import * as api from "../api.js";
import * as clock from "../clock.js";
import * as store from "../store.js";
import { button, h, icon, reconcile, setText } from "../dom.js";
import { count, countdown, dateTime, enrolLine, isLoopback } from "../format.js";
import { confirm } from "../parts/dialog.js";
import { copyText } from "../parts/copy.js";
import { toast, toastError } from "../parts/toast.js";

/** Shows the view. */
export function show({ setTitle }) {
  setTitle("Add a host");
  let made = null; // the token that is shown, with its secret
  let live = [];
  let seen = null; // hosts that were here before; `null` until the list of hosts has been heard
  const arrived = new Set();
  let isDisposed = false;
  let asking = 0; // an answer to an older question is dropped

  const once = h("input", { type: "radio", name: "uses", value: "once", checked: true });
  const many = h("input", { type: "radio", name: "uses", value: "many", testid: "token-multi-use" });
  const make = h("button", { type: "submit", class: "button is-primary", text: "Make a token", testid: "token-make" });
  const result = h("div", { class: "enrol", hidden: true });
  const left = h("strong", { class: "number" });
  const arrivals = h("ul", { class: "arrivals", role: "status" });
  const tokenList = h("tbody", { role: "rowgroup" });
  const tokenTable = h(
    "table",
    { class: "list tokens", role: "table" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ["Made", "By", "For", "Used", "Life left", ""].map((text) => h("th", { scope: "col", role: "columnheader", text })))),
    tokenList,
  );
  const noTokens = h("p", { class: "notice", text: "No token is live." });

  const element = h(
    "section",
    { class: "view is-narrow" },
    h("div", { class: "view-head" }, h("h1", { text: "Add a host" })),
    h("p", { class: "lead", text: "Install pilotfish-agent on the machine, make a registration token here, and paste one line there. The agent dials out to this server; nothing has to be opened on its side." }),
    h(
      "form",
      { class: "token-form", on: { submit: makeToken } },
      h("fieldset", null, h("legend", { text: "The token is for" }), h("label", { class: "check" }, once, "one host"), h("label", { class: "check" }, many, "several hosts, while it lives")),
      make,
    ),
    result,
    arrivals,
    h("h2", { class: "section-title", text: "Live tokens" }),
    noTokens,
    tokenTable,
  );

  async function makeToken(event) {
    event.preventDefault();
    make.disabled = true;
    try {
      made = await api.makeToken(many.checked);
      asking += 1;
      seeHosts();
      drawResult();
      await loadTokens();
    } catch (error) {
      toastError("No token was made", error);
    } finally {
      make.disabled = false;
    }
  }

  function drawResult() {
    const line = enrolLine(location, made.token);
    const code = h("code", { class: "enrol-line", testid: "add-host-line", tabindex: "0", text: line });
    const copy = button({
      label: "Copy",
      glyph: "copy",
      class: "button is-primary",
      testid: "add-host-copy",
      on: {
        async click() {
          if (await copyText(line)) {
            setText(copy.lastChild, "Copied");
            setTimeout(() => setText(copy.lastChild, "Copy"), 2_000);
          } else toast("bad", "The browser did not let the text be copied", "Select the line and copy it by hand.");
        },
      },
    });
    result.hidden = false;
    result.replaceChildren(
      h("p", null, "Paste this on the host. The token is shown only this once and lives for another ", left, "."),
      h("div", { class: "enrol-box" }, code, copy),
      ...(isLoopback(location.hostname)
        ? [h("p", { class: "warning" }, icon("warning"), h("span", { text: `${location.hostname} means each machine itself. To add another machine, open this page by an address that machine can reach.` }))]
        : []),
      h("p", { class: "hint waiting" }, icon("state-restarting"), h("span", { text: made.multi_use ? "Waiting for hosts…" : "Waiting for the host…" })),
    );
    tick();
  }

  function seeHosts() {
    if (store.hasHosts()) seen = new Set(store.allHosts().map((host) => host.id));
  }

  function noticeArrivals() {
    if (seen === null) {
      seeHosts();
      return;
    }
    for (const host of store.allHosts()) if (!seen.has(host.id)) arrived.add(host.id);
    reconcile(
      arrivals,
      [...arrived].map((id) => store.hostById(id)).filter(Boolean),
      (host) => host.id,
      (host) =>
        h("li", { class: "arrival", testid: "add-host-enrolled", dataset: { hostId: host.id } }, icon("check"), h("span", null, h("strong", { text: host.name }), " is here. ", h("a", { href: `#/hosts/${encodeURIComponent(host.id)}`, text: "Open it" }))),
      () => {},
    );
    if (arrived.size > 0) loadTokens();
  }

  async function loadTokens() {
    const mine = ++asking;
    try {
      const answer = await api.tokens();
      if (isDisposed || mine !== asking) return;
      live = answer.tokens;
      drawTokens();
      // Used up: the line would only mislead now.
      if (made && !live.some((token) => token.id === made.id)) hideResult();
    } catch (error) {
      if (!isDisposed) toastError("The tokens could not be read", error);
    }
  }

  function hideResult() {
    made = null;
    result.hidden = true;
    result.replaceChildren();
  }

  function drawTokens() {
    live = live.filter((token) => token.expires_unix_ms > clock.now() && (token.multi_use || token.uses === 0));
    tokenTable.hidden = live.length === 0;
    noTokens.hidden = live.length > 0;
    reconcile(tokenList, live, (token) => token.id, makeTokenRow, (row, token) => {
      setText(row.usesCell, token.uses === 0 ? "not yet" : count(token.uses, "time"));
      setText(row.leftCell, countdown(token.expires_unix_ms - clock.now()));
    });
  }

  function makeTokenRow(token) {
    const cell = (label, text) => h("td", { role: "cell", dataset: { label }, text });
    const row = h("tr", { role: "row", testid: "token-row", dataset: { tokenId: token.id } });
    row.usesCell = cell("Used");
    row.leftCell = cell("Life left");
    row.append(
      cell("Made", dateTime(token.created_unix_ms)),
      cell("By", token.created_by ?? "—"),
      cell("For", token.multi_use ? "several hosts" : "one host"),
      row.usesCell,
      row.leftCell,
      h("td", { role: "cell", class: "cell-actions" }, h("button", { type: "button", class: "button", text: "Revoke", testid: "token-revoke", on: { click: () => revoke(token) } })),
    );
    return row;
  }

  async function revoke(token) {
    const facts = [["Made", dateTime(token.created_unix_ms)], ["For", token.multi_use ? "several hosts" : "one host"]];
    if (!(await confirm({ title: "Revoke this token?", facts, warning: "No further host can be added with it. Hosts that used it stay.", confirmLabel: "Revoke" }))) return;
    try {
      await api.revokeToken(token.id);
      if (made?.id === token.id) hideResult();
      toast("good", "Token revoked");
    } catch (error) {
      toastError("The token could not be revoked", error);
    }
    loadTokens();
  }

  function tick() {
    drawTokens();
    if (!made) return;
    const ms = made.expires_unix_ms - clock.now();
    setText(left, countdown(ms));
    if (ms > 0) return;
    made = null;
    result.replaceChildren(h("p", { class: "notice", text: "The token has expired. Make another one." }));
  }

  const stops = [
    store.on("hosts", noticeArrivals),
    // A machine that was known before comes back under its old id: only the event tells.
    store.on("events", (event) => {
      if (event.subject !== "host" || event.action !== "enrolled" || !event.host_id) return;
      seen?.delete(event.host_id);
      noticeArrivals();
    }),
  ];
  const timer = setInterval(tick, 1_000);
  seeHosts();
  loadTokens();
  return {
    element,
    dispose() {
      isDisposed = true;
      clearInterval(timer);
      for (const stop of stops) stop();
    },
  };
}
