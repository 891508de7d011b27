//! Pure: pressure stall information, and why a kernel does not tell it.
//!
//! Source: the kernel's `Documentation/accounting/psi.rst`.

use super::lines::{number, whole_lines, words};

/// What tasks may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A CPU.
    Cpu,
    /// Memory.
    Memory,
    /// Input and output.
    Io,
}

impl Resource {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Io];

    /// Its file in `/proc/pressure`.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }
}

/// Reads how long some task has waited since the start, in ms.
#[must_use]
pub fn stall_ms(pressure: &[u8]) -> Option<u64> {
    let mut total_usec = None;
    whole_lines(pressure, |line| {
        if let Some(averages) = line.strip_prefix(b"some ") {
            let mut totals = words(averages).filter_map(|word| word.strip_prefix(b"total="));
            total_usec = totals.next().and_then(number);
        }
    });
    total_usec.map(|usec| usec / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IO: &str = "some avg10=0.00 avg60=1.20 avg300=0.05 total=4099123\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=99\n";

    #[test]
    fn the_total_of_some_is_taken_in_milliseconds() {
        assert_eq!(stall_ms(IO.as_bytes()), Some(4099));
    }

    #[test]
    fn every_prefix_tells_the_same_or_nothing() {
        for end in 0..IO.len() {
            let found = stall_ms(&IO.as_bytes()[..end]);
            assert!(found.is_none() || found == Some(4099), "{end}");
        }
    }

    #[test]
    fn odd_lines_tell_nothing() {
        for odd in [
            "",
            "some\n",
            "some total=\n",
            "some total=x\n",
            "full total=5\n",
        ] {
            assert_eq!(stall_ms(odd.as_bytes()), None, "{odd}");
        }
    }
}
