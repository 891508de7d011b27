//! Pure: CPU time, load and the number of CPUs.
//!
//! Sources: proc_stat(5), proc_loadavg(5), the kernel's `Documentation/admin-guide/cputopology.rst`.

use crate::sample::cgroup::text::{digits, words};

/// The kernel counts in hundredths of a second towards programs, whatever it does inside (`USER_HZ`).
const TICK_MS: u64 = 10;

/// CPU time of all cores since the start, in ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In user mode, also at low priority; what guests used is part of it.
    pub user_ms: u64,
    /// In the kernel, interrupts included.
    pub system_ms: u64,
    /// Nothing to do.
    pub idle_ms: u64,
    /// Nothing to do while I/O was under way. The kernel lets it go back.
    pub iowait_ms: u64,
    /// Given to others by the hypervisor.
    pub steal_ms: u64,
}

/// Reads the first line of `/proc/stat`, which has to be whole.
#[must_use]
pub fn cpu_times(stat: &[u8]) -> Option<CpuTimes> {
    let (line, _) = stat.split_at(stat.iter().position(|byte| *byte == b'\n')?);
    let mut numbers = words(line.strip_prefix(b"cpu ")?).map(digits);
    let mut next_ms = || numbers.next()??.checked_mul(TICK_MS);
    let (user, nice, system, idle) = (next_ms()?, next_ms()?, next_ms()?, next_ms()?);
    let (iowait_ms, irq, softirq) = (next_ms()?, next_ms()?, next_ms()?);
    Some(CpuTimes {
        user_ms: user.checked_add(nice)?,
        system_ms: system.checked_add(irq)?.checked_add(softirq)?,
        idle_ms: idle,
        iowait_ms,
        steal_ms: next_ms()?,
    })
}

/// Reads `/proc/loadavg`: the averages of one, five and fifteen minutes, in hundredths.
#[must_use]
pub fn load(loadavg: &[u8]) -> Option<[u64; 3]> {
    let mut averages = words(loadavg).map(hundredths);
    Some([averages.next()??, averages.next()??, averages.next()??])
}

/// Reads a number with two decimals, as the kernel writes loads and times.
#[must_use]
pub fn hundredths(word: &[u8]) -> Option<u64> {
    let point = word.iter().position(|byte| *byte == b'.')?;
    let (whole, decimals) = (word.get(..point)?, word.get(point + 1..)?);
    if decimals.len() != 2 {
        return None;
    }
    digits(whole)?
        .checked_mul(100)?
        .checked_add(digits(decimals)?)
}

/// Counts the CPUs of a list like `0-3,8`, the form of `/sys/devices/system/cpu/online`.
#[must_use]
pub fn cpus(list: &[u8]) -> Option<u64> {
    let mut sum = 0_u64;
    for range in list.trim_ascii().split(|byte| *byte == b',') {
        let mut ends = range.splitn(2, |byte| *byte == b'-').map(digits);
        let first = ends.next()??;
        let last = ends.next().unwrap_or(Some(first))?;
        sum = sum.checked_add(last.checked_sub(first)?.checked_add(1)?)?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_added_up_in_milliseconds() {
        let stat = b"cpu  429271 59789 132561 1688178 13960 3 4254 156 7 8\ncpu0 1\n";
        let expected = CpuTimes {
            user_ms: 4_890_600,
            system_ms: 1_368_180,
            idle_ms: 16_881_780,
            iowait_ms: 139_600,
            steal_ms: 1560,
        };
        assert_eq!(cpu_times(stat), Some(expected));
    }

    #[test]
    fn times_that_are_cut_short_or_odd_are_not_known() {
        let whole = "cpu  1 2 3 4 5 6 7 8 9 10\n";
        for end in 0..whole.len() {
            assert_eq!(cpu_times(&whole.as_bytes()[..end]), None, "{end}");
        }
        for odd in [
            "cpu0 1 2 3 4 5 6 7 8\n",
            "cpu  1 2 3 4 5 6 7\n",
            "cpu  1 2 3 4 x 6 7 8\n",
            "cpu  1 2 3 4 5 6 7 18446744073709551615\n",
            "\n",
        ] {
            assert_eq!(cpu_times(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn load_is_in_hundredths() {
        assert_eq!(
            load(b"0.25 1.20 12.05 3/101 25106\n"),
            Some([25, 120, 1205])
        );
        for odd in ["", "0.25 1.20", "0.2 1.20 1.00 1/2 3\n", "a b c\n"] {
            assert_eq!(load(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn cpus_are_counted_over_ranges() {
        for (list, expected) in [
            ("0\n", Some(1)),
            ("0-3\n", Some(4)),
            ("0-3,8,10-11\n", Some(7)),
            ("\n", None),
            ("3-0\n", None),
            ("0-\n", None),
            ("0-18446744073709551615\n", None),
        ] {
            assert_eq!(cpus(list.as_bytes()), expected, "{list}");
        }
    }
}
