//! The files of a checkout with their text, so that every rule is a pure function of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::shell::read;

/// Files by their path from the root, with `/` between the parts.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, String>,
    /// Texts that name this machine and so must not be in any file.
    pub(super) machine_paths: Vec<String>,
}

impl Tree {
    /// Reads what git tracks, and what it does not track and does not ignore.
    pub(super) fn of_checkout(root: &Path) -> Result<Self> {
        let listed = read(Command::new("git").arg("-C").arg(root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let mut tree = Self::default();
        for path in String::from_utf8_lossy(&listed).split_terminator('\0') {
            // A file that was deleted but not yet committed is still listed.
            if let Ok(bytes) = fs::read(root.join(path)) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                tree.files.insert(path.to_owned(), text);
            }
        }
        tree.machine_paths.push(format!("{}/", root.display()));
        if let Some(home) = std::env::var_os("HOME") {
            let cargo_home = Path::new(&home).join(".cargo");
            tree.machine_paths.push(cargo_home.display().to_string());
        }
        Ok(tree)
    }

    /// A tree for a test of a rule.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        for (path, text) in files {
            tree.files.insert((*path).to_owned(), (*text).to_owned());
        }
        tree
    }

    /// All files: path and text.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The Rust files: path and text.
    pub(super) fn rust_files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// Tells whether there is a file, or a directory with a file in it.
    pub(super) fn has(&self, path: &str) -> bool {
        let directory = format!("{path}/");
        self.files.contains_key(path)
            || self
                .files
                .range(directory.clone()..)
                .next()
                .is_some_and(|(path, _)| path.starts_with(&directory))
    }
}

/// Checks a rule: `tree` has exactly the faults `expected`, each as `path:line: what` up to the length given.
#[cfg(test)]
#[track_caller]
pub(super) fn check(rule: fn(&Tree) -> Vec<super::Fault>, tree: &Tree, expected: &[&str]) {
    let faults: Vec<String> = rule(tree).iter().map(ToString::to_string).collect();
    let agree = faults.len() == expected.len()
        && faults
            .iter()
            .zip(expected)
            .all(|(fault, expected)| fault.starts_with(expected));
    assert!(agree, "faults: {faults:#?}\nexpected: {expected:#?}");
}
