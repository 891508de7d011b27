// Tests of the page's words for what containers do and what may be done to them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { ACTIONS, CONTAINER_STATES, actionsIn, containerState, eventWords, exitCode, refusal } = await load("words.js");

const host = { name: "attic", link: "online", engine: { state: "up" } };
const container = { name: "web", is_agent: false };
const event = (subject, action, detail = null) => eventWords({ subject, action, detail });

test("every operation on offer has its words", () => {
  for (const state of Object.keys(CONTAINER_STATES)) for (const action of actionsIn(state)) assert.ok(ACTIONS[action], `${state}: ${action}`);
});

test("only what makes sense in a state is offered", () => {
  assert.ok(!actionsIn("running").includes("start"));
  assert.ok(actionsIn("paused").includes("unpause"));
  assert.ok(!actionsIn("exited").includes("stop"));
  assert.deepEqual(actionsIn("removing"), []);
});

test("a state from a newer server is not known rather than wrong", () => {
  assert.equal(containerState("hibernating").label, "not known");
  assert.deepEqual(actionsIn("hibernating"), actionsIn("unknown"));
});

test("no two states share a glyph", () => {
  const glyphs = Object.values(CONTAINER_STATES).map((state) => state.icon);
  assert.equal(new Set(glyphs).size, glyphs.length);
});

test("a signal is not told as an end", () => {
  assert.equal(event("container", "kill").text, "was sent a signal");
  assert.equal(event("container", "die").text, "ended");
});

test("an end is as bad as its exit code", () => {
  assert.equal(event("container", "die", "exit code 0").tone, "quiet");
  assert.equal(event("container", "die", "exit code 137").tone, "bad");
  assert.equal(event("container", "die").tone, "warn");
});

test("an exit code is read from the forms it comes in", () => {
  assert.equal(exitCode("exit code 137"), 137);
  assert.equal(exitCode("exitCode=1"), 1);
  assert.equal(exitCode("exit status: 2"), 2);
  assert.equal(exitCode("signal 15"), null);
  assert.equal(exitCode(null), null);
});

test("an action without words is shown as it came", () => {
  assert.deepEqual(event("container", "check_point"), { text: "check point", tone: "quiet" });
  assert.deepEqual(event("engine", "reload"), { text: "reload", tone: "quiet" });
});

test("the agent's own container cannot be cut off from here", () => {
  for (const action of ["stop", "kill", "remove", "pause"]) assert.ok(refusal(action, { ...container, is_agent: true }, host));
  assert.equal(refusal("restart", { ...container, is_agent: true }, host), null);
});

test("nothing is offered on a host that cannot do it", () => {
  assert.match(refusal("stop", container, { ...host, link: "offline" }), /offline/);
  assert.match(refusal("stop", container, { ...host, engine: { state: "down" } }), /Engine/);
  assert.equal(refusal("stop", container, host), null);
});
