//! Pure: lines out of a stream of pieces, none longer than a limit.

/// Collects lines from pieces that are cut anywhere.
#[derive(Debug)]
pub struct Lines {
    limit_bytes: usize,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// The line being read is too long; the rest of it is thrown away.
    is_skipping: bool,
    skipped: u64,
}

impl Lines {
    /// Collects lines of at most `limit_bytes`, not counting the newline. A longer one is skipped and counted.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            partial: Vec::new(),
            is_skipping: false,
            skipped: 0,
        }
    }

    /// How many lines were too long.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Takes the next piece and calls `on_line` for each line that it completes, without its newline; empty ones are left out.
    pub fn push(&mut self, piece: &[u8], mut on_line: impl FnMut(&[u8])) {
        let mut rest = piece;
        while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
            let (end, after) = (&rest[..at], &rest[at + 1..]);
            rest = after;
            if self.partial.is_empty() && !self.is_skipping && end.len() <= self.limit_bytes {
                call(&mut on_line, end);
                continue;
            }
            self.keep(end);
            if !self.is_skipping {
                call(&mut on_line, &self.partial);
            }
            self.is_skipping = false;
            // One long line must not hold its memory for ever.
            self.partial = Vec::new();
        }
        self.keep(rest);
    }

    fn keep(&mut self, piece: &[u8]) {
        if self.is_skipping {
            return;
        }
        if self.partial.len() + piece.len() > self.limit_bytes {
            self.is_skipping = true;
            self.skipped += 1;
            self.partial = Vec::new();
            return;
        }
        self.partial.extend_from_slice(piece);
    }
}

fn call(on_line: &mut impl FnMut(&[u8]), line: &[u8]) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if !line.is_empty() {
        on_line(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> (Vec<String>, u64) {
        let mut lines = Lines::new(5);
        let mut got = Vec::new();
        for piece in pieces {
            lines.push(piece, |line| {
                got.push(String::from_utf8_lossy(line).into_owned())
            });
        }
        (got, lines.skipped())
    }

    #[track_caller]
    fn check(input: &str, expected: &[&str], skipped: u64) {
        let input = input.as_bytes();
        let expected: (Vec<String>, u64) = (
            expected.iter().map(|line| (*line).to_owned()).collect(),
            skipped,
        );
        for split in 0..=input.len() {
            let (a, b) = input.split_at(split);
            assert_eq!(lines(&[a, b]), expected, "split at {split}");
        }
        assert_eq!(lines(&input.chunks(1).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut() {
        check("ab\ncd\n", &["ab", "cd"], 0);
        check("ab\r\n\n\r\ncd", &["ab"], 0);
        check("", &[], 0);
    }

    #[test]
    fn a_line_of_the_limit_is_taken_and_a_longer_one_skipped_and_counted() {
        check("12345\nx\n", &["12345", "x"], 0);
        check("123456\nx\n", &["x"], 1);
        check("x\n1234567890123\ny\n123456\nz\n", &["x", "y", "z"], 2);
        check("123456", &[], 1);
    }
}
