//! Stats frames against their golden files, at every prefix, and against a model.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "frames/dump.rs"]
mod dump;
#[path = "frames/model.rs"]
mod model;
#[path = "frames/series.rs"]
mod series;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pilotfish_protocol::frame::{Decoder, FrameError};

#[test]
fn the_golden_series_is_written_as_its_files_say() {
    let mut dump = dump::Dump::default();
    for (name, frame) in series::frames() {
        let text = fs::read_to_string(golden().join(format!("{name}.txt"))).unwrap();
        assert_eq!(bytes(&text), frame, "{name}");
        assert_eq!(dump.frame(&bytes(&text)), text, "{name}");
    }
    let files = fs::read_dir(golden()).unwrap();
    let files: BTreeSet<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let rows = series::frames();
    assert_eq!(
        files,
        rows.iter().map(|(name, _)| format!("{name}.txt")).collect()
    );
}

#[test]
fn the_golden_series_is_read_as_what_was_measured() {
    let mut decoder = Decoder::new();
    for (step, (name, frame)) in series::steps().iter().zip(series::frames()) {
        let decoded = decoder.decode(&frame).unwrap();
        assert_eq!(decoded.at_ms, step.at_ms, "{name}");
        assert_eq!(decoded.is_keyframe, step.is_keyframe, "{name}");
        let slots: Vec<_> = decoder
            .slots()
            .map(|(slot, live)| (slot, live.subject.clone(), live.reading))
            .collect();
        assert_eq!(slots, step.slots, "{name}");
    }
}

#[test]
fn every_prefix_of_a_frame_is_an_error_or_a_frame_with_fewer_records() {
    let series = series::frames();
    for (place, (name, frame)) in series.iter().enumerate() {
        let after = |end: usize| {
            let mut decoder = Decoder::new();
            for (_, earlier) in &series[..place] {
                decoder.decode(earlier).unwrap();
            }
            let decoded = decoder.decode(&frame[..end]);
            (decoded, decoder)
        };
        let told = after(frame.len()).1.touched().len();
        for end in 0..frame.len() {
            let (decoded, mut decoder) = after(end);
            let Err(error) = decoded else {
                assert!(decoder.touched().len() < told, "{name} {end}");
                continue;
            };
            let is_expected = match end {
                0..2 => error == FrameError::NotAFrame,
                _ => error == FrameError::CutShort,
            };
            assert!(is_expected, "{name} {end}: {error}");
            // Whatever comes next does not count, unless it begins anew.
            if let Some((_, next)) = series.get(place + 1) {
                let is_keyframe = next[1] & 1 == 1;
                assert_eq!(decoder.decode(next).is_ok(), is_keyframe, "{name} {end}");
            }
        }
    }
}

#[test]
fn the_golden_series_seeds_the_fuzzer() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/decode_frames");
    let seeds: Vec<Vec<u8>> = fs::read_dir(corpus)
        .unwrap()
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect();
    let mut all = Vec::new();
    for (_, frame) in series::frames() {
        pilotfish_protocol::spool::put_frame(&mut all, &frame);
    }
    assert!(seeds.contains(&all), "no seed is the whole series");
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/frames")
}

/// The bytes in the left column of a dump.
fn bytes(text: &str) -> Vec<u8> {
    let columns = text.lines().map(|line| line.split("  ").next().unwrap());
    let digits = columns.flat_map(str::split_whitespace);
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}
