// Copying and saving text.

import { h } from "../dom.js";

/** Copies `text`; answers whether it worked. Falls back where the clipboard needs TLS and there is none. */
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "offscreen", readonly: true, "aria-hidden": "true" });
    area.value = text;
    const back = document.activeElement;
    document.body.append(area);
    area.select();
    const isDone = document.execCommand("copy");
    area.remove();
    back?.focus?.();
    return isDone;
  }
}

/** Offers `text` as a file. */
export function saveText(text, fileName) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  h("a", { href: url, download: fileName }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
