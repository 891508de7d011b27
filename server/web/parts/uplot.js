// Loads the vendored uPlot when a chart is first shown, so that the first page does without it.

import { h } from "../dom.js";

const HOME = "/vendor/uPlot/";

let loading = null;

/** Gives the uPlot constructor. */
export function loadUPlot() {
  loading ??= Promise.all([arrival("link", { rel: "stylesheet", href: `${HOME}uPlot.min.css` }), arrival("script", { src: `${HOME}uPlot.iife.min.js` })]).then(
    () => globalThis.uPlot,
    () => {
      loading = null; // the next chart tries again
      throw new Error("the file that draws charts could not be loaded");
    },
  );
  return loading;
}

function arrival(tag, attributes) {
  return new Promise((resolve, reject) => {
    const el = h(tag, { ...attributes, on: { load: resolve, error: reject } });
    document.head.append(el);
  });
}
