//! Pure: who is let in. One function over what is known, so that every rule can be read in one place.
//!
//! The order is that of a DockMon backend: a permanent token is looked up first, then the registration token is judged, and
//! only one who has a good token learns anything about engine ids.
//!
//! Two rules are ours alone: an agent whose answer was lost on the way may come again with the registration token that enrolled
//! it, and one that was enrolled before its host had an Engine may tell that Engine's id later, once.

use pilotfish_protocol::{AgentId, EngineId, HostId, HostnameSource, Refusal, Register};

/// Longest name of a host, in bytes.
pub const NAME_LEN: usize = 255;

/// An agent that is known, and its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The agent.
    pub agent_id: AgentId,
    /// Its host.
    pub host_id: HostId,
    /// The Engine it was enrolled with.
    pub engine_id: EngineId,
    /// The host's name on this server.
    pub name: String,
    /// The name the agent told last time.
    pub told_name: Option<String>,
}

/// What a presented text is as a registration token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// It lets one in.
    Usable,
    /// Nobody made it.
    Unknown,
    /// It was for one agent, which came.
    UsedUp,
    /// Its time is over.
    Expired,
}

/// What is known when an agent knocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Facts {
    /// The token is a permanent one.
    Permanent {
        /// Whose it is.
        owner: Owner,
        /// Whether another agent has the engine id that is told.
        is_engine_taken: bool,
    },
    /// The token is no permanent one.
    Other {
        /// What it is as a registration token.
        registration: Registration,
        /// Whether another agent has this engine id.
        is_engine_taken: bool,
        /// Those whom this very token enrolled on this Engine, and of whom nothing shows that they got their permanent token.
        unanswered: Vec<Owner>,
    },
}

/// What is done with one who knocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A known agent is back.
    Reconnect {
        /// The host's new name, when the agent tells another than last time and it is free.
        new_name: Option<String>,
    },
    /// The agent that this token enrolled comes again, because the answer did not arrive: it gets another permanent token in
    /// place of the one that was lost, and no use of the registration token is counted.
    EnrolAgain {
        /// Which agent.
        agent_id: AgentId,
    },
    /// A new agent and its host.
    Enrol {
        /// A name no other host has.
        name: String,
        /// It came beside another agent with the same engine id.
        is_forced: bool,
    },
    /// Not let in.
    Refuse(Refusal),
}

/// Decides about one registration; `is_name_taken` tells whether a host of this name exists.
pub fn decide(
    register: &Register,
    facts: &Facts,
    is_name_taken: impl Fn(&str) -> bool,
) -> Decision {
    let told = register.hostname.as_ref().map(|name| name.as_str());
    match facts {
        Facts::Permanent { owner, .. }
            if owner.engine_id != register.engine_id && !owner.engine_id.is_stand_in() =>
        {
            Decision::Refuse(Refusal::EngineMismatch)
        }
        // An Engine takes the place of what stood in for it, unless it is another agent's.
        Facts::Permanent {
            owner,
            is_engine_taken: true,
        } if owner.engine_id != register.engine_id => Decision::Refuse(Refusal::EngineTaken),
        Facts::Permanent { owner, .. } => {
            // Only a name that changed renames: a host that got a suffix keeps it when the agent comes back.
            let is_changed = told != owner.told_name.as_deref();
            let new_name = told
                .filter(|told| is_changed && *told != owner.name && !is_name_taken(told))
                .map(str::to_owned);
            Decision::Reconnect { new_name }
        }
        Facts::Other {
            registration,
            is_engine_taken,
            unanswered,
        } => {
            // Clones with one engine id differ by the names they were given; without a name of its own there is only one.
            let again = unanswered
                .iter()
                .find(|owner| owner.told_name.as_deref() == told)
                .map(|owner| owner.agent_id.clone());
            match (registration, again) {
                (Registration::Unknown, _) => Decision::Refuse(Refusal::TokenUnknown),
                (Registration::Expired, _) => Decision::Refuse(Refusal::TokenExpired),
                (Registration::UsedUp | Registration::Usable, Some(agent_id)) => {
                    Decision::EnrolAgain { agent_id }
                }
                (Registration::UsedUp, None) => Decision::Refuse(Refusal::TokenUsedUp),
                (Registration::Usable, None) => {
                    enrol(register, told, *is_engine_taken, is_name_taken)
                }
            }
        }
    }
}

