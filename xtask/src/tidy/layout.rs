//! What may be at the root, and what no file may be called.

use std::collections::BTreeSet;

use super::Fault;
use super::tree::Tree;

/// What must be at the root.
const REQUIRED: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "README.md",
    "agent",
    "benches",
    "cross",
    "docs",
    "server",
    "systemd",
    "xtask",
];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "common",
    "helper",
    "helpers",
    "misc",
    "util",
    "utilities",
    "utils",
];

pub(super) fn root_faults(tree: &Tree) -> Vec<Fault> {
    let present: BTreeSet<&str> = tree
        .files()
        .map(|(path, _)| path.split('/').next().unwrap_or(path))
        .collect();
    let missing = REQUIRED
        .iter()
        .filter(|name| !present.contains(*name))
        .map(|name| Fault::of_file(name, "is missing at the root"));
    let foreign = present
        .iter()
        .filter(|name| {
            !REQUIRED.contains(name) && !name.starts_with('.') && !name.starts_with("LICENSE-")
        })
        .map(|name| Fault::of_file(name, "does not belong at the root"));
    missing.chain(foreign).collect()
}

pub(super) fn name_faults(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, _) in tree.files().filter(|(path, _)| !path.starts_with("xtask/")) {
        let empty = path.split('/').find(|part| {
            let stem = part.split('.').next().unwrap_or(part);
            EMPTY_NAMES.contains(&stem)
        });
        if let Some(empty) = empty {
            faults.push(Fault::of_file(
                path,
                format!("{empty} says nothing: name the subject"),
            ));
        }
    }
    for (path, _) in tree.rust_files() {
        if path.ends_with("/mod.rs") {
            faults.push(Fault::of_file(path, "a module is `foo.rs` beside `foo/`"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::tree::check;
    use super::*;

    fn whole_tree(more: &[&str]) -> Tree {
        let mut files = vec![
            ("Cargo.lock", ""),
            ("Cargo.toml", ""),
            ("README.md", ""),
            ("agent/a", ""),
            ("benches/b", ""),
            ("cross/c", ""),
            ("docs/d", ""),
            ("server/s", ""),
            ("systemd/s", ""),
            ("xtask/x", ""),
            (".ci/run", ""),
            ("LICENSE-MIT", ""),
        ];
        files.extend(more.iter().map(|path| (*path, "")));
        Tree::of(&files)
    }

    #[test]
    fn the_agreed_root_has_no_fault() {
        check(root_faults, &whole_tree(&[]), &[]);
    }

    #[test]
    fn names_what_is_foreign_and_what_is_missing_at_the_root() {
        let foreign = whole_tree(&["notes.txt", "scripts/x"]);
        check(
            root_faults,
            &foreign,
            &["notes.txt: does not", "scripts: does not"],
        );
        let bare = Tree::of(&[("Cargo.toml", "")]);
        assert_eq!(root_faults(&bare).len(), REQUIRED.len() - 1);
    }

    #[test]
    fn refuses_names_that_say_nothing_outside_xtask() {
        let tree = Tree::of(&[
            ("agent/src/utils.rs", ""),
            ("server/src/common/x.rs", ""),
            ("xtask/src/helper.rs", ""),
            ("agent/src/utility_meter.rs", ""),
        ]);
        check(
            name_faults,
            &tree,
            &[
                "agent/src/utils.rs: utils.rs",
                "server/src/common/x.rs: common",
            ],
        );
    }

    #[test]
    fn refuses_mod_rs() {
        check(
            name_faults,
            &Tree::of(&[("agent/src/a/mod.rs", "")]),
            &["agent/src/a/mod.rs: a module"],
        );
    }
}
