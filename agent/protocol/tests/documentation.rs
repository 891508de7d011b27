//! `docs/protocol.md` shows what is on the wire, byte for byte.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::fs;
use std::path::{Path, PathBuf};

use pilotfish_protocol::extension::RunId;
use pilotfish_protocol::spool::{BATCH_BYTES, BatchEncoder, Entry, Lost, Segment, put_frame};

#[test]
fn every_message_of_the_extension_is_shown_as_its_golden_file() {
    let page = page();
    for side in ["agent", "server"] {
        for file in fs::read_dir(golden("extension").join(side)).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let is_shown = !name.contains("lenient") && !name.contains("least");
            let text = fs::read_to_string(&path).unwrap();
            assert!(!is_shown || page.contains(&indented(&text)), "{name}");
        }
    }
}

#[test]
fn the_example_frames_are_the_golden_ones() {
    let page = page();
    for name in ["1_keyframe", "2_changed", "3_as_before"] {
        let text = fs::read_to_string(golden("frames").join(format!("{name}.txt"))).unwrap();
        assert!(page.contains(&indented(&text)), "{name}");
    }
}

#[test]
fn the_example_batch_is_what_is_written() {
    let mut frames = Vec::new();
    put_frame(&mut frames, &[1, 0]);
    put_frame(&mut frames, &[1, 0, 5]);
    let entries = [
        (
            7,
            Entry::Segment(Segment {
                from_ms: 1000,
                until_ms: 11_000,
                frames: &frames,
            }),
        ),
        (8, Entry::Event("{}")),
        (
            300,
            Entry::Lost(Lost {
                ticks: 300,
                events: 2,
            }),
        ),
    ];
    let mut batch = BatchEncoder::new(RunId(0x0123_4567_89ab_cdef), 5, BATCH_BYTES);
    for (seq, entry) in &entries {
        assert!(batch.push(*seq, entry));
    }
    let page = page();
    let (_, example) = page
        .split_once("a loss of 300 ticks and 2 events:")
        .unwrap();
    let (example, _) = example.split_once("\n\n**").unwrap();
    let digits = example.split_whitespace();
    let bytes: Vec<u8> = digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect();
    assert_eq!(bytes, batch.finish().unwrap());
}

#[test]
fn the_layouts_are_those_beside_the_code() {
    let page = page();
    for file in ["src/frame.rs", "src/spool.rs"] {
        let code = fs::read_to_string(of_crate(file)).unwrap();
        let layout = code.split("//! ```text\n").nth(1).unwrap();
        let layout = layout.split("//! ```").next().unwrap();
        for line in layout.lines() {
            let line = line.strip_prefix("//! ").unwrap().replace('`', "");
            assert!(page.contains(&line), "{file}: {line}");
        }
    }
}

/// As a block of the page.
fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| format!("    {line}\n"));
    lines.collect()
}

fn page() -> String {
    fs::read_to_string(of_crate("../../docs/protocol.md")).unwrap()
}

fn golden(folder: &str) -> PathBuf {
    of_crate("tests/golden").join(folder)
}

fn of_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