fn enrol(
    register: &Register,
    told: Option<&str>,
    is_engine_taken: bool,
    is_name_taken: impl Fn(&str) -> bool,
) -> Decision {
    let is_forced = register.force_unique_registration;
    if is_forced && register.hostname_source != Some(HostnameSource::AgentName) {
        return Decision::Refuse(Refusal::ForceNeedsName);
    }
    if is_engine_taken && !is_forced {
        return Decision::Refuse(Refusal::EngineTaken);
    }
    let wanted = match told {
        Some(name) => name.to_owned(),
        None => {
            let engine: String = register.engine_id.as_str().chars().take(12).collect();
            format!("Agent-{engine}")
        }
    };
    Decision::Enrol {
        name: free_name(wanted, is_name_taken),
        is_forced,
    }
}

/// Gives `wanted`, or `wanted-2`, `wanted-3` … whichever is free first. A taken name is no reason to refuse an agent.
fn free_name(wanted: String, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(&wanted) {
        return wanted;
    }
    let mut number = 2_u32;
    loop {
        let suffix = format!("-{number}");
        let mut end = wanted.len().min(NAME_LEN - suffix.len());
        while !wanted.is_char_boundary(end) {
            end -= 1;
        }
        let name = format!("{}{suffix}", &wanted[..end]);
        // As many names as numbers: more than there can be hosts.
        if number == u32::MAX || !is_taken(&name) {
            return name;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use pilotfish_protocol::{Text, Token};

    use super::*;

    fn register() -> Register {
        let token = Token::new("t").unwrap();
        let mut register = Register::new(token, EngineId::new("ENGINE").unwrap(), "1", "1.1");
        register.hostname = Some(Text::cut("pi"));
        register.hostname_source = Some(HostnameSource::Daemon);
        register
    }

    fn forced(source: HostnameSource) -> Register {
        let mut register = register();
        register.force_unique_registration = true;
        register.hostname_source = Some(source);
        register
    }

    fn known(engine: &str, name: &str, told: &str) -> Owner {
        Owner {
            agent_id: AgentId::new(format!("agent-of-{told}")).unwrap(),
            host_id: HostId::new("h").unwrap(),
            engine_id: EngineId::new(engine).unwrap(),
            name: name.to_owned(),
            told_name: Some(told.to_owned()),
        }
    }

    fn owner(engine: &str, name: &str, told: &str) -> Facts {
        Facts::Permanent {
            owner: known(engine, name, told),
            is_engine_taken: false,
        }
    }

    fn token(registration: Registration, is_engine_taken: bool) -> Facts {
        Facts::Other {
            registration,
            is_engine_taken,
            unanswered: Vec::new(),
        }
    }

    fn token_of(registration: Registration, unanswered: &[&str]) -> Facts {
        let unanswered = unanswered.iter().map(|told| known("ENGINE", told, told));
        Facts::Other {
            registration,
            is_engine_taken: true,
            unanswered: unanswered.collect(),
        }
    }

    fn again(told: &str) -> Decision {
        Decision::EnrolAgain {
            agent_id: known("ENGINE", told, told).agent_id,
        }
    }

    fn enrol_as(name: &str, is_forced: bool) -> Decision {
        Decision::Enrol {
            name: name.to_owned(),
            is_forced,
        }
    }

    #[track_caller]
    fn check(register: &Register, facts: &Facts, taken: &[&str], expected: Decision) {
        assert_eq!(
            decide(register, facts, |name| taken.contains(&name)),
            expected
        );
    }

    #[test]
    fn a_usable_token_enrols_under_the_told_name() {
        let facts = token(Registration::Usable, false);
        check(&register(), &facts, &[], enrol_as("pi", false));
    }

    #[test]
    fn a_nameless_host_is_called_after_its_engine() {
        let mut register = register();
        register.hostname = None;
        register.engine_id = EngineId::new("ABCD:EFGH:IJKL:MNOP").unwrap();
        let facts = token(Registration::Usable, false);
        check(
            &register,
            &facts,
            &[],
            enrol_as("Agent-ABCD:EFGH:IJ", false),
        );
    }

    #[test]
    fn a_taken_name_gets_a_number_instead_of_a_refusal() {
        let facts = token(Registration::Usable, false);
        check(&register(), &facts, &["pi"], enrol_as("pi-2", false));
        check(
            &register(),
            &facts,
            &["pi", "pi-2"],
            enrol_as("pi-3", false),
        );
    }

    #[test]
    fn a_numbered_name_keeps_to_the_length_limit() {
        let long = "ü".repeat(127);
        let name = free_name(long.clone(), |name| name == long);
        assert!(name.len() <= NAME_LEN && name.ends_with("-2"), "{name}");
    }

    #[test]
    fn each_fault_of_a_token_has_its_own_refusal() {
        for (registration, refusal) in [
            (Registration::Unknown, Refusal::TokenUnknown),
            (Registration::UsedUp, Refusal::TokenUsedUp),
            (Registration::Expired, Refusal::TokenExpired),
        ] {
            for is_engine_taken in [false, true] {
                let facts = token(registration, is_engine_taken);
                check(&register(), &facts, &[], Decision::Refuse(refusal));
                check(
                    &forced(HostnameSource::Daemon),
                    &facts,
                    &[],
                    Decision::Refuse(refusal),
                );
            }
        }
    }

    #[test]
    fn an_engine_takes_the_place_of_what_stood_in_for_it_unless_it_is_another_agents() {
        let stand_in = EngineId::stand_in(7);
        for (is_engine_taken, expected) in [
            (false, Decision::Reconnect { new_name: None }),
            (true, Decision::Refuse(Refusal::EngineTaken)),
        ] {
            let facts = Facts::Permanent {
                owner: known(stand_in.as_str(), "pi", "pi"),
                is_engine_taken,
            };
            check(&register(), &facts, &[], expected);
        }
    }

    #[test]
    fn an_agent_whose_answer_was_lost_comes_again_with_the_token_that_enrolled_it() {
        for registration in [Registration::UsedUp, Registration::Usable] {
            let facts = token_of(registration, &["pi"]);
            check(&register(), &facts, &["pi"], again("pi"));
        }
        for (registration, refusal) in [
            (Registration::Unknown, Refusal::TokenUnknown),
            (Registration::Expired, Refusal::TokenExpired),
        ] {
            let facts = token_of(registration, &["pi"]);
            check(&register(), &facts, &["pi"], Decision::Refuse(refusal));
        }
    }

    #[test]
    fn a_clone_under_another_name_does_not_come_in_the_place_of_the_one_before() {
        let facts = token_of(Registration::UsedUp, &["other"]);
        check(
            &register(),
            &facts,
            &[],
            Decision::Refuse(Refusal::TokenUsedUp),
        );
        let forced = forced(HostnameSource::AgentName);
        let facts = token_of(Registration::Usable, &["other"]);
        check(&forced, &facts, &["other"], enrol_as("pi", true));
        let facts = token_of(Registration::Usable, &["other", "pi"]);
        check(&forced, &facts, &["other", "pi"], again("pi"));
    }

    #[test]
    fn a_taken_engine_is_refused_unless_forced_with_a_name_of_its_own() {
        let facts = token(Registration::Usable, true);
        check(
            &register(),
            &facts,
            &[],
            Decision::Refuse(Refusal::EngineTaken),
        );
        check(
            &forced(HostnameSource::AgentName),
            &facts,
            &[],
            enrol_as("pi", true),
        );
        for source in [
            HostnameSource::Daemon,
            HostnameSource::Os,
            HostnameSource::EngineId,
        ] {
            check(
                &forced(source),
                &facts,
                &[],
                Decision::Refuse(Refusal::ForceNeedsName),
            );
        }
    }

    #[test]
    fn a_permanent_token_reconnects_on_its_own_engine_only() {
        check(
            &register(),
            &owner("ENGINE", "pi", "pi"),
            &[],
            Decision::Reconnect { new_name: None },
        );
        let mismatch = Decision::Refuse(Refusal::EngineMismatch);
        check(
            &register(),
            &owner("OTHER", "pi", "pi"),
            &[],
            mismatch.clone(),
        );
        check(
            &forced(HostnameSource::AgentName),
            &owner("OTHER", "pi", "pi"),
            &[],
            mismatch,
        );
    }

    #[test]
    fn a_returning_host_is_renamed_only_when_it_tells_a_new_and_free_name() {
        let renamed = Decision::Reconnect {
            new_name: Some("pi".to_owned()),
        };
        let kept = Decision::Reconnect { new_name: None };
        check(&register(), &owner("ENGINE", "old", "old"), &[], renamed);
        check(
            &register(),
            &owner("ENGINE", "old", "old"),
            &["pi"],
            kept.clone(),
        );
        check(
            &register(),
            &owner("ENGINE", "pi-2", "pi"),
            &[],
            kept.clone(),
        );
        let mut nameless = register();
        nameless.hostname = None;
        check(&nameless, &owner("ENGINE", "old", "old"), &[], kept);
    }
}
