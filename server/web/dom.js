// A tiny element builder. Text from the network only ever becomes a text node, never markup.
//
// Stable hooks for the browser test, all `data-testid`:
//   log-in      login-name login-password login-submit login-error
//   frame       link-state (data-state) connection-lost theme-toggle log-out add-host toast (data-tone) toast-close
//   hosts       host-row (data-host-id, data-link, data-engine) host-name (the link) host-link-state host-engine-state
//               (both data-state) data-age (data-at: Unix ms) host-remove
//   containers  container-row (data-container-id, data-container-name, data-state, and data-pending until the effect of an
//               operation is seen) container-filter running-only
//   operations  action-start action-stop action-restart action-unpause action-history action-logs; behind action-more: action-pause
//               action-kill action-rename action-inspect action-remove; one that is refused has aria-disabled="true"
//   questions   confirm-dialog confirm-ok confirm-cancel rename-input
//   log         log-lines log-line log-tail log-refresh log-filter log-cut
//   inspect     inspect-tree inspect-search
//   add a host  token-multi-use token-make add-host-line add-host-copy add-host-enrolled (data-host-id) token-row token-revoke
//   history     host-history charts chart (data-chart, data-points, data-gaps) chart-empty range-choice
//               (data-range) range-shown range-back
//   measuring   measuring missing (data-value) event-gap spending host-warning
//   lists       event-row (data-subject, data-action) events-more audit-row (data-action, data-outcome) audit-more

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an element. `props`: `class`, `testid`, `dataset`, `on` (listeners), `text`; every other
 * key is an attribute (`true` sets it empty; `false`, `null`, `undefined` leave it out). There is
 * no `style`: the Content-Security-Policy forbids the attribute.
 */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") el.className = value;
    else if (key === "testid") el.dataset.testid = value;
    else if (key === "text") el.textContent = value;
    else if (key === "dataset") Object.assign(el.dataset, value);
    else if (key === "on") for (const [type, listener] of Object.entries(value)) el.addEventListener(type, listener);
    else el.setAttribute(key, value === true ? "" : value);
  }
  el.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return el;
}

/** Makes an SVG element with attributes. */
export function svg(tag, attributes, ...children) {
  const el = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes ?? {})) el.setAttribute(key, value);
  el.append(...children);
  return el;
}

/** A glyph of icons/sprite.svg, for the eye only: the words stand beside it or in a label. */
export function icon(name, className = "icon") {
  return svg("svg", { class: className, "aria-hidden": "true" }, svg("use", { href: `/icons/sprite.svg#${name}` }));
}

/** Shows another glyph in an element made by `icon`. */
export function setIcon(el, name) {
  const href = `/icons/sprite.svg#${name}`;
  if (el.firstChild.getAttribute("href") !== href) el.firstChild.setAttribute("href", href);
}

/** A button with a glyph; `label` is shown, or spoken when `isBare`. */
export function button({ label, glyph, isBare = false, class: className = "button", testid, on, type = "button", ...rest }) {
  const spoken = isBare ? { "aria-label": label, title: label } : {};
  return h("button", { type, class: className, testid, on, ...spoken, ...rest }, glyph && icon(glyph), isBare ? null : h("span", { text: label }));
}

/** Sets text only when it differs, so that a selection or a screen reader is left alone. */
export function setText(el, text) {
  if (el.textContent !== text) el.textContent = text;
}

/** Sets or removes an attribute only when it differs. */
export function setAttribute(el, name, value) {
  if (value === null || value === undefined || value === false) {
    if (el.hasAttribute(name)) el.removeAttribute(name);
  } else if (el.getAttribute(name) !== String(value)) {
    el.setAttribute(name, value);
  }
}

/** Shows a value; one that is not known becomes a dash that says so, and `why` where that is known. */
export function setValue(el, text, why = null) {
  const isUnknown = text === null || text === undefined;
  setText(el, isUnknown ? "—" : text);
  el.classList.toggle("unknown", isUnknown);
  setAttribute(el, "title", isUnknown ? (why ? `not known: ${why}` : "not known") : null);
  setAttribute(el, "aria-label", isUnknown ? "not known" : null);
  return el;
}

/**
 * Makes `parent` hold one element for each of `items`, in order, keeping those that exist.
 * `make(item)` builds one, `update(el, item)` brings one up to date. Elements are moved only when
 * the order changed, so focus and hover survive.
 */
export function reconcile(parent, items, keyOf, make, update) {
  const wanted = new Set(items.map(keyOf));
  const old = new Map();
  for (const el of [...parent.children]) {
    if (el.rowKey === undefined) continue;
    if (wanted.has(el.rowKey)) old.set(el.rowKey, el);
    else el.remove();
  }
  // Children without a key, such as a heading row, come first and stay.
  let at = [...parent.children].find((el) => el.rowKey !== undefined) ?? null;
  for (const item of items) {
    const key = keyOf(item);
    let el = old.get(key);
    if (!el) {
      el = make(item);
      el.rowKey = key;
    }
    update(el, item);
    if (el === at) at = at.nextElementSibling;
    else parent.insertBefore(el, at);
  }
}

/** Wraps `draw` so that any number of calls before the next frame draw once. */
export function oncePerFrame(draw) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
    });
  };
}
