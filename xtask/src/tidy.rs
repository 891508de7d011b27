//! `cargo xtask tidy`: the agreements that neither compiler nor clippy keeps. All faults are collected, then it fails.

mod dependencies;
mod layout;
mod links;
mod purity;
mod rust;
mod tree;
mod words;

use std::fmt;

use anyhow::{Result, bail};
use lexopt::Parser;

use crate::shell::{cargo, read, root};
use tree::Tree;

/// One broken agreement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    path: String,
    /// Counted from 1; 0 when it is the file as a whole.
    line: usize,
    what: String,
}

impl Fault {
    fn of_file(path: &str, what: impl Into<String>) -> Self {
        Self::at(path, 0, what)
    }

    fn at(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            what: what.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.what),
            line => write!(f, "{}:{line}: {}", self.path, self.what),
        }
    }
}

const RULES: &[fn(&Tree) -> Vec<Fault>] = &[
    layout::root_faults,
    layout::name_faults,
    rust::header_faults,
    rust::length_faults,
    purity::faults,
    words::faults,
    links::faults,
];

pub(crate) fn run(mut parser: Parser) -> Result<()> {
    if let Some(argument) = parser.next()? {
        return Err(argument.unexpected().into());
    }
    check()
}

/// Prints every fault of this checkout and fails when there is one.
pub(crate) fn check() -> Result<()> {
    let tree = Tree::of_checkout(&root())?;
    let mut faults: Vec<Fault> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for rule in dependencies::RULES {
        let printed = read(cargo().args(dependencies::arguments(rule)))?;
        faults.extend(dependencies::faults(
            rule,
            &String::from_utf8_lossy(&printed),
        ));
    }
    faults.sort();
    for fault in &faults {
        println!("{fault}");
    }
    match faults.len() {
        0 => {
            println!("tidy: {} files, no fault", tree.files().count());
            Ok(())
        }
        count => bail!("tidy: {count} faults"),
    }
}
