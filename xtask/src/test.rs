//! `cargo xtask test`: every test there is, or with `--no-engine` those that need neither Engine nor browser.
//!
//! Tests that start real programs are integration tests (below some `tests/`); unit tests start nothing. A missing
//! Engine or browser is a failure, never a silent skip.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;
use lexopt::{Arg, Parser, ValueExt as _};

use crate::shell::{self, cargo, program, root};

const PAGE_TESTS: &str = "server/tests/page";

pub(crate) fn run(mut parser: Parser) -> Result<()> {
    let mut engine = true;
    let mut filter = None;
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("no-engine") => engine = false,
            Arg::Value(value) if filter.is_none() => filter = Some(value.string()?),
            Arg::Value(_) | Arg::Long(_) | Arg::Short(_) => {
                return Err(argument.unexpected().into());
            }
        }
    }
    run_tests(engine, filter.as_deref())
}

pub(crate) fn run_tests(engine: bool, filter: Option<&str>) -> Result<()> {
    // Building the integration tests of a package builds its programs too, so the lab finds fresh ones.
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    if !engine {
        command.args(["--lib", "--bins"]);
    }
    command.args(filter);
    let tested = shell::run(&mut command);
    let page_tested = if filter.is_none() {
        test_page()
    } else {
        Ok(())
    };
    if !engine {
        println!(
            "left out by --no-engine: every test with a real Engine, server, agent or browser \
             (agent/tests, server/tests, xtask/lab/tests)"
        );
    }
    tested.and(page_tested)
}

fn test_page() -> Result<()> {
    let Ok(listed) = fs::read_dir(root().join(PAGE_TESTS)) else {
        return Ok(());
    };
    if !shell::exists("node") {
        println!("left out: {PAGE_TESTS}, because there is no node (apt-get install -y nodejs)");
        return Ok(());
    }
    // Named one by one: versions of node differ in what a directory means.
    let mut files: Vec<PathBuf> = listed
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"))
        .collect();
    files.sort();
    let mut node = program("node");
    node.args(["--test", "--test-reporter=spec"]).args(files);
    shell::run(&mut node)
}
