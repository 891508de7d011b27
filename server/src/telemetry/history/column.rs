//! Pure: one column of whole numbers as bytes: one that never changes or changes evenly in a few, a short one as differences, any
//! other compressed by pco.
//!
//! The number of values is told apart, because the columns of a segment share it.

use pco::data_types::Number;
use pco::wrapped::{FileCompressor, FileDecompressor};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

use super::varint::{Malformed, Reader, put, put_signed};

/// All values are the same.
const CONSTANT: u8 = 0;
/// Each is the one before plus the same step.
const EVEN: u8 = 1;
/// Each as the difference from the one before.
const DIFFERENCES: u8 = 2;
/// As pco has it.
const PCO: u8 = 3;

/// Shorter columns are not worth what pco writes ahead of its values.
const SHORT: usize = 24;

/// pco's effort, of 12: more gives less than one byte in a hundred here and takes twice the time.
const LEVEL: usize = 4;

/// Writes `values`.
pub(super) fn write(bytes: &mut Vec<u8>, values: &[i64]) {
    let first = values.first().copied().unwrap_or_default();
    let step = values.get(1).map_or(0, |second| second.wrapping_sub(first));
    let is_even = values
        .windows(2)
        .all(|pair| pair[1].wrapping_sub(pair[0]) == step);
    if is_even {
        bytes.push(if step == 0 { CONSTANT } else { EVEN });
        put_signed(bytes, first);
        if step != 0 {
            put_signed(bytes, step);
        }
        return;
    }
    let mut differences = Vec::with_capacity(values.len() * 2);
    let mut last = 0_i64;
    for value in values {
        put_signed(&mut differences, value.wrapping_sub(last));
        last = *value;
    }
    if values.len() >= SHORT
        && let Ok(packed) = pack(values)
        && packed.len() + 2 < differences.len()
    {
        bytes.push(PCO);
        put(bytes, packed.len() as u64);
        bytes.extend_from_slice(&packed);
        return;
    }
    bytes.push(DIFFERENCES);
    bytes.extend_from_slice(&differences);
}

/// Reads `count` values.
pub(super) fn read(reader: &mut Reader<'_>, count: usize) -> Result<Vec<i64>, Malformed> {
    match reader.byte()? {
        CONSTANT => Ok(vec![reader.signed()?; count]),
        EVEN => {
            let (mut value, step) = (reader.signed()?, reader.signed()?);
            let mut values = Vec::with_capacity(count);
            for _ in 0..count {
                values.push(value);
                value = value.wrapping_add(step);
            }
            Ok(values)
        }
        DIFFERENCES => {
            let mut values = Vec::with_capacity(count);
            let mut value = 0_i64;
            for _ in 0..count {
                value = value.wrapping_add(reader.signed()?);
                values.push(value);
            }
            Ok(values)
        }
        PCO => {
            let len = reader.count(reader.0.len())?;
            unpack(reader.bytes(len)?, count)
        }
        _ => Err(Malformed::Layout),
    }
}

/// Compresses; in 32 bits where they suffice, which is quicker.
fn pack(values: &[i64]) -> pco::errors::PcoResult<Vec<u8>> {
    let narrow: Option<Vec<i32>> = values
        .iter()
        .map(|value| i32::try_from(*value).ok())
        .collect();
    match narrow {
        Some(narrow) => pack_as(&narrow, vec![32]),
        None => pack_as(values, vec![64]),
    }
}

fn pack_as<T: Number>(values: &[T], bytes: Vec<u8>) -> pco::errors::PcoResult<Vec<u8>> {
    let config = ChunkConfig::default()
        .with_compression_level(LEVEL)
        .with_mode_spec(ModeSpec::Auto)
        .with_delta_spec(DeltaSpec::Auto);
    let file = FileCompressor::default();
    let bytes = file.write_header(bytes)?;
    let mut chunk = file.chunk_compressor(values, &config)?;
    let bytes = chunk.write_meta(bytes)?;
    chunk.write_page(0, bytes)
}

fn unpack(bytes: &[u8], count: usize) -> Result<Vec<i64>, Malformed> {
    match bytes.split_first().ok_or(Malformed::Short)? {
        (32, packed) => {
            let mut narrow = vec![0_i32; count];
            unpack_as(packed, &mut narrow)?;
            Ok(narrow.into_iter().map(i64::from).collect())
        }
        (64, packed) => {
            let mut values = vec![0_i64; count];
            unpack_as(packed, &mut values)?;
            Ok(values)
        }
        _ => Err(Malformed::Layout),
    }
}

fn unpack_as<T: Number>(packed: &[u8], values: &mut [T]) -> Result<(), Malformed> {
    let mut read = || {
        let (file, rest) = FileDecompressor::new(packed)?;
        let (mut chunk, rest) = file.chunk_decompressor::<T, _>(rest)?;
        let mut page = chunk.page_decompressor(rest, values.len())?;
        page.read(values)
    };
    let progress = read().map_err(|_: pco::errors::PcoError| Malformed::Column)?;
    if progress.n_processed == values.len() {
        Ok(())
    } else {
        Err(Malformed::Column)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(values: &[i64], most_bytes: usize) {
        let mut bytes = Vec::new();
        write(&mut bytes, values);
        assert!(bytes.len() <= most_bytes, "{} bytes", bytes.len());
        let mut reader = Reader(&bytes);
        assert_eq!(read(&mut reader, values.len()).unwrap(), values);
        assert!(reader.is_empty());
    }

    #[test]
    fn a_column_that_does_not_change_or_changes_evenly_costs_next_to_nothing() {
        check(&[0; 360], 2);
        check(&[-7; 360], 2);
        let even: Vec<i64> = (0..360).map(|place| 180_000_000 + place).collect();
        check(&even, 7);
        check(&[], 2);
        check(&[i64::MIN, i64::MAX, 0], 40);
    }

    #[test]
    fn an_hour_of_noise_takes_about_as_many_bits_as_the_noise_has() {
        let noise: Vec<i64> = (0..360_i64).map(|n| 3000 + (n * 7919) % 200).collect();
        check(&noise, 360 + 40);
    }

    proptest! {
        #[test]
        fn every_column_survives(values: Vec<i64>, small in prop::collection::vec(-300..300_i64, 0..400)) {
            for values in [values, small] {
                let mut bytes = Vec::new();
                write(&mut bytes, &values);
                let mut reader = Reader(&bytes);
                prop_assert_eq!(read(&mut reader, values.len()), Ok(values));
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, tag in 0..5_u8) {
            let bytes = [&[tag][..], &bytes].concat();
            read(&mut Reader(&bytes), 100).ok();
        }
    }
}
