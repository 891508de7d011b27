//! Pure: pressure stall information, `cpu.pressure` and its like.
//!
//! Source: kernel, Documentation/accounting/psi.rst.

use super::text::{digits, lines, words};

/// Time in which some task waited (`some … total=`, µs).
#[must_use]
pub fn some_ms(pressure: &[u8]) -> Option<u64> {
    let some = lines(pressure).find_map(|line| line.strip_prefix(b"some "))?;
    let total = words(some).find_map(|word| word.strip_prefix(b"total="))?;
    Some(digits(total)? / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_is_the_time_and_full_is_not() {
        let text = "some avg10=0.00 avg60=0.00 avg300=0.00 total=643319\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=643038\n";
        assert_eq!(some_ms(text.as_bytes()), Some(643));
        let line = text.find('\n').unwrap();
        assert_eq!(some_ms(&text.as_bytes()[line + 1..]), None);
        for end in 0..=line {
            assert_eq!(some_ms(&text.as_bytes()[..end]), None);
        }
    }
}
