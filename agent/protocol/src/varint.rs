//! Pure: numbers in as few bytes as they need (LEB128), signed ones zigzag coded.

use alloc::vec::Vec;

/// Appends `value`.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Appends the number of something held in memory.
pub(crate) fn put_len(out: &mut Vec<u8>, len: usize) {
    put(out, u64::try_from(len).unwrap_or(u64::MAX));
}

/// Appends a signed number: small ones of either sign are short.
pub(crate) fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, (value.wrapping_shl(1) ^ (value >> 63)).cast_unsigned());
}

/// How many bytes [`put`] appends.
pub(crate) fn len(value: u64) -> usize {
    let bits = u64::BITS - (value | 1).leading_zeros();
    usize::try_from(bits.div_ceil(7)).unwrap_or_default()
}

/// Takes a number from the front of `bytes`; `None` when it is cut short, or longer than 64 bits.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Takes a signed number.
pub(crate) fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let value = take(bytes)?;
    Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

/// Takes bytes that follow their length.
pub(crate) fn take_counted<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take(bytes)?).ok()?;
    let (counted, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    Some(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: i64, expected: &[u8]) {
        let mut out = Vec::new();
        put_signed(&mut out, value);
        assert_eq!(out, expected);
        let mut rest = out.as_slice();
        assert_eq!(take_signed(&mut rest), Some(value));
        assert!(rest.is_empty());
        for end in 0..expected.len() {
            assert_eq!(take(&mut &expected[..end]), None);
        }
        assert_eq!(take(&mut &*out).map(len), Some(expected.len()));
    }

    #[test]
    fn small_numbers_of_either_sign_are_short() {
        check(0, &[0]);
        check(-1, &[1]);
        check(63, &[126]);
        check(-64, &[127]);
        check(64, &[0x80, 1]);
        check(8191, &[0xfe, 0x7f]);
        check(
            i64::MAX,
            &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        );
        check(
            i64::MIN,
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        );
    }

    #[test]
    fn a_number_of_more_than_64_bits_is_none() {
        let mut long = [0xff; 11];
        long[9] = 2;
        assert_eq!(take(&mut &long[..]), None);
        assert_eq!(take(&mut &[0x80; 20][..]), None);
    }

    #[test]
    fn bytes_are_taken_with_their_length() {
        let mut bytes: &[u8] = &[2, 7, 8, 9];
        assert_eq!(take_counted(&mut bytes), Some(&[7, 8][..]));
        assert_eq!(take_counted(&mut bytes), None);
    }
}
