// How a host's agent and Engine are, in words, with a glyph each, and what that makes of its numbers.

import * as clock from "../clock.js";
import { h, icon, setAttribute, setIcon, setText } from "../dom.js";
import { since, span } from "../format.js";

/** Makes an empty badge. */
export function badge(testid) {
  return h("span", { class: "badge", testid }, icon("state-unknown"), h("span"));
}

function setBadge(el, { tone, glyph, text, title = null }) {
  el.dataset.tone = tone;
  setIcon(el.firstChild, glyph);
  setText(el.lastChild, text);
  setAttribute(el, "title", title);
}

/** Shows whether the agent is connected. */
export function setLinkBadge(el, host) {
  const now = clock.now();
  el.dataset.state = host.link;
  if (host.link === "online") {
    setBadge(el, { tone: "good", glyph: "online", text: "online", title: `connected for ${span(now - host.link_since_unix_ms) ?? "an unknown time"}` });
    return;
  }
  const from = since(host.link_since_unix_ms, now);
  setBadge(el, {
    tone: "gone",
    glyph: "unplugged",
    text: from ? `offline since ${from}` : "offline",
    title: from ? `the agent has been gone for ${span(now - host.link_since_unix_ms)}` : "never heard",
  });
}

/** Shows whether the Engine answers, and its version. */
export function setEngineBadge(el, host) {
  const { state, version, why, since_unix_ms: sinceUnixMs } = host.engine;
  const now = clock.now();
  el.dataset.state = state;
  if (state === "up") {
    setBadge(el, { tone: "plain", glyph: "engine", text: version ? `Engine ${version}` : "Engine up" });
  } else if (state === "down") {
    const from = since(sinceUnixMs, now);
    setBadge(el, { tone: "bad", glyph: "warning", text: from ? `Engine down since ${from}` : "Engine down", title: why ?? "the agent does not say why" });
  } else {
    const reason = why ?? (host.link === "offline" ? "the agent is gone" : null);
    setBadge(el, { tone: "unknown", glyph: "state-unknown", text: version ? `Engine ${version}, state not known` : "Engine not known", title: reason ? `not known: ${reason}` : "not known" });
  }
}

/** Tells whether what is known of a host's containers is only a memory: nobody can look now. */
export const isRemembered = (host) => host !== null && (host.link === "offline" || host.engine.state === "down");

/** Why a host's numbers are missing, as far as this page can tell; `null` when it cannot. */
export function whyUnknown(host) {
  if (host.link === "offline") return "the agent is gone";
  if (host.engine.state === "down") return host.engine.why ?? "the Engine does not answer";
  return host.engine.why;
}
