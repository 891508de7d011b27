// Logging in.

import * as api from "../api.js";
import { h, setText } from "../dom.js";
import { span } from "../format.js";
import { wordmark } from "../parts/shell.js";

/** Builds the form; `onLogin(user)` is called once. */
export function show({ onLogin }) {
  const name = h("input", { type: "text", name: "username", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, testid: "login-name" });
  const password = h("input", { type: "password", name: "password", autocomplete: "current-password", required: true, testid: "login-password" });
  const submit = h("button", { type: "submit", class: "button is-primary", text: "Log in", testid: "login-submit" });
  const problem = h("p", { class: "problem", role: "alert", testid: "login-error", hidden: true });

  function say(text) {
    problem.hidden = text === null;
    setText(problem, text ?? "");
  }

  function countDown(title, seconds) {
    const until = performance.now() + seconds * 1_000;
    submit.disabled = true;
    const tick = () => {
      const left = until - performance.now();
      if (left <= 0) {
        submit.disabled = false;
        say(null);
        return;
      }
      say(`${title}. Try again in ${span(left + 999)}.`);
      setTimeout(tick, 250);
    };
    tick();
  }

  async function logIn(event) {
    event.preventDefault();
    say(null);
    submit.disabled = true;
    submit.setAttribute("aria-busy", "true");
    try {
      onLogin(await api.logIn(name.value, password.value));
      return;
    } catch (error) {
      submit.disabled = false;
      if (error.retryAfterSeconds !== null && error.status === 429) {
        countDown(error.title, error.retryAfterSeconds);
      } else {
        say(error.status === 401 ? "The name or the password is wrong." : (error.detail ?? error.title));
        password.select();
      }
    } finally {
      submit.removeAttribute("aria-busy");
    }
  }

  return h(
    "main",
    { class: "login" },
    h(
      "form",
      { class: "login-form", on: { submit: logIn } },
      h("h1", null, wordmark()),
      h("label", { class: "field" }, h("span", { text: "Name" }), name),
      h("label", { class: "field" }, h("span", { text: "Password" }), password),
      problem,
      submit,
    ),
  );
}
