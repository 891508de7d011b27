//! Pure: memory and swap from `/proc/meminfo` (proc_meminfo(5)).

use super::lines::whole_lines;
use crate::sample::cgroup::text::{digits, words};

/// Memory and swap, in KiB. What the kernel does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that the kernel manages.
    pub total_kib: Option<u64>,
    /// What programs could get without swapping; since Linux 3.14.
    pub available_kib: Option<u64>,
    /// Swap.
    pub swap_kib: Option<u64>,
    /// Swap that is not in use.
    pub swap_free_kib: Option<u64>,
}

impl Memory {
    /// Reads the file's lines.
    #[must_use]
    pub fn parse(meminfo: &[u8]) -> Self {
        let mut memory = Self::default();
        whole_lines(meminfo, |line| memory.take(line));
        memory
    }

    fn take(&mut self, line: &[u8]) {
        let mut words = words(line);
        let value = match words.next() {
            Some(b"MemTotal:") => &mut self.total_kib,
            Some(b"MemAvailable:") => &mut self.available_kib,
            Some(b"SwapTotal:") => &mut self.swap_kib,
            Some(b"SwapFree:") => &mut self.swap_free_kib,
            _ => return,
        };
        let kib = words.next().and_then(digits);
        *value = kib.filter(|_| words.next() == Some(b"kB"));
    }

    /// Memory that is not available.
    #[must_use]
    pub fn used_kib(&self) -> Option<u64> {
        self.total_kib?.checked_sub(self.available_kib?)
    }

    /// Swap in use.
    #[must_use]
    pub fn swap_used_kib(&self) -> Option<u64> {
        self.swap_kib?.checked_sub(self.swap_free_kib?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO: &str = "MemTotal:         948012 kB\nMemFree:          103520 kB\nMemAvailable:     711009 kB\nSwapCached:            4 kB\nSwapTotal:        102396 kB\nSwapFree:         100000 kB\n";

    #[test]
    fn used_is_what_is_not_available() {
        let memory = Memory::parse(MEMINFO.as_bytes());
        assert_eq!(memory.total_kib, Some(948_012));
        assert_eq!(memory.used_kib(), Some(237_003));
        assert_eq!(memory.swap_kib, Some(102_396));
        assert_eq!(memory.swap_used_kib(), Some(2396));
    }

    #[test]
    fn an_old_kernel_tells_only_the_total() {
        let memory = Memory::parse(b"MemTotal: 100 kB\nMemFree: 50 kB\n");
        assert_eq!(memory.total_kib, Some(100));
        assert_eq!(memory.used_kib(), None);
        assert_eq!(memory.swap_used_kib(), None);
    }

    #[test]
    fn every_prefix_tells_what_its_whole_lines_do() {
        let whole = Memory::parse(MEMINFO.as_bytes());
        for end in 0..=MEMINFO.len() {
            let part = Memory::parse(&MEMINFO.as_bytes()[..end]);
            for (part, whole) in [
                (part.total_kib, whole.total_kib),
                (part.available_kib, whole.available_kib),
                (part.swap_kib, whole.swap_kib),
                (part.swap_free_kib, whole.swap_free_kib),
            ] {
                assert!(part.is_none() || part == whole, "{end}");
            }
        }
    }

    #[test]
    fn odd_values_are_not_known() {
        let odd =
            "MemTotal: 1 MB\nMemAvailable: -1 kB\nSwapTotal:\nSwapFree: 99999999999999999999 kB\n";
        assert_eq!(Memory::parse(odd.as_bytes()), Memory::default());
        let more = "MemTotal: 1 kB\nMemAvailable: 2 kB\n";
        assert_eq!(Memory::parse(more.as_bytes()).used_kib(), None);
    }
}
