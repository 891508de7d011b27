//! Words that no file may contain: unfinished work, tests that do not run, and paths of the machine it was written on.

use super::Fault;
use super::tree::Tree;

// Each is written so that this file does not contain it.
const UNFINISHED: &[&str] = &[concat!("todo", "!("), concat!("unimpl", "emented!(")];
const IGNORED: &str = concat!("#[", "ignore");
const SHOULD_PANIC: &str = concat!("#[", "should_panic");
const ALLOW: &[&str] = &[concat!("#[", "allow("), concat!("#![", "allow(")];
const OUTSIDE: &[&str] = &[concat!("..", "/shared"), concat!("shared", "/design")];

pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.files() {
        for (index, line) in text.lines().enumerate() {
            let mut fault = |what: String| faults.push(Fault::at(path, index + 1, what));
            if path.ends_with(".rs") {
                if let Some(word) = UNFINISHED.iter().find(|word| line.contains(**word)) {
                    fault(format!("`{word}…)`: finish it"));
                }
                if line.contains(IGNORED) {
                    fault("a test that does not run is no test".to_owned());
                }
                if line.contains(SHOULD_PANIC) {
                    fault("expect an error value, not a panic".to_owned());
                }
                if ALLOW.iter().any(|word| line.trim_start().starts_with(word)) {
                    fault("`#[expect(…, reason = …)]` instead of `allow`".to_owned());
                }
            }
            let machine = tree.machine_paths.iter().map(String::as_str);
            if let Some(word) = machine
                .chain(OUTSIDE.iter().copied())
                .find(|word| line.contains(word))
            {
                fault(format!("`{word}` is a path of one machine"));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::tree::check;
    use super::*;

    #[track_caller]
    fn check_line(line: &str, expected: &[&str]) {
        check(faults, &Tree::of(&[("a/x.rs", line)]), expected);
    }

    #[test]
    fn unfinished_work_and_idle_tests_are_seen() {
        for word in UNFINISHED {
            check_line(&format!("{word})"), &["a/x.rs:1: `"]);
        }
        check_line(&format!("{IGNORED}]"), &["a/x.rs:1: a test"]);
        check_line(&format!("{SHOULD_PANIC}]"), &["a/x.rs:1: expect an error"]);
        check_line("fn a() {}\n// ignore and todo are words too\n", &[]);
    }

    #[test]
    fn an_allow_is_seen_and_an_expect_is_welcome() {
        for word in ALLOW {
            check_line(&format!("    {word}dead_code)]"), &["a/x.rs:1: `#[expect"]);
        }
        check_line("#[expect(dead_code, reason = \"x\")]", &[]);
    }

    #[test]
    fn paths_of_a_machine_are_seen_in_any_file() {
        let mut tree = Tree::of(&[
            ("docs/a.md", "see /home/me/pilotfish/x\n"),
            ("README.md", OUTSIDE[0]),
        ]);
        tree.machine_paths.push("/home/me/pilotfish/".to_owned());
        check(
            faults,
            &tree,
            &["README.md:1:", "docs/a.md:1: `/home/me/pilotfish/`"],
        );
    }
}
