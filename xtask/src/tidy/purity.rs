//! A file that begins with `//! Pure:` does no input or output, reads no clock and awaits nothing.

use super::Fault;
use super::rust::{before_tests, is_tests};
use super::tree::Tree;

/// Paths that a pure file must not name, alone or followed by `::`.
const IMPURE_PATHS: &[&str] = &[
    "async_channel",
    "async_executor",
    "async_io",
    "async_signal",
    "async_tungstenite",
    "blocking",
    "futures_lite",
    "futures_rustls",
    "rustix",
    "smol",
    "smol_hyper",
    "std::env",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "tokio",
    "ureq",
];

/// What of an impure path is only a value after all.
const VALUES: &[&str] = &[
    "std::env::consts",
    "std::net::AddrParseError",
    "std::net::IpAddr",
    "std::net::Ipv4Addr",
    "std::net::Ipv6Addr",
    "std::net::SocketAddr",
    "std::process::ExitCode",
];

/// What a pure file must not say.
const IMPURE_WORDS: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "async fn",
    "async move",
    "async {",
    ".await",
];

pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    tree.rust_files()
        .filter(|(path, text)| text.starts_with("//! Pure:") && !is_tests(path))
        .flat_map(|(path, text)| file_faults(path, before_tests(text)))
        .collect()
}

fn file_faults(path: &str, text: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    // A use statement can span lines: its text so far and the line it began on.
    let mut statement: Option<(String, usize)> = None;
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default().trim();
        let begins = ["use ", "pub use ", "pub(crate) use ", "pub(super) use "]
            .iter()
            .find_map(|prefix| code.strip_prefix(prefix));
        if let Some(rest) = begins {
            statement = Some((rest.to_owned(), index + 1));
        } else if let Some((text, _)) = &mut statement {
            text.push_str(code);
        } else {
            let words = IMPURE_WORDS.iter().filter(|word| code.contains(**word));
            let paths = IMPURE_PATHS.iter().filter(|path| names(code, path));
            faults.extend(
                words
                    .chain(paths)
                    .map(|found| Fault::at(path, index + 1, format!("pure, but has `{found}`"))),
            );
        }
        if let Some((text, line)) = statement.take_if(|(text, _)| text.ends_with(';')) {
            let mut used = Vec::new();
            flatten("", text.trim_end_matches(';'), &mut used);
            faults.extend(
                used.iter()
                    .filter(|used| is_impure(used))
                    .map(|used| Fault::at(path, line, format!("pure, but uses `{used}`"))),
            );
        }
    }
    faults
}

/// Takes `a::{b, c::{d, e}}` apart into `a::b`, `a::c::d`, `a::c::e`.
fn flatten(prefix: &str, text: &str, used: &mut Vec<String>) {
    let mut depth = 0;
    let mut begin = 0;
    let mut parts = Vec::new();
    for (index, letter) in text.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[begin..index]);
                begin = index + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    for part in parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        match part.split_once('{') {
            Some((head, rest)) => {
                let inner = rest.strip_suffix('}').unwrap_or(rest);
                flatten(&format!("{prefix}{}", head.trim()), inner, used);
            }
            None => {
                let path = part.split(" as ").next().unwrap_or(part);
                used.push(format!("{prefix}{path}"));
            }
        }
    }
}

fn is_impure(used: &str) -> bool {
    let is_below = |path: &&str| used == *path || used.starts_with(&format!("{path}::"));
    IMPURE_PATHS.iter().any(is_below) && !VALUES.iter().any(is_below)
        || used.starts_with("std::time::SystemTime")
}

/// Tells whether code names `path::…` in the middle of a line.
fn names(code: &str, path: &str) -> bool {
    let wanted = format!("{path}::");
    code.match_indices(&wanted).any(|(index, _)| {
        let before = code[..index].chars().next_back();
        let is_whole =
            before.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_' && letter != ':');
        is_whole && !VALUES.iter().any(|value| code[index..].starts_with(value))
    })
}

#[cfg(test)]
mod tests {
    use super::super::tree::check;
    use super::*;

    #[track_caller]
    fn check_code(code: &str, expected: &[&str]) {
        let text = format!("//! Pure: a test.\n{code}");
        check(faults, &Tree::of(&[("a/x.rs", &text)]), expected);
    }

    #[test]
    fn values_and_time_as_an_argument_are_pure() {
        check_code(
            "use std::collections::BTreeMap;\nuse std::net::IpAddr;\nuse std::time::{Duration, Instant};\n\
             fn f(now: Instant) -> std::net::IpAddr { blocking_is_a_name() }\n// smol::Timer would be wrong\n",
            &[],
        );
    }

    #[test]
    fn imports_are_seen_through_groups_and_lines() {
        check_code(
            "use smol::Timer;\n",
            &["a/x.rs:2: pure, but uses `smol::Timer`"],
        );
        check_code(
            "use std::{fmt, fs};\n",
            &["a/x.rs:2: pure, but uses `std::fs`"],
        );
        check_code(
            "use std::{\n    net::{IpAddr, TcpStream},\n    fmt,\n};\n",
            &["a/x.rs:2: pure, but uses `std::net::TcpStream`"],
        );
        check_code(
            "use std::time::SystemTime;\n",
            &["a/x.rs:2: pure, but uses"],
        );
        check_code(
            "pub(crate) use std::env as e;\n",
            &["a/x.rs:2: pure, but uses `std::env`"],
        );
    }

    #[test]
    fn clocks_awaiting_and_whole_paths_are_seen_in_code() {
        check_code(
            "let a = Instant::now();\n",
            &["a/x.rs:2: pure, but has `Instant::now`"],
        );
        check_code("async fn f() {}\n", &["a/x.rs:2: pure, but has `async fn`"]);
        check_code("x.await;\n", &["a/x.rs:2: pure, but has `.await`"]);
        check_code(
            "let x = std::fs::read(a);\n",
            &["a/x.rs:2: pure, but has `std::fs`"],
        );
    }

    #[test]
    fn tests_and_files_that_do_not_claim_purity_are_free() {
        check_code("#[cfg(test)]\nmod tests { use std::fs; }\n", &[]);
        check(
            faults,
            &Tree::of(&[("a/x.rs", "//! A shell.\nuse std::fs;\n")]),
            &[],
        );
        check(
            faults,
            &Tree::of(&[("a/x/tests.rs", "//! Pure: no.\nuse std::fs;\n")]),
            &[],
        );
    }
}
