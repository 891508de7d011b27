// Loads a pure module of the page. Its files are `.js` without a package.json that would call
// them modules, so Node is given the text under a URL that says what it is.
import { readFile } from "node:fs/promises";

/** Imports `server/web/NAME`, which must import nothing itself. */
export async function load(name) {
  const text = await readFile(new URL(`../../web/${name}`, import.meta.url), "utf8");
  return import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`);
}
