//! Pure: which process a pid is: pids are given away again, a pid with its start time is not.
//!
//! Source: proc_pid_stat(5): `PID (COMM) STATE …`, `starttime` is field 22. COMM may hold blanks and parentheses.

use super::text::{digits, words};

/// When the process was started, in clock ticks since boot.
#[must_use]
pub fn start_ticks(stat: &[u8]) -> Option<u64> {
    let comm_end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut after_comm = words(stat[comm_end + 1..].trim_ascii_end());
    digits(after_comm.nth(22 - 3)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_found_behind_any_name() {
        let after =
            "R 25938 25958 25958 0 -1 4194560 1086 0 0 0 67 1 0 0 20 0 1 0 1175447 2322432 380\n";
        for name in ["sh", "a b", ") R 1 (", ""] {
            let stat = format!("25958 ({name}) {after}");
            assert_eq!(start_ticks(stat.as_bytes()), Some(1_175_447));
        }
        assert_eq!(start_ticks(b"25958 (sh) R 1 2"), None);
        assert_eq!(start_ticks(b""), None);
    }
}
