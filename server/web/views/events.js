// What happened, newest first, while it happens.

import * as api from "../api.js";
import * as clock from "../clock.js";
import * as store from "../store.js";
import { h, icon, oncePerFrame, reconcile, setText } from "../dom.js";
import { dateTime, dayHeading, imageName, timeOfDay } from "../format.js";
import { eventWords } from "../words.js";

const PAGE = 100;
const GLYPHS = { good: "check", warn: "state-exited", bad: "warning", quiet: "dot" };

/** Shows the view; `?host=ID` shows one host's events. */
export function show({ query, setTitle }) {
  setTitle("Events");
  let hostId = query.get("host") ?? "";
  let needle = "";
  let known = new Map(); // id → event
  let isComplete = false;
  let isDisposed = false;
  let asking = 0;

  const hostChoice = h("select", { "aria-label": "Host", on: { change: () => (location.hash = hostChoice.value ? `#/events?host=${encodeURIComponent(hostChoice.value)}` : "#/events") } });
  const filter = h("input", { type: "search", class: "filter", placeholder: "Filter by container, image, word", "aria-label": "Filter events", on: { input: () => ((needle = filter.value.trim().toLowerCase()), draw()) } });
  const list = h("ol", { class: "events", role: "list" });
  const note = h("p", { class: "notice", text: "Reading…" });
  const more = h("button", { type: "button", class: "button", text: "Older events", hidden: true, testid: "events-more", on: { click: () => load() } });
  const element = h("section", { class: "view" }, h("div", { class: "view-head" }, h("h1", { text: "Events" }), hostChoice, filter), list, note, more);

  function drawHosts() {
    const hosts = store.allHosts();
    hostChoice.replaceChildren(
      h("option", { value: "", text: "All hosts" }),
      ...hosts.map((host) => h("option", { value: host.id, text: host.name })),
      ...(hostId && !hosts.some((host) => host.id === hostId) ? [h("option", { value: hostId, text: "a host that is gone" })] : []),
    );
    hostChoice.value = hostId;
  }

  const isOurs = (event) => hostId === "" || event.host_id === hostId;

  function isShown(event) {
    if (needle === "") return true;
    return [event.host_name, event.container_name, event.image, event.action, event.detail, eventWords(event).text].some((word) => word?.toLowerCase().includes(needle));
  }

  function draw() {
    const shown = [...known.values()].filter(isShown).sort((a, b) => b.at_unix_ms - a.at_unix_ms || (a.order ?? 0) - (b.order ?? 0));
    const rows = [];
    let heading = null;
    for (const event of shown) {
      const its = dayHeading(event.at_unix_ms, clock.now());
      if (its !== heading) rows.push({ key: `day ${its}`, heading: its });
      heading = its;
      rows.push({ key: `event ${event.id}`, event });
    }
    reconcile(list, rows, (row) => row.key, makeRow, () => {});
    note.hidden = shown.length > 0;
    setText(note, known.size === 0 ? (isComplete ? "Nothing has happened yet." : "Reading…") : `No event matches “${needle}”.`);
    more.hidden = isComplete || known.size === 0;
  }

  async function load() {
    const mine = ++asking;
    const oldest = [...known.values()].filter((event) => event.isRead).at(-1);
    more.disabled = true;
    try {
      const answer = await api.events({ limit: PAGE, before: oldest?.id, hostId });
      if (isDisposed || mine !== asking) return;
      for (const event of answer.events) known.set(event.id, { ...event, isRead: true, order: known.size });
      isComplete = answer.events.length < PAGE;
      draw();
    } catch (error) {
      if (isDisposed) return;
      note.hidden = false;
      setText(note, `The events could not be read. ${error.message}`);
    } finally {
      more.disabled = false;
    }
  }

  const drawSoon = oncePerFrame(draw);
  const stops = [
    store.on("hosts", drawHosts),
    store.on("events", (event) => {
      if (!isOurs(event) || known.has(event.id)) return;
      known.set(event.id, { ...event, order: -known.size });
      drawSoon();
    }),
  ];
  for (const event of store.liveEvents()) if (isOurs(event)) known.set(event.id, event);
  drawHosts();
  load();
  return {
    element,
    dispose() {
      isDisposed = true;
      for (const stop of stops) stop();
    },
  };
}

function makeRow({ heading, event }) {
  if (heading) return h("li", { class: "day" }, h("h2", { text: heading }));
  const { text, tone } = eventWords(event);
  const subject = event.subject === "container" ? (event.container_name ?? event.container_id ?? "a container") : event.subject === "engine" ? "The Engine" : event.host_name;
  const hostLink = event.host_id && store.hostById(event.host_id) ? h("a", { href: `#/hosts/${encodeURIComponent(event.host_id)}`, text: event.host_name }) : h("span", { text: event.host_name });
  return h(
    "li",
    { class: "event", testid: "event-row", dataset: { subject: event.subject, action: event.action, tone } },
    h("time", { text: timeOfDay(event.at_unix_ms), title: dateTime(event.at_unix_ms) }),
    h("span", { class: "event-glyph" }, icon(GLYPHS[tone])),
    h(
      "span",
      { class: "event-text" },
      h("strong", { text: subject }),
      ` ${text}`,
      event.detail && h("span", { class: "event-detail", text: ` (${event.detail})` }),
      event.subject !== "host" && h("span", { class: "event-host" }, " on ", hostLink),
      event.image && h("span", { class: "sub event-image", text: imageName(event.image), title: event.image }),
    ),
  );
}
