//! Which events are worth a question.

use super::*;

#[track_caller]
fn check(action: &str, is_asked: bool) {
    assert_eq!(!leaves_listing(action), is_asked, "{action}");
}

#[test]
fn only_what_may_change_a_listing_is_asked_about() {
    for action in [
        "create",
        "start",
        "die",
        "stop",
        "kill",
        "restart",
        "pause",
        "unpause",
        "rename",
        "destroy",
        "update",
        "oom",
        "prune",
        "health_status: healthy",
        "a word of tomorrow",
    ] {
        check(action, true);
    }
    for action in [
        "exec_create",
        "exec_start",
        "exec_die",
        "exec_detach",
        "attach",
        "detach",
        "resize",
        "top",
        "archive-path",
        "extract-to-dir",
        "copy",
        "export",
        "commit",
    ] {
        check(action, false);
    }
}
