//! Logs, cut anywhere and damaged in every way.

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1000;

fn message(stream: u8, text: &[u8]) -> Vec<u8> {
    let len = u32::try_from(text.len()).unwrap();
    let mut bytes = vec![stream, 0, 0, 0];
    bytes.extend_from_slice(&len.to_be_bytes());
    bytes.extend_from_slice(text);
    bytes
}

fn read(pieces: &[&[u8]], limit_bytes: usize) -> LogText {
    let mut reader = LogReader::new(limit_bytes);
    for piece in pieces {
        reader.push(piece);
    }
    reader.finish()
}

fn log(text: &str, is_cut: bool) -> LogText {
    let text = text.to_owned();
    LogText { text, is_cut }
}

#[track_caller]
fn check(input: &[u8], limit_bytes: usize, expected: &LogText) {
    assert_eq!(&read(&[input], limit_bytes), expected);
    for split in 0..=input.len() {
        let (a, b) = input.split_at(split);
        assert_eq!(&read(&[a, b], limit_bytes), expected, "split at {split}");
    }
    let bytes: Vec<&[u8]> = input.chunks(1).collect();
    assert_eq!(&read(&bytes, limit_bytes), expected, "byte by byte");
}

#[test]
fn the_streams_stay_in_the_order_in_which_they_were_written() {
    let input = [
        message(1, b"T1 out\n"),
        message(2, b"T2 err\n"),
        message(1, b"T3 out\n"),
    ]
    .concat();
    check(&input, LIMIT, &log("T1 out\nT2 err\nT3 out\n", false));
}

#[test]
fn a_recorded_log_is_read() {
    let lines = "2026-11-23T21:10:04.383214000Z out 1\n2026-11-23T21:10:04.383216705Z out 2\n";
    let input: Vec<u8> = lines
        .split_inclusive('\n')
        .flat_map(|line| message(1, line.as_bytes()))
        .collect();
    check(&input, LIMIT, &log(lines, false));
}

#[test]
fn the_log_of_a_terminal_has_no_headers() {
    let text = "2026-11-23T21:10:04Z hello\r\n2026-11-23T21:10:05Z wörld\r\n";
    check(text.as_bytes(), LIMIT, &log(text, false));
}

#[test]
fn an_unfinished_line_is_ended_before_another_stream_but_not_before_its_own() {
    let prompt = message(1, b"T1 Password: ");
    check(
        &[prompt.clone(), message(2, b"T2 no\n")].concat(),
        LIMIT,
        &log("T1 Password: \nT2 no\n", false),
    );
    check(
        &[prompt, message(1, b"ok\n")].concat(),
        LIMIT,
        &log("T1 Password: ok\n", false),
    );
}

#[test]
fn bytes_that_are_not_text_are_replaced_within_their_message() {
    check(
        &message(1, b"a\xffb\xc3"),
        LIMIT,
        &log("a\u{fffd}b\u{fffd}", false),
    );
    check(
        &[message(1, b"\xc3"), message(1, b"\xbc\n")].concat(),
        LIMIT,
        &log("\u{fffd}\u{fffd}\n", false),
    );
    check(b"2\xe2\x82", LIMIT, &log("2\u{fffd}", false));
    check("2€".as_bytes(), LIMIT, &log("2€", false));
}

#[test]
fn an_empty_log_and_empty_messages_are_nothing() {
    check(b"", LIMIT, &log("", false));
    check(
        &[message(1, b""), message(2, b"x\n"), message(1, b"")].concat(),
        LIMIT,
        &log("x\n", false),
    );
}

#[test]
fn an_answer_that_ends_early_is_cut_at_every_prefix() {
    let input = [message(1, b"one\n"), message(2, b"two\n")].concat();
    for end in 0..=input.len() {
        let is_between_messages = [0, 12, 24].contains(&end);
        assert_eq!(
            read(&[&input[..end]], LIMIT).is_cut,
            !is_between_messages,
            "{end}"
        );
    }
}

#[test]
fn a_damaged_header_ends_the_text() {
    let good = message(1, b"one\n");
    for bad in [
        [4, 0, 0, 0, 0, 0, 0, 1],
        [1, 1, 0, 0, 0, 0, 0, 1],
        [1, 0, 0, 9, 0, 0, 0, 1],
    ] {
        check(
            &[good.clone(), bad.to_vec(), good.clone()].concat(),
            LIMIT,
            &log("one\n", true),
        );
    }
}

#[test]
fn a_huge_length_reserves_nothing() {
    let mut input = vec![1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    input.extend_from_slice(b"x\n");
    check(&input, LIMIT, &log("x\n", true));
}

#[test]
fn at_the_limit_nothing_is_cut_and_above_it_whole_lines_are() {
    let input = [message(1, b"1234\n"), message(2, b"67\n9")].concat();
    check(&input, 9, &log("1234\n67\n9", false));
    check(&input, 8, &log("1234\n67\n", true));
    check(&input, 7, &log("1234\n", true));
    check(&input, 5, &log("1234\n", true));
    check(&input, 4, &log("1234", true));
    check("2ü".as_bytes(), 2, &log("2", true));
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_the_same_text(
        pieces in proptest::collection::vec(proptest::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..20), 0..10),
        limit_bytes in 0..60_usize,
    ) {
        let whole = pieces.concat();
        let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
        let log = read(&pieces, limit_bytes);
        prop_assert!(log.text.len() <= limit_bytes);
        prop_assert_eq!(log, read(&[&whole], limit_bytes));
    }
}
