// What the Engine says about a container, as a tree that folds and can be searched.

import * as api from "../api.js";
import { button, h, setText } from "../dom.js";
import { count } from "../format.js";
import { copyText } from "../parts/copy.js";
import { toast } from "../parts/toast.js";
import { containerHead } from "./container-head.js";

const OPEN_DEPTH = 1; // levels open at first; the rest unfolds on demand
const OPEN_AT_FIRST = ["State", "Config", "NetworkSettings"];

/** Shows the view. */
export function show({ params, setTitle }) {
  const { host: hostId, container: id } = params;
  const head = containerHead(hostId, id, "inspect", (name) => setTitle(`Inspect ${name}`));
  const tree = h("div", { class: "tree", testid: "inspect-tree", tabindex: "0", "aria-label": "Inspect" });
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const found = h("span", { class: "summary", role: "status" });
  const search = h("input", { type: "search", class: "filter", placeholder: "Find a name or a value", "aria-label": "Find", testid: "inspect-search", on: { input: find } });
  let inspected = null;
  let isDisposed = false;

  function find() {
    const needle = search.value.trim().toLowerCase();
    let hits = 0;
    for (const leaf of tree.querySelectorAll(".tree-key, .tree-value")) {
      const isHit = needle !== "" && leaf.textContent.toLowerCase().includes(needle);
      leaf.classList.toggle("is-hit", isHit);
      if (!isHit) continue;
      hits += 1;
      for (let up = leaf.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
      if (hits === 1) leaf.scrollIntoView({ block: "center" });
    }
    setText(found, needle === "" ? "" : count(hits, "hit"));
  }

  function fold(isOpen) {
    for (const details of tree.querySelectorAll("details")) details.open = isOpen;
  }

  async function copy() {
    if (await copyText(JSON.stringify(inspected, null, 2))) toast("good", "Copied");
    else toast("bad", "The browser did not let the text be copied");
  }

  const element = h(
    "section",
    { class: "view is-tall" },
    head.element,
    h(
      "div",
      { class: "toolbar" },
      search,
      found,
      h(
        "span",
        { class: "toolbar-end" },
        h("button", { type: "button", class: "button", text: "Unfold all", on: { click: () => fold(true) } }),
        h("button", { type: "button", class: "button", text: "Fold all", on: { click: () => fold(false) } }),
        button({ label: "Copy as JSON", glyph: "copy", isBare: true, class: "icon-button", on: { click: copy } }),
      ),
    ),
    h("p", { class: "hint", text: "Values of environment variables are masked." }),
    problem,
    tree,
  );

  api.inspect(hostId, id).then(
    (answer) => {
      if (isDisposed) return;
      inspected = answer.container;
      tree.replaceChildren(...branches(inspected, 0));
    },
    (error) => {
      if (isDisposed) return;
      problem.hidden = false;
      setText(problem, `${error.title}${error.detail ? `: ${error.detail}` : ""}`);
    },
  );
  return {
    element,
    dispose() {
      isDisposed = true;
      head.dispose();
    },
  };
}

function branches(value, depth) {
  return Object.entries(value).map(([key, child]) => branch(key, child, depth));
}

function branch(key, value, depth) {
  const name = h("span", { class: "tree-key", text: key });
  const isEmpty = value !== null && typeof value === "object" && Object.keys(value).length === 0;
  if (value === null || typeof value !== "object" || isEmpty) {
    const text = isEmpty ? (Array.isArray(value) ? "[]" : "{}") : typeof value === "string" ? value : JSON.stringify(value);
    const kind = isEmpty || value === null || value === "" ? "none" : typeof value;
    return h("div", { class: "tree-leaf" }, name, h("span", { class: "tree-value", dataset: { kind }, text: text === "" ? "“”" : text }));
  }
  const size = Object.keys(value).length;
  const details = h("details", null, h("summary", null, name, h("span", { class: "tree-size", text: Array.isArray(value) ? `[${size}]` : `{${size}}` })), h("div", { class: "tree-children" }, branches(value, depth + 1)));
  details.open = depth < OPEN_DEPTH && OPEN_AT_FIRST.includes(key);
  return details;
}
