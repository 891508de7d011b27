//! Every Rust file says in its first line what it is about, and has the length of one subject.

use super::Fault;
use super::tree::Tree;

/// Lines before the tests of a file.
const LONGEST_FILE: usize = 400;
/// Lines of a file of tests.
const LONGEST_TESTS: usize = 600;
/// Lines of a script or style sheet of the page.
const LONGEST_WEB: usize = 400;

/// The line that begins the tests inside a file.
const TESTS: &str = "#[cfg(test)]";

pub(super) fn header_faults(tree: &Tree) -> Vec<Fault> {
    tree.rust_files()
        .filter(|(_, text)| {
            let header = text.lines().next().unwrap_or_default();
            header
                .strip_prefix("//! ")
                .is_none_or(|words| words.trim().is_empty())
        })
        .map(|(path, _)| Fault::at(path, 1, "begin with `//!` and what the file is about"))
        .collect()
}

pub(super) fn length_faults(tree: &Tree) -> Vec<Fault> {
    tree.files()
        .filter_map(|(path, text)| {
            let (lines, limit) = length(path, text)?;
            (lines > limit).then(|| {
                Fault::of_file(
                    path,
                    format!("{lines} lines, at most {limit}: split by concept"),
                )
            })
        })
        .collect()
}

/// The lines of a file that count, and how many there may be; `None` when any number may.
fn length(path: &str, text: &str) -> Option<(usize, usize)> {
    if path.ends_with(".rs") {
        if is_tests(path) {
            return Some((text.lines().count(), LONGEST_TESTS));
        }
        return Some((before_tests(text).lines().count(), LONGEST_FILE));
    }
    let is_page = path.starts_with("server/web/") && !path.contains("/vendor/");
    if is_page && (path.ends_with(".js") || path.ends_with(".css")) {
        return Some((text.lines().count(), LONGEST_WEB));
    }
    None
}

/// Tells whether the whole file is tests.
pub(super) fn is_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The text before the file's own tests.
pub(super) fn before_tests(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with(TESTS) {
            break;
        }
        end += line.len();
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::super::tree::check;
    use super::*;

    #[test]
    fn wants_a_header_with_words() {
        let tree = Tree::of(&[
            ("a/good.rs", "//! What it is.\n"),
            ("a/none.rs", "use std::fmt;\n"),
            ("a/empty.rs", ""),
            ("a/wordless.rs", "//! \n"),
            ("a/notes.md", "x"),
        ]);
        check(
            header_faults,
            &tree,
            &["a/empty.rs:1:", "a/none.rs:1:", "a/wordless.rs:1:"],
        );
    }

    #[test]
    fn counts_the_lines_before_the_tests_only() {
        let limit = "x\n".repeat(LONGEST_FILE);
        let tested = format!("{limit}{TESTS}\nmod tests {{\n{limit}}}\n");
        let over = format!("{limit}x\n");
        let tree = Tree::of(&[("a/ok.rs", &tested), ("a/over.rs", &over)]);
        check(length_faults, &tree, &["a/over.rs: 401 lines, at most 400"]);
    }

    #[test]
    fn allows_tests_more_and_the_page_as_much() {
        let tests = "x\n".repeat(LONGEST_TESTS);
        let long = "x\n".repeat(LONGEST_TESTS + 1);
        let tree = Tree::of(&[
            ("a/foo/tests.rs", &tests),
            ("a/tests/e2e/long.rs", &long),
            ("docs/long.md", &long),
            ("server/web/app.js", &long),
            ("server/web/vendor/chart.js", &long),
        ]);
        check(
            length_faults,
            &tree,
            &[
                "a/tests/e2e/long.rs: 601 lines",
                "server/web/app.js: 601 lines",
            ],
        );
    }
}
