// Operations on a container: ask first where it hurts, show that it runs, say how it ended.

import * as api from "../api.js";
import * as clock from "../clock.js";
import * as store from "../store.js";
import { ACTIONS, refusal } from "../words.js";
import { askText, confirm } from "../parts/dialog.js";
import { toast, toastError } from "../parts/toast.js";

const LIST_WAIT_MS = 6_000; // a watched host is polled every 2 s

const pending = new Map(); // host and container → { action, isAnswered }

const key = (hostId, id) => `${hostId}/${id}`;

/** The operation on a container whose effect is not seen yet, `null` when there is none. */
export const pendingAction = (hostId, id) => pending.get(key(hostId, id))?.action ?? null;

/** Asks, runs and reports `action`. `redraw` is called when what is pending changed. */
export async function run(action, hostId, container, redraw) {
  const host = store.hostById(hostId);
  const { label, done } = ACTIONS[action];
  const refused = refusal(action, container, host);
  if (refused) {
    toast("quiet", `${label} is not possible`, `${refused}.`);
    return;
  }
  const before = pending.get(key(hostId, container.id));
  if (before && !before.isAnswered) {
    toast("quiet", `${container.name}: still ${ACTIONS[before.action].doing}`);
    return;
  }
  const call = await ask(action, hostId, container, host?.name ?? hostId);
  if (!call) return;
  const mine = { action, isAnswered: false };
  pending.set(key(hostId, container.id), mine);
  redraw();
  try {
    await call();
    mine.isAnswered = true;
    toast("good", `${container.name} ${done}`);
    await listNewerThan(clock.now(), hostId);
  } catch (error) {
    toastError(`${container.name} could not be ${done}`, error);
  }
  if (pending.get(key(hostId, container.id)) === mine) pending.delete(key(hostId, container.id));
  redraw();
}

/**
 * Waits until the list of containers is one made after `unixMs`, but not for ever: until then the
 * row would show the state from before the operation.
 */
async function listNewerThan(unixMs, hostId) {
  const isNew = () => (store.containersOf(hostId)?.atUnixMs ?? Infinity) >= unixMs;
  await api.containers(hostId).then((list) => store.keepContainers(hostId, list), () => {});
  if (isNew()) return;
  await new Promise((resolve) => {
    const finish = () => {
      stop();
      clearTimeout(timer);
      resolve();
    };
    const stop = store.on("containers", () => isNew() && finish());
    const timer = setTimeout(finish, LIST_WAIT_MS);
  });
}

/** Asks what has to be asked; answers the request to make, or `null`. */
async function ask(action, hostId, container, hostName) {
  const { id, name, state } = container;
  const facts = [["Container", name], ["Image", container.image], ["Host", hostName]];
  const isAlive = ["running", "paused", "restarting", "unknown"].includes(state);
  switch (action) {
    case "stop":
      return (await confirm({ title: "Stop this container?", facts, confirmLabel: "Stop" })) ? () => api.operate(hostId, id, "stop") : null;
    case "kill":
      return (await confirm({
        title: "Kill this container?",
        facts,
        warning: "It gets no chance to finish what it is doing.",
        confirmLabel: "Kill",
      }))
        ? () => api.operate(hostId, id, "kill")
        : null;
    case "remove":
      return (await confirm({
        title: "Remove this container?",
        facts,
        warning: isAlive ? "It is running and will be killed first. What it wrote outside its volumes is lost." : "What it wrote outside its volumes is lost.",
        confirmLabel: "Remove",
      }))
        ? () => api.remove(hostId, id, isAlive)
        : null;
    case "rename": {
      const given = await askText({
        title: "Rename this container",
        facts: [["Host", hostName]],
        label: "New name",
        value: name,
        pattern: "[a-zA-Z0-9][a-zA-Z0-9_.\\-]+",
        hint: "Letters, digits, and _ . - after the first",
        confirmLabel: "Rename",
        testid: "rename-input",
      });
      return given && given !== name ? () => api.rename(hostId, id, given) : null;
    }
    default:
      return () => api.operate(hostId, id, action);
  }
}
