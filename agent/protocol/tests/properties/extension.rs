//! Arbitrary values of every message of the extension.

use pilotfish_protocol::extension::from_agent::Span;
use pilotfish_protocol::extension::{
    Cadence, CollectorReport, ContainerSource, Coverage, LastTick, ListChange, ListHash, Missing,
    RUNS, RunId, Slowed, Spending, Spooled, VERSION,
};
use pilotfish_protocol::{AgentExtra, Extension, ServerExtra, Text};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::value::to_raw_value;

use crate::strategies::{container_id, listing, number, text, words};

/// Anything an agent may say beyond the base dialect.
pub(crate) fn agent_extra() -> impl Strategy<Value = AgentExtra> {
    prop_oneof![
        list_change().prop_map(AgentExtra::Containers),
        report().prop_map(AgentExtra::Collector),
        cadence().prop_map(AgentExtra::Cadence),
        spending().prop_map(AgentExtra::Spent),
        coverage().prop_map(AgentExtra::Coverage),
    ]
}

/// Anything a server may say beyond the base dialect.
pub(crate) fn server_extra() -> impl Strategy<Value = ServerExtra> {
    prop_oneof![
        number().prop_map(|stats_interval_ms| ServerExtra::Cadence { stats_interval_ms }),
        Just(ServerExtra::Keyframe {}),
        Just(ServerExtra::List {}),
        (run(), number()).prop_map(|(run, seq)| ServerExtra::Spooled { run, seq }),
    ]
}

/// Anything a server may agree to.
pub(crate) fn extension() -> impl Strategy<Value = Extension> {
    let spooled = (run(), number()).prop_map(|(run, seq)| Spooled { run, seq });
    let last_tick = (run(), number()).prop_map(|(run, at_ms)| LastTick { run, at_ms });
    let known = (
        of(hash()),
        vec(spooled, 0..=RUNS),
        of(last_tick),
        of(number()),
    );
    (vec(number(), 5), known).prop_map(|(numbers, known)| {
        let (containers, spooled, last_tick, last_event_ns) = known;
        Extension {
            version: VERSION,
            session: numbers[0],
            server_time_ms: numbers[1],
            stats_interval_ms: numbers[2],
            heartbeat_ms: numbers[3],
            silence_ms: numbers[4],
            containers,
            spooled,
            last_tick,
            last_event_ns,
        }
    })
}

pub(crate) fn hash() -> impl Strategy<Value = ListHash> {
    any::<u64>().prop_map(ListHash)
}

fn run() -> impl Strategy<Value = RunId> {
    any::<u64>().prop_map(RunId)
}

fn list_change() -> impl Strategy<Value = ListChange> {
    let raw = listing().prop_map(|listing| to_raw_value(&listing).unwrap());
    let gone = vec(container_id(), 0..3);
    (any::<bool>(), vec(raw, 0..3), gone, hash()).prop_map(|(is_full, set, gone, hash)| {
        ListChange {
            is_full,
            set,
            gone,
            hash,
        }
    })
}

fn report() -> impl Strategy<Value = CollectorReport> {
    let source = select(vec![
        ContainerSource::CgroupV2,
        ContainerSource::CgroupV1,
        ContainerSource::Engine,
        ContainerSource::Nothing,
    ]);
    let missing = (words(), words(), of(words())).prop_map(|(value, why, remedy)| Missing {
        value: Text::cut(&value),
        why: Text::cut(&why),
        remedy: text(remedy.as_ref()),
    });
    let texts = vec(of(words()), 3);
    (source, texts, vec(missing, 0..4), of(run()), of(number())).prop_map(
        |(containers, texts, missing, run, uptime_ms)| CollectorReport {
            containers,
            why: text(texts[0].as_ref()),
            cgroup_driver: text(texts[1].as_ref()),
            missing,
            boot_id: text(texts[2].as_ref()),
            run,
            uptime_ms,
        },
    )
}

fn cadence() -> impl Strategy<Value = Cadence> {
    let slowed = of(select(vec![Slowed::Minimum, Slowed::Budget]));
    (number(), number(), slowed).prop_map(|(stats_interval_ms, asked_ms, slowed)| Cadence {
        stats_interval_ms,
        asked_ms,
        slowed,
    })
}

fn spending() -> impl Strategy<Value = Spending> {
    (of(number()), vec(number(), 8)).prop_map(|(budget_bytes, bytes)| Spending {
        budget_bytes,
        since_ms: bytes[0],
        stats_bytes: bytes[1],
        events_bytes: bytes[2],
        answers_bytes: bytes[3],
        lists_bytes: bytes[4],
        spool_bytes: bytes[5],
        upkeep_bytes: bytes[6],
        received_bytes: bytes[7],
    })
}

fn coverage() -> impl Strategy<Value = Coverage> {
    let gap = (number(), number()).prop_map(|(from_ms, to_ms)| Span { from_ms, to_ms });
    (of(gap), number(), number()).prop_map(|(events_gap, lost_events, lost_ticks)| Coverage {
        events_gap,
        lost_events,
        lost_ticks,
    })
}
