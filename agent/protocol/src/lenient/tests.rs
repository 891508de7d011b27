//! Fields as foreign senders write them.

use alloc::format;
use alloc::vec;

use super::*;

#[track_caller]
fn check<T: PartialEq + fmt::Debug>(
    read: impl Fn(&mut serde_json::Deserializer<serde_json::de::StrRead<'_>>) -> serde_json::Result<T>,
    rows: &[(&str, T)],
) {
    for (json, expected) in rows {
        let read = read(&mut serde_json::Deserializer::from_str(json));
        assert_eq!(&read.unwrap(), expected, "{json}");
    }
}

#[test]
fn a_count_may_be_a_number_or_text_and_is_unknown_otherwise() {
    check(
        |json| count(json),
        &[
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("12.9", Some(12)),
            ("1e3", Some(1000)),
            ("\" 12 \"", Some(12)),
            ("-1", None),
            ("-0.0", Some(0)),
            ("1e300", None),
            ("18446744073709551616", None),
            ("\"many\"", None),
            ("null", None),
            ("true", None),
            ("[1]", None),
            (r#"{"n":[1,{"m":2}]}"#, None),
        ],
    );
}

#[test]
fn memory_and_cpus_out_of_range_are_unknown() {
    check(
        |json| memory(json),
        &[
            ("0", None),
            ("1", MemoryBytes::new(1)),
            ("1000000000000000", MemoryBytes::new(1_000_000_000_000_000)),
            ("1000000000000001", None),
        ],
    );
    check(
        |json| cpus(json),
        &[
            ("0", None),
            ("\"4\"", CpuCount::new(4)),
            ("10000", CpuCount::new(10_000)),
            ("10001", None),
            ("4294967297", None),
        ],
    );
}

#[test]
fn a_percentage_is_a_number_that_is_not_negative() {
    check(
        |json| percent(json),
        &[
            ("0", Some(Percent::from_tenths(0))),
            ("12.34", Some(Percent::from_tenths(123))),
            ("100", Some(Percent::from_tenths(1000))),
            ("-1", None),
            ("\"12\"", None),
            ("1e300", None),
            ("null", None),
        ],
    );
}

#[test]
fn text_that_is_none_or_of_which_nothing_is_left_is_absent() {
    check(
        |json| text::<_, 8>(json),
        &[
            ("\"pi\"", Some(Text::cut("pi"))),
            (r#""p\u0069""#, Some(Text::cut("pi"))),
            ("\" <> \"", None),
            ("null", None),
            ("7", None),
            ("{}", None),
        ],
    );
}

#[test]
fn addresses_that_are_none_are_left_out_and_too_many_are_cut() {
    let address: IpAddr = "192.0.2.1".parse().unwrap();
    check(
        |json| addresses(json),
        &[
            ("null", vec![]),
            (
                r#"["192.0.2.1"," ::1 "]"#,
                vec![address, "::1".parse().unwrap()],
            ),
            (r#"["eth0",7,null,["192.0.2.2"],"192.0.2.1/24"]"#, vec![]),
        ],
    );
    let many = format!(
        "[{}\"::1\"]",
        "\"192.0.2.1\",".repeat(limits::HOST_ADDRESSES)
    );
    check(
        |json| addresses(json),
        &[(many.as_str(), vec![address; limits::HOST_ADDRESSES])],
    );
}

#[test]
fn a_switch_may_be_a_boolean_or_what_stands_for_one() {
    let is_on = |json| serde_json::from_str::<Scalar<'_>>(json).unwrap().switch();
    for on in ["true", "1", "\"true\"", "\"ON\""] {
        assert_eq!(is_on(on), Some(true), "{on}");
    }
    for off in ["false", "0", "\"False\"", "\"no\""] {
        assert_eq!(is_on(off), Some(false), "{off}");
    }
    for odd in ["2", "1.0", "null", "\"hello\"", "[true]"] {
        assert_eq!(is_on(odd), None, "{odd}");
    }
}

#[test]
fn an_object_is_read_from_an_object_only() {
    #[derive(Deserialize, Debug, PartialEq)]
    struct Pair {
        a: u8,
    }
    assert_eq!(object::<Pair>(" {\"a\":1}").unwrap(), Pair { a: 1 });
    for bad in ["[1]", "", "1", "null", "\u{feff}{\"a\":1}"] {
        assert!(object::<Pair>(bad).is_err(), "{bad}");
    }
}
