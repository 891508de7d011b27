//! Pure: whole numbers in as few bytes as they need (LEB128, zigzag for signed ones), and a reader that never runs past the end.

/// Bytes of the history that are not what this program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// They end too early.
    #[error("cut short")]
    Short,
    /// A number is larger than it can be.
    #[error("a number is out of range")]
    Range,
    /// What was said to follow does not.
    #[error("unknown layout")]
    Layout,
    /// A compressed column cannot be read.
    #[error("damaged column")]
    Column,
}

/// Writes `value`.
pub(super) fn put(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// Writes `value`, which may be negative.
pub(super) fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put(
        bytes,
        (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned(),
    );
}

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.0.split_first().ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if part << shift >> shift != part {
                return Err(Malformed::Range);
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Range)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Malformed> {
        let value = self.number()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    /// Reads how many of something follow, at most `most`.
    pub(super) fn count(&mut self, most: usize) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).map_err(|_| Malformed::Range)?;
        if count > most {
            return Err(Malformed::Range);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_survives(unsigned: u64, signed: i64) {
            let mut bytes = Vec::new();
            put(&mut bytes, unsigned);
            put_signed(&mut bytes, signed);
            let mut reader = Reader(&bytes);
            prop_assert_eq!(reader.number(), Ok(unsigned));
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert!(reader.is_empty());
        }
    }

    #[test]
    fn small_numbers_take_one_byte_and_overlong_ones_are_refused() {
        let mut bytes = Vec::new();
        put_signed(&mut bytes, -64);
        assert_eq!(bytes.len(), 1);
        assert_eq!(Reader(&[0x80]).number(), Err(Malformed::Short));
        assert_eq!(Reader(&[0xff; 10]).number(), Err(Malformed::Range));
        assert_eq!(Reader(&[9]).count(8), Err(Malformed::Range));
    }
}
