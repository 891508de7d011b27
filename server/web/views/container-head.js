// The heading of a view about one container: where it is, and the way between history, log and inspect.

import * as live from "../live.js";
import * as store from "../store.js";
import { h, icon, setAttribute, setText } from "../dom.js";
import { containerState } from "../words.js";
import { containerPath } from "./container-row.js";

/** Builds the heading; `onName(name)` is told the container's name once it is known. */
export function containerHead(hostId, id, what, onName) {
  const hostLink = h("a", { href: `#/hosts/${encodeURIComponent(hostId)}` });
  const title = h("h1");
  const glyph = h("span", { class: "badge state-badge" });
  const tab = (name, label) => h("a", { class: "tab", href: containerPath(hostId, id, name), "aria-current": name === what ? "page" : null, text: label });
  let name = id;

  function draw() {
    const container = store.containersOf(hostId)?.containers.find((one) => one.id === id);
    name = container?.name ?? id;
    setText(hostLink, store.hostById(hostId)?.name ?? hostId);
    setText(title, name);
    onName(name);
    glyph.hidden = !container;
    if (container && glyph.dataset.state !== container.state) {
      const words = containerState(container.state);
      glyph.dataset.state = container.state;
      glyph.dataset.tone = words.tone;
      glyph.replaceChildren(icon(words.icon), words.label);
    }
    setAttribute(glyph, "title", container?.status ?? null);
  }

  store.keepContainersOf(hostId);
  live.watch(hostId);
  const stops = [store.on("containers", draw), store.on("hosts", draw)];
  draw();
  return {
    element: h(
      "div",
      { class: "view-head" },
      h("a", { class: "back", href: `#/hosts/${encodeURIComponent(hostId)}`, "aria-label": "Back to the host", title: "Back to the host" }, icon("back")),
      h("span", { class: "crumb" }, hostLink, " /"),
      title,
      glyph,
      h("nav", { class: "tabs", "aria-label": "About this container" }, tab("history", "History"), tab("logs", "Logs"), tab("inspect", "Inspect")),
    ),
    name: () => name,
    dispose() {
      for (const stop of stops) stop();
      live.watch(null);
    },
  };
}
