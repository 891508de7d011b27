//! Pure: the lengths of WebSocket frames (RFC 6455 §5.2) as they come over the wire.
//!
//! A WebSocket library makes room for a whole frame when it has read its header, also for one that will never come: 14 bytes from
//! anybody would cost as much memory as the largest message. So lengths are looked at before the library sees them.

/// The longest header: two bytes, a length of eight, a mask of four.
const HEADER_LEN: usize = 14;

/// Follows the frames of one direction of a connection.
#[derive(Debug, Default)]
pub struct Frames {
    header: [u8; HEADER_LEN],
    header_len: usize,
    /// Of the frame whose header is complete, still to come.
    payload_left: u64,
}

impl Frames {
    /// Takes the next bytes; gives the length of the longest frame that begins in them, as its header says.
    pub fn feed(&mut self, mut bytes: &[u8]) -> u64 {
        let mut longest = 0;
        while let Some((&first, rest)) = bytes.split_first() {
            if self.payload_left > 0 {
                let here = usize::try_from(self.payload_left).unwrap_or(usize::MAX);
                let here = here.min(bytes.len());
                self.payload_left -= u64::try_from(here).unwrap_or(self.payload_left);
                bytes = &bytes[here..];
                continue;
            }
            self.header[self.header_len] = first;
            self.header_len += 1;
            bytes = rest;
            if let Some(payload_len) = self.payload_len() {
                longest = longest.max(payload_len);
                self.payload_left = payload_len;
                self.header_len = 0;
            }
        }
        longest
    }

    /// Gives the length that the header says; `None` while it is not complete.
    fn payload_len(&self) -> Option<u64> {
        let header = &self.header[..self.header_len];
        let [_, second, rest @ ..] = header else {
            return None;
        };
        let length_len = match second & 0x7f {
            127 => 8,
            126 => 2,
            _ => 0,
        };
        let mask_len = if second & 0x80 == 0 { 0 } else { 4 };
        if rest.len() < length_len + mask_len {
            return None;
        }
        let length = rest[..length_len].iter();
        Some(match length_len {
            0 => u64::from(second & 0x7f),
            _ => length.fold(0, |length, byte| length << 8 | u64::from(*byte)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two frames, of 5 and of 300 bytes, and the header of one of 2³² and 7.
    fn frames() -> Vec<u8> {
        let small = [&[0x81, 0x85, 1, 2, 3, 4][..], b"hello"].concat();
        let medium = [&[0x01, 0x7e, 0x01, 0x2c][..], &[0xff; 300]].concat();
        let empty = vec![0x89, 0x80, 1, 2, 3, 4];
        let large = vec![0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4];
        [small, medium, empty, large].concat()
    }

    #[test]
    fn the_longest_frame_that_begins_is_told_however_the_bytes_come() {
        let bytes = frames();
        assert_eq!(Frames::default().feed(&bytes), (1 << 32) + 7);
        for split in 0..bytes.len() {
            let mut frames = Frames::default();
            let first = frames.feed(&bytes[..split]);
            assert!(first <= 300, "{split}");
            assert_eq!(frames.feed(&bytes[split..]), (1 << 32) + 7, "{split}");
        }
        let mut frames = Frames::default();
        let longest = bytes.iter().map(|byte| frames.feed(&[*byte])).max();
        assert_eq!(longest, Some((1 << 32) + 7));
        assert_eq!(frames.feed(&[0x82, 0xff, 0xff]), 0);
    }

    #[test]
    fn what_a_frame_holds_is_no_header() {
        let bytes = frames();
        let before_large = bytes.len() - HEADER_LEN;
        assert_eq!(Frames::default().feed(&bytes[..before_large]), 300);
        assert_eq!(Frames::default().feed(&[]), 0);
    }
}
