//! Pure: the files of cgroup v1.
//!
//! Source: kernel, Documentation/admin-guide/cgroup-v1/{cpuacct,memory,blkio-controller}.rst and Documentation/scheduler/sched-bwc.rst.

use super::text::{digits, lines, number, value_of, words};

/// A limit at or above this is none: what the kernel shows is the largest number of pages it can count, which on 32 bits is this many bytes.
const UNLIMITED_BYTES: u64 = 0x7ff_ffff_f000;

/// CPU time used, from `cpuacct.usage` (ns).
#[must_use]
pub fn cpu_ms(usage: &[u8]) -> Option<u64> {
    Some(number(usage)? / 1_000_000)
}

/// Time in which the CPU limit held the container back, from `cpu.stat` (`throttled_time`, ns).
#[must_use]
pub fn throttled_ms(stat: &[u8]) -> Option<u64> {
    Some(value_of(stat, b"throttled_time")? / 1_000_000)
}

/// Memory in use as the Docker CLI defines it (`calculateMemUsageUnixNoCache`), from `memory.usage_in_bytes` and `memory.stat`.
#[must_use]
pub fn memory_bytes(usage_bytes: u64, stat: &[u8]) -> Option<u64> {
    let total = value_of(stat, b"total_inactive_file");
    let own = || value_of(stat, b"inactive_file");
    let is_less = |bytes: &u64| *bytes < usage_bytes;
    if total.is_none() && own().is_none() {
        return None;
    }
    let inactive = total.filter(is_less).or_else(|| own().filter(is_less));
    Some(usage_bytes - inactive.unwrap_or_default())
}

/// The limit, from `memory.limit_in_bytes`; `None` without one.
#[must_use]
pub fn memory_limit_bytes(limit: &[u8]) -> Option<u64> {
    number(limit).filter(|limit| *limit < UNLIMITED_BYTES)
}

/// Processes killed for memory, from `memory.oom_control`, which tells since Linux 4.13.
#[must_use]
pub fn oom_kills(oom_control: &[u8]) -> Option<u64> {
    value_of(oom_control, b"oom_kill")
}

/// Bytes read and written over all devices, from `blkio.throttle.io_service_bytes` or its recursive twin: lines `MAJOR:MINOR Read BYTES`.
/// `None` when the file is cut before its last line, `Total BYTES`.
#[must_use]
pub fn block_bytes(service_bytes: &[u8]) -> Option<(u64, u64)> {
    let (mut read, mut written) = (0_u64, 0_u64);
    for line in lines(service_bytes) {
        let mut words = words(line);
        let (device, op) = (words.next()?, words.next()?);
        if device == b"Total" {
            return Some((read, written));
        }
        let Some(bytes) = words.next().and_then(digits) else {
            continue;
        };
        if op.eq_ignore_ascii_case(b"read") {
            read = read.saturating_add(bytes);
        } else if op.eq_ignore_ascii_case(b"write") {
            written = written.saturating_add(bytes);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_milliseconds() {
        assert_eq!(cpu_ms(b"673310660\n"), Some(673));
        assert_eq!(cpu_ms(b"\n"), None);
        let stat = b"nr_periods 14\nnr_throttled 12\nthrottled_time 588187446\nnr_bursts 0\n";
        assert_eq!(throttled_ms(stat), Some(588));
        assert_eq!(throttled_ms(b"nr_periods 14\n"), None);
    }

    #[test]
    fn memory_is_what_the_docker_cli_says() {
        #[track_caller]
        fn check(usage_bytes: u64, stat: &str, expected: Option<u64>) {
            assert_eq!(memory_bytes(usage_bytes, stat.as_bytes()), expected);
        }
        check(
            1000,
            "inactive_file 1\ntotal_inactive_file 300\n",
            Some(700),
        );
        // Counters are read one after the other: the cache may be larger than the usage read before.
        check(
            1000,
            "inactive_file 1\ntotal_inactive_file 1000\n",
            Some(999),
        );
        check(
            1000,
            "inactive_file 2000\ntotal_inactive_file 2000\n",
            Some(1000),
        );
        check(1000, "cache 5\n", None);
        check(1000, "", None);
    }

    #[test]
    fn a_limit_that_is_none_is_absent() {
        assert_eq!(memory_limit_bytes(b"67108864\n"), Some(67_108_864));
        assert_eq!(memory_limit_bytes(b"9223372036854771712\n"), None);
        assert_eq!(memory_limit_bytes(b"8796093018112\n"), None);
    }

    #[test]
    fn kills_are_told_by_newer_kernels() {
        let text = b"oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(oom_kills(text), Some(3));
        assert_eq!(oom_kills(b"oom_kill_disable 0\nunder_oom 0\n"), None);
    }

    #[test]
    fn block_bytes_are_summed_over_devices() {
        #[track_caller]
        fn check(text: &str, expected: Option<(u64, u64)>) {
            assert_eq!(block_bytes(text.as_bytes()), expected);
        }
        check("Total 0\n", Some((0, 0)));
        check(
            "8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Async 0\n8:0 Discard 0\n8:0 Total 30\n8:16 Read 1\n8:16 Write 2\nTotal 33\n",
            Some((11, 22)),
        );
        check("8:0 Read 10\n8:0 Write 20\n", None);
        check("8:0 Read 10\nTotal 1", None);
        check("", None);
        check("8:0\nTotal 1\n", None);
        check("8:0 Read x\nTotal 1\n", Some((0, 0)));
    }
}
