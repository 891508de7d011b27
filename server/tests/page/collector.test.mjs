// Tests of the words for how a host is measured.
import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./load.mjs";

const { cadenceWords, missingOf, reasonText, sourceWords, spendingOf, statusWords, valueName, warningsOf } = await load("collector.js");

const plain = (text) => text.replaceAll("\u00a0", " ");
const memory = { value: "container.memory", why: "the memory controller is off", remedy: "add cgroup_enable=memory to /boot/firmware/cmdline.txt and reboot" };
const collector = { containers: "cgroup_v2", why: null, cgroup_driver: "systemd", missing: [memory] };

test("a value that is off is explained with its remedy", () => {
  assert.equal(missingOf(collector, "container.cpu"), null);
  assert.equal(missingOf(null, "container.memory"), null);
  assert.equal(reasonText(missingOf(collector, "container.cpu", "container.memory")), "The memory controller is off. Add cgroup_enable=memory to /boot/firmware/cmdline.txt and reboot.");
  assert.equal(reasonText({ why: "no sensor", remedy: null }), "No sensor.");
});

test("every value has a name, also a part and one from a newer agent", () => {
  assert.equal(valueName("container.memory"), "Memory of containers");
  assert.equal(valueName("filesystem./var/lib"), "File system /var/lib");
  assert.equal(valueName("sensor.acpitz.0"), "Temperature of acpitz.0");
  assert.equal(valueName("gpu.memory_used"), "gpu memory used");
});

test("the path that measures is told with its reason", () => {
  assert.equal(sourceWords(collector), "cgroup v2 files, without the Engine (systemd driver)");
  assert.equal(sourceWords({ containers: "engine", why: "the cgroup files are not mounted", cgroup_driver: "systemd" }), "the Engine, one call per sample: the cgroup files are not mounted");
});

test("a cadence that was slowed says why", () => {
  assert.equal(plain(cadenceWords({ interval_ms: 10_000, asked_ms: 10_000, slowed: null })), "every 10 s");
  assert.equal(plain(cadenceWords({ interval_ms: 240_000, asked_ms: 240_000, slowed: null })), "every 4 min");
  assert.match(plain(cadenceWords({ interval_ms: 30_000, asked_ms: 10_000, slowed: "budget" })), /^every 30 s, not every 10 s: .*budget/);
  assert.match(plain(cadenceWords({ interval_ms: 2500, asked_ms: 1000, slowed: "minimum" })), /^every 2.5 s, not every 1 s: .*STATS_INTERVAL_MIN/);
});

test("the day's bytes are shared out by what they were for", () => {
  const { rows, sent, used } = spendingOf({ budget_bytes: 1000, stats_bytes: 300, events_bytes: 0, answers_bytes: 100, lists_bytes: 0, spool_bytes: 0, upkeep_bytes: 0, received_bytes: 100 });
  assert.deepEqual(rows.map(({ label, share }) => [label, share]), [["Stats", 0.75], ["Answers", 0.25]]);
  assert.equal(sent, 400);
  assert.equal(used, 0.5);
  assert.equal(spendingOf({ budget_bytes: null }).used, null);
});

test("only what happens now is warned of", () => {
  const host = (stats) => ({ stats });
  assert.deepEqual(warningsOf(host(null), []), []);
  assert.deepEqual(warningsOf(host({ under_voltage: null, thermal_throttles: 7 }), [{ thermal_throttles: 7 }]), []);
  assert.match(warningsOf(host({ under_voltage: true }), [])[0], /Under-voltage/);
  assert.match(warningsOf(host({ thermal_throttles: 8 }), [{}, { thermal_throttles: 7 }])[0], /too hot/);
});

test("a status without an age gets one", () => {
  assert.equal(statusWords("Up (healthy)", "3 min"), "Up 3 min (healthy)");
  assert.equal(statusWords("Up", "3 min"), "Up 3 min");
  assert.equal(statusWords("Up 5 minutes (healthy)", "3 min"), "Up 5 minutes (healthy)");
  assert.equal(statusWords("Exited (137)", "3 min"), "Exited (137)");
  assert.equal(statusWords("Up", null), "Up");
});
