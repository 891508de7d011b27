// Questions before something is done: yes or no, or one line of text.

import { h } from "../dom.js";

/**
 * Asks whether to go on. `facts` are pairs of a name and a value, `warning` an optional sentence.
 * Answers `true` only when confirmed.
 */
export function confirm({ title, facts, warning, confirmLabel, isDangerous = true }) {
  return ask({ title, facts, warning, confirmLabel, isDangerous }).then((answer) => answer !== null);
}

/** Asks for one line of text; answers it, or `null`. */
export function askText({ title, facts, label, value, pattern, hint, confirmLabel, testid }) {
  const input = h("input", { type: "text", value, pattern, title: hint, required: true, maxlength: "128", autocomplete: "off", spellcheck: "false", testid });
  return ask({ title, facts, confirmLabel, isDangerous: false, field: h("label", { class: "field" }, h("span", { text: label }), input, hint && h("small", { text: hint })), input });
}

function ask({ title, facts = [], warning, confirmLabel, isDangerous, field, input }) {
  return new Promise((resolve) => {
    let answer = null;
    const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title", testid: "confirm-dialog" });
    const form = h(
      "form",
      {
        on: {
          submit(event) {
            event.preventDefault();
            answer = input ? input.value.trim() : true;
            dialog.close();
          },
        },
      },
      h("h2", { id: "dialog-title", text: title }),
      facts.length > 0 && h("dl", { class: "facts" }, facts.map(([name, value]) => [h("dt", { text: name }), h("dd", { text: value })])),
      field,
      warning && h("p", { class: "warning", text: warning }),
      h(
        "div",
        { class: "dialog-buttons" },
        h("button", { type: "button", class: "button", text: "Cancel", testid: "confirm-cancel", autofocus: isDangerous, on: { click: () => dialog.close() } }),
        h("button", { type: "submit", class: isDangerous ? "button is-danger" : "button is-primary", text: confirmLabel, testid: "confirm-ok" }),
      ),
    );
    dialog.append(form);
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // the backdrop
    });
    document.body.append(dialog);
    dialog.showModal();
    input?.select();
  });
}
