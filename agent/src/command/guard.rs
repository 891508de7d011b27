//! Pure: what the agent refuses to do to its own container: whatever would end or freeze it, or hide it under another name.

use pilotfish_protocol::{ContainerId, Failure, FailureKind, Operation, OperationKind};

/// Tells why `operation` is refused; `None` when it may go on. `own` is the container this agent runs in, if any; more than one when it
/// may be either.
#[must_use]
pub fn refusal(operation: &Operation, own: &[ContainerId]) -> Option<Failure> {
    let is_own = own
        .iter()
        .any(|own| own.is_same_container(&operation.container_id));
    let is_harmful = match operation.kind {
        OperationKind::Stop { .. }
        | OperationKind::Restart { .. }
        | OperationKind::Kill
        | OperationKind::Pause
        | OperationKind::Remove { .. }
        | OperationKind::Rename { .. } => true,
        OperationKind::Start
        | OperationKind::Unpause
        | OperationKind::GetLogs { .. }
        | OperationKind::Inspect => false,
    };
    (is_own && is_harmful).then(|| {
        let verb = operation.kind.action();
        let error = format!("refused to {verb} container: it is this agent's own, and nobody could undo it from afar");
        Failure::new(&error, Some(FailureKind::PermissionDenied))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "aaaaaaaaaaaabbbbbbbbbbbbccccccccccccddddddddddddeeeeeeeeeeeeffff";

    #[track_caller]
    fn check(kind: OperationKind, container: &str, is_refused: bool) {
        let container_id = ContainerId::new(container).unwrap();
        let own = ContainerId::new(OWN).unwrap();
        let operation = Operation { container_id, kind };
        assert_eq!(
            refusal(&operation, &[own]).is_some(),
            is_refused,
            "{operation:?}"
        );
        assert_eq!(refusal(&operation, &[]), None);
    }

    #[test]
    fn what_would_end_freeze_or_hide_the_agent_is_refused_by_short_and_full_id() {
        for id in [OWN, &OWN[..12]] {
            check(OperationKind::Stop { timeout: None }, id, true);
            check(OperationKind::Restart { timeout: None }, id, true);
            check(OperationKind::Kill, id, true);
            check(OperationKind::Pause, id, true);
            check(OperationKind::Remove { force: true }, id, true);
            check(
                OperationKind::Rename {
                    new_name: "other".into(),
                },
                id,
                true,
            );
        }
    }

    #[test]
    fn looking_at_the_agents_container_is_allowed() {
        check(OperationKind::Inspect, OWN, false);
        check(OperationKind::GetLogs { tail: 10 }, OWN, false);
        check(OperationKind::Start, OWN, false);
    }

    #[test]
    fn other_containers_are_not_guarded() {
        check(OperationKind::Kill, "bbbbbbbbbbbb", false);
    }
}
