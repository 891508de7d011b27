// Ages that tick: every element made here is brought up to date once a second.

import * as clock from "../clock.js";
import { h, setText, setAttribute } from "../dom.js";
import { STALE_MS, age, dateTime } from "../format.js";

const PERIOD_MS = 1_000;

/** Makes an element that shows how old `atUnixMs` is; `null` reads `never`. */
export function ageElement(atUnixMs = null, className = "age") {
  const el = h("time", { class: className, testid: "data-age" });
  setAge(el, atUnixMs);
  return el;
}

/** Gives an age element another time; `intervalMs` is how often news are to be expected, where they are seldom. */
export function setAge(el, atUnixMs, intervalMs = null) {
  setAttribute(el, "data-interval", intervalMs);
  setAttribute(el, "data-at", atUnixMs ?? null);
  setAttribute(el, "title", atUnixMs === null ? "nothing heard yet" : `data of ${dateTime(atUnixMs)}`);
  draw(el);
}

const MISSED = 2.5; // intervals without news are more than a late one

const isStale = (atUnixMs, intervalMs) => atUnixMs !== null && clock.now() - atUnixMs > Math.max(STALE_MS, MISSED * intervalMs);

function draw(el) {
  const at = el.dataset.at === undefined ? null : Number(el.dataset.at);
  setText(el, at === null ? "never" : age(clock.now() - at));
  const stale = isStale(at, Number(el.dataset.interval ?? 0));
  el.classList.toggle("is-stale", stale);
  // What the age belongs to fades with it.
  el.closest("[data-fades]")?.classList.toggle("is-aged", stale);
}

/** Starts the ticking, once for the page. */
export function startAges() {
  setInterval(() => {
    for (const el of document.querySelectorAll("[data-testid=data-age]")) draw(el);
  }, PERIOD_MS);
}
