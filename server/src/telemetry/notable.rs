//! Pure: which of an Engine's container events are worth keeping, and what is said of them.

use pilotfish_protocol::ContainerEvent;

/// How far an Engine's clock may be ahead before its word on the time is not taken.
const AHEAD_MS: u64 = 60_000;

/// How old an event may be that comes late, after a gap of the link.
const LATE_MS: u64 = 7 * 24 * 3600 * 1000;

/// What is kept of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notable {
    /// The Engine's word.
    pub action: &'static str,
    /// What else is worth knowing.
    pub detail: Option<String>,
}

/// Tells what is kept of an event; `None` for what fills the log without telling anything, such as `exec_create` of every health
/// check (whose text may hold secrets, too).
pub fn notable(event: &ContainerEvent) -> Option<Notable> {
    let attribute = |name: &str| event.attributes.get(name).filter(|value| !value.is_empty());
    let (word, rest) = match event.action.split_once(':') {
        Some((word, rest)) => (word.trim(), Some(rest.trim())),
        None => (event.action.as_str(), None),
    };
    let (action, detail) = match word {
        "create" => ("create", None),
        "start" => ("start", None),
        "die" => (
            "die",
            attribute("exitCode").map(|code| format!("exit code {code}")),
        ),
        "kill" => (
            "kill",
            attribute("signal").map(|signal| format!("signal {signal}")),
        ),
        "stop" => ("stop", None),
        "restart" => ("restart", None),
        "pause" => ("pause", None),
        "unpause" => ("unpause", None),
        "oom" => ("oom", None),
        "rename" => {
            let old = attribute("oldName").map(|name| name.trim_start_matches('/'));
            ("rename", old.map(|old| format!("was {old}")))
        }
        // Podman says `remove` and `died`.
        "destroy" | "remove" => ("destroy", None),
        "died" => (
            "die",
            attribute("containerExitCode").map(|code| format!("exit code {code}")),
        ),
        "health_status" => ("health_status", rest.map(str::to_owned)),
        "update" => ("update", None),
        _ => return None,
    };
    let detail = detail.map(|detail| crate::telemetry::container::cut(&detail, 512));
    Some(Notable { action, detail })
}

/// Gives the Engine's stamp of an event, by its clock.
pub fn stamped_unix_ms(event: &ContainerEvent) -> Option<u64> {
    let at = event.timestamp?;
    u64::try_from(at.unix_ms()).ok()
}

/// Gives the time of an event: the Engine's word when it can be true, else the server's.
pub fn at_unix_ms(event: &ContainerEvent, now_unix_ms: u64) -> u64 {
    stamped_unix_ms(event)
        .filter(|told| {
            *told <= now_unix_ms.saturating_add(AHEAD_MS)
                && *told >= now_unix_ms.saturating_sub(LATE_MS)
        })
        .map_or(now_unix_ms, |told| told.min(now_unix_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, attributes: &str) -> ContainerEvent {
        let json = format!(
            r#"{{"container_id":"0123456789ab","action":"{action}","attributes":{attributes},
                "timestamp":"2026-11-23T21:05:00Z"}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    #[track_caller]
    fn check(action: &str, attributes: &str, expected: Option<(&'static str, Option<&str>)>) {
        let expected = expected.map(|(action, detail)| Notable {
            action,
            detail: detail.map(str::to_owned),
        });
        assert_eq!(notable(&event(action, attributes)), expected, "{action}");
    }

    #[test]
    fn lives_and_deaths_are_kept_with_their_reason() {
        check("start", "{}", Some(("start", None)));
        check(
            "die",
            r#"{"exitCode":"137"}"#,
            Some(("die", Some("exit code 137"))),
        );
        check("die", "{}", Some(("die", None)));
        check(
            "kill",
            r#"{"signal":"15"}"#,
            Some(("kill", Some("signal 15"))),
        );
        check(
            "rename",
            r#"{"oldName":"/web"}"#,
            Some(("rename", Some("was web"))),
        );
        check(
            "health_status: unhealthy",
            "{}",
            Some(("health_status", Some("unhealthy"))),
        );
        for action in [
            "create", "stop", "restart", "pause", "unpause", "oom", "destroy", "update",
        ] {
            assert!(notable(&event(action, "{}")).is_some(), "{action}");
        }
    }

    #[test]
    fn what_tells_nothing_is_dropped() {
        for action in [
            "exec_create: sh -c secret",
            "exec_start: sh",
            "exec_die",
            "attach",
            "top",
            "resize",
            "",
            "new in Engine 99",
        ] {
            check(action, "{}", None);
        }
    }

    #[test]
    fn the_engines_time_is_taken_when_it_can_be_true() {
        let told = 1_795_467_900_000;
        let event = event("start", "{}");
        for (now, expected) in [
            (told, told),
            (told + LATE_MS, told),
            (told + LATE_MS + 1, told + LATE_MS + 1),
            (told - 1, told - 1),
            (told - AHEAD_MS - 1, told - AHEAD_MS - 1),
        ] {
            assert_eq!(at_unix_ms(&event, now), expected);
        }
    }
}
