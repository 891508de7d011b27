//! Pure: the name under which this host is shown, and where it came from.

use pilotfish_protocol::HostnameSource;
use pilotfish_protocol::text::Text;

/// How much of an Engine id makes a name.
const ENGINE_ID_CHARS: usize = 12;

/// A host's name as it goes into the `register` message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostName {
    /// The name. Empty only when nothing at all is known; the server then makes one up.
    pub name: Text<255>,
    /// Where it came from.
    pub source: HostnameSource,
}

/// The names a host may go by, best first.
#[derive(Debug, Clone, Copy, Default)]
pub struct KnownNames<'a> {
    /// `AGENT_NAME`.
    pub agent_name: Option<&'a str>,
    /// The Engine's `Name`.
    pub engine_name: Option<&'a str>,
    /// The kernel's host name.
    pub os_name: Option<&'a str>,
    /// The Engine's id.
    pub engine_id: Option<&'a str>,
}

impl HostName {
    /// Takes the best name of `known` of which anything printable is left.
    pub fn choose(known: &KnownNames<'_>) -> Self {
        let engine_id: Option<String> = known
            .engine_id
            .map(|id| id.trim().chars().take(ENGINE_ID_CHARS).collect());
        let by_rank = [
            (known.agent_name, HostnameSource::AgentName),
            (known.engine_name, HostnameSource::Daemon),
            (known.os_name, HostnameSource::Os),
            (engine_id.as_deref(), HostnameSource::EngineId),
        ];
        by_rank
            .into_iter()
            .find_map(|(name, source)| {
                let name = Text::cut_if_any(name?)?;
                Some(Self { name, source })
            })
            .unwrap_or_else(|| Self {
                name: Text::default(),
                source: HostnameSource::EngineId,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_name_wins() {
        let mut known = KnownNames {
            agent_name: Some(" cabin "),
            engine_name: Some("pi"),
            os_name: Some("raspberrypi"),
            engine_id: Some("ABCD:EFGH:IJKL:MNOP"),
        };
        check(&known, "cabin", HostnameSource::AgentName);
        known.agent_name = Some("  ");
        check(&known, "pi", HostnameSource::Daemon);
        known.engine_name = None;
        check(&known, "raspberrypi", HostnameSource::Os);
        known.os_name = Some("<>");
        check(&known, "ABCD:EFGH:IJ", HostnameSource::EngineId);
        known.engine_id = None;
        check(&known, "", HostnameSource::EngineId);
    }

    #[test]
    fn a_longer_name_than_a_server_takes_is_cut() {
        let long = "é".repeat(200);
        let known = KnownNames {
            engine_name: Some(&long),
            ..KnownNames::default()
        };
        check(&known, &"é".repeat(127), HostnameSource::Daemon);
    }

    #[track_caller]
    fn check(known: &KnownNames<'_>, name: &str, source: HostnameSource) {
        let chosen = HostName::choose(known);
        assert_eq!((chosen.name.as_str(), chosen.source), (name, source));
    }
}
