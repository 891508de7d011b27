//! Pure: the files of cgroup v2.
//!
//! Source: kernel, Documentation/admin-guide/cgroup-v2.rst.

use super::text::{digits, lines, number, value_of, words};

/// CPU time used, from `cpu.stat` (`usage_usec`).
#[must_use]
pub fn cpu_ms(stat: &[u8]) -> Option<u64> {
    Some(value_of(stat, b"usage_usec")? / 1000)
}

/// Time in which the CPU limit held the container back, from `cpu.stat` (`throttled_usec`); `None` while the cpu controller is off.
#[must_use]
pub fn throttled_ms(stat: &[u8]) -> Option<u64> {
    Some(value_of(stat, b"throttled_usec")? / 1000)
}

/// Memory in use as the Docker CLI defines it (`calculateMemUsageUnixNoCache`), from `memory.current` and `memory.stat`.
#[must_use]
pub fn memory_bytes(current_bytes: u64, stat: &[u8]) -> Option<u64> {
    let inactive = value_of(stat, b"inactive_file")?;
    let is_less = inactive < current_bytes;
    Some(current_bytes - if is_less { inactive } else { 0 })
}

/// The limit, from `memory.max`; `None` without one.
#[must_use]
pub fn memory_limit_bytes(max: &[u8]) -> Option<u64> {
    number(max)
}

/// Processes killed for memory, from `memory.events`.
#[must_use]
pub fn oom_kills(events: &[u8]) -> Option<u64> {
    value_of(events, b"oom_kill")
}

/// CPU it may use in thousandths of a core, from `cpu.max`: `QUOTA PERIOD` in µs; `None` without a limit.
#[must_use]
pub fn cpu_limit_millicores(max: &[u8]) -> Option<u64> {
    let mut words = words(lines(max).next()?);
    millicores(digits(words.next()?)?, digits(words.next()?)?)
}

/// `quota` in every `period`, in thousandths of a core.
#[must_use]
pub fn millicores(quota: u64, period: u64) -> Option<u64> {
    quota.checked_mul(1000)?.checked_div(period)
}

/// Bytes read and written over all devices, from `io.stat`: lines `MAJOR:MINOR rbytes=N wbytes=N rios=N …`; no line is no traffic.
/// `None` when the last line is cut.
#[must_use]
pub fn block_bytes(stat: &[u8]) -> Option<(u64, u64)> {
    if stat.last().is_some_and(|&byte| byte != b'\n') {
        return None;
    }
    let (mut read, mut written) = (0_u64, 0_u64);
    for word in lines(stat).flat_map(words) {
        let add = |sum: u64, bytes| sum.saturating_add(digits(bytes).unwrap_or_default());
        if let Some(bytes) = word.strip_prefix(b"rbytes=") {
            read = add(read, bytes);
        } else if let Some(bytes) = word.strip_prefix(b"wbytes=") {
            written = add(written, bytes);
        }
    }
    Some((read, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_milliseconds() {
        let stat = b"usage_usec 684769\nuser_usec 668934\nsystem_usec 15835\nnr_periods 1\nnr_throttled 1\nthrottled_usec 1999\n";
        assert_eq!(cpu_ms(stat), Some(684));
        assert_eq!(throttled_ms(stat), Some(1));
        assert_eq!(throttled_ms(b"usage_usec 684769\n"), None);
    }

    #[test]
    fn memory_is_what_the_docker_cli_says() {
        let stat = b"anon 5\nfile 9\ninactive_anon 1\ninactive_file 300\nactive_file 2\n";
        assert_eq!(memory_bytes(1000, stat), Some(700));
        assert_eq!(memory_bytes(300, stat), Some(300));
        assert_eq!(memory_bytes(1000, b"anon 5\n"), None);
    }

    #[test]
    fn limits_that_are_none_are_absent() {
        assert_eq!(memory_limit_bytes(b"67108864\n"), Some(67_108_864));
        assert_eq!(memory_limit_bytes(b"max\n"), None);
        assert_eq!(cpu_limit_millicores(b"50000 100000\n"), Some(500));
        assert_eq!(cpu_limit_millicores(b"max 100000\n"), None);
        assert_eq!(cpu_limit_millicores(b"50000 0\n"), None);
        assert_eq!(cpu_limit_millicores(b"50000\n"), None);
    }

    #[test]
    fn kills_are_not_the_groups_killed() {
        let text = b"low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 5\n";
        assert_eq!(oom_kills(text), Some(1));
    }

    #[test]
    fn block_bytes_are_summed_over_devices() {
        #[track_caller]
        fn check(text: &str, expected: Option<(u64, u64)>) {
            assert_eq!(block_bytes(text.as_bytes()), expected);
        }
        check("", Some((0, 0)));
        check(
            "8:16 rbytes=1459200 wbytes=314773504 rios=192 wios=353 dbytes=0 dios=0\n8:0 rbytes=90430464 wbytes=299008000 rios=8950 wios=1252 dbytes=50331648 dios=3021\n253:0 \n",
            Some((91_889_664, 613_781_504)),
        );
        check("8:16 rbytes=14 wbyt", None);
        check("8:16 rbytes=x wbytes=2\n", Some((0, 2)));
    }
}
