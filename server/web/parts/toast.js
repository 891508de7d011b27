// Short answers at the edge of the page. A good one leaves by itself; a bad one stays until read.

import { button, h, icon } from "../dom.js";

const STAYS_MS = 5_000;
const MOST = 5;

let region = null;

/** The element the toasts appear in; the same one each time. */
export function toastRegion() {
  region ??= h("div", { class: "toasts", role: "region", "aria-label": "Messages" });
  return region;
}

/** Shows a message. `tone`: `good`, `quiet` or `bad`; `detail` is somebody else's words, such as the Engine's. */
export function toast(tone, title, detail = null) {
  const el = h(
    "div",
    { class: "toast", role: tone === "bad" ? "alert" : "status", testid: "toast", dataset: { tone } },
    icon(tone === "bad" ? "warning" : tone === "good" ? "check" : "note"),
    h("div", { class: "toast-text" }, h("strong", { text: title }), detail && h("p", { text: detail })),
    button({ label: "Dismiss", glyph: "close", isBare: true, class: "icon-button", testid: "toast-close", on: { click: () => el.remove() } }),
  );
  toastRegion().append(el);
  while (region.children.length > MOST) region.firstChild.remove();
  if (tone !== "bad") {
    const leave = () => (el.matches(":hover, :focus-within") ? setTimeout(leave, 1_000) : el.remove());
    setTimeout(leave, STAYS_MS);
  }
}

/** Shows why something failed, with the server's or the Engine's own words. */
export function toastError(title, error) {
  const detail = error.detail && error.detail !== error.title ? `${error.title}: ${error.detail}` : (error.title ?? error.message);
  const wait = error.retryAfterSeconds ? ` Try again in ${error.retryAfterSeconds} s.` : "";
  toast("bad", title, detail + wait);
}
