// A small menu that opens at a button: arrows move, Escape closes, focus goes back.

import { h, icon } from "../dom.js";

let close = () => {};

/** Opens a menu of `items` (`{ label, glyph, testid, reason, isDangerous, run }`) at `opener`; again closes it. */
export function toggleMenu(opener, items) {
  if (opener.getAttribute("aria-expanded") === "true") {
    close();
    return;
  }
  close();
  const menu = h(
    "div",
    { class: "menu", role: "menu" },
    items.map((item) =>
      h(
        "button",
        {
          type: "button",
          role: "menuitem",
          tabindex: "-1",
          class: item.isDangerous ? "is-danger" : null,
          testid: item.testid,
          "aria-disabled": item.reason ? "true" : null,
          title: item.reason,
          on: {
            click() {
              close();
              item.run();
            },
          },
        },
        icon(item.glyph),
        h("span", { text: item.label }),
      ),
    ),
  );

  function move(event) {
    const all = [...menu.children];
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      all[to % all.length].focus();
    } else if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      close();
    }
  }
  function leave(event) {
    if (!menu.contains(event.target) && !opener.contains(event.target)) close(false);
  }

  const closeThis = (goesBack = true) => {
    close = () => {};
    menu.remove();
    opener.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", leave, true);
    removeEventListener("hashchange", closeThis);
    if (goesBack && opener.isConnected) opener.focus();
  };
  close = closeThis;
  menu.addEventListener("keydown", move);
  document.addEventListener("pointerdown", leave, true);
  addEventListener("hashchange", closeThis);
  opener.setAttribute("aria-expanded", "true");
  document.body.append(menu);
  place(menu, opener.getBoundingClientRect());
  menu.firstElementChild.focus();
}

// Beside the opener, inside the window, above it where there is no room below.
function place(menu, at) {
  const { width, height } = menu.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.right - width, innerWidth - width - 8));
  const isBelow = at.bottom + height + 8 < innerHeight;
  menu.style.left = `${left + scrollX}px`;
  menu.style.top = `${(isBelow ? at.bottom + 4 : Math.max(8, at.top - height - 4)) + scrollY}px`;
}
