//! `cargo xtask demo` from its first line to the moment when nothing of it is left.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::program::{self, Program};
use pilotfish_lab::{Scratch, until};
use rustix::process::Signal;

const DEADLINE: Duration = Duration::from_secs(60);

/// Starts the demo with the programs that are built, in a directory of its own.
fn start(scratch: &Scratch, arguments: &[&str]) -> Result<Program> {
    let server = program::find("pilotfish-server")?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command
        .arg("demo")
        .args(arguments)
        .env(
            "PILOTFISH_BIN_DIR",
            server.parent().context("no directory")?,
        )
        .env("CARGO_TARGET_DIR", scratch.path());
    Program::start("demo", scratch, &mut command)
}

fn value_of(output: &str, name: &str) -> Option<String> {
    let line = output
        .lines()
        .find_map(|line| line.trim().strip_prefix(name))?;
    Some(line.trim().to_owned())
}

/// Processes and mounts that name `directory`.
fn left_behind(directory: &Path) -> Result<Vec<String>> {
    let name = directory.display().to_string();
    let mut found: Vec<String> = fs::read_to_string("/proc/self/mountinfo")?
        .lines()
        .filter(|line| line.contains(&name))
        .map(str::to_owned)
        .collect();
    for process in fs::read_dir("/proc")?.flatten() {
        let command_line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ");
        // The keeper of our own scratch is meant to be there.
        if command_line.contains(&name) && !command_line.starts_with("sh -c") {
            found.push(command_line);
        }
    }
    Ok(found)
}

#[test]
fn shows_this_host_until_ctrl_c_and_leaves_nothing_running() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut demo = start(&scratch, &[])?;
    let shown = until("the demo's last line", DEADLINE, || {
        demo.ensure_runs()?;
        let shown = demo.stdout();
        ensure!(shown.contains("Ctrl-C stops"), "{}", demo.tail());
        Ok(shown)
    })?;
    let host = value_of(&shown, "Host").context("no host")?;
    ensure!(host.contains("containers"), "{shown}");
    for name in ["Engine", "Login", "Password"] {
        ensure!(value_of(&shown, name).is_some(), "no {name}:\n{shown}");
    }
    let page = value_of(&shown, "Page").context("no page")?;
    let address: SocketAddr = page.trim_start_matches("http://").parse()?;
    ensure!(address.ip().is_loopback(), "{page}");
    TcpStream::connect(address)?;
    ensure!(!left_behind(scratch.path())?.is_empty());

    demo.signal(Signal::INT)?;
    let status = demo.wait_exit(DEADLINE)?;
    ensure!(status.success(), "{status}\n{}", demo.tail());
    assert_eq!(left_behind(scratch.path())?, Vec::<String>::new());
    ensure!(TcpStream::connect(address).is_err(), "{page} still answers");
    Ok(())
}

#[test]
fn ends_by_itself_after_the_time_given() -> Result<()> {
    let scratch = Scratch::new()?;
    let mut demo = start(&scratch, &["--for", "1"])?;
    let status = demo.wait_exit(DEADLINE)?;
    ensure!(status.success(), "{status}\n{}", demo.tail());
    ensure!(
        demo.stdout().contains("nothing is left running"),
        "{}",
        demo.tail()
    );
    assert_eq!(left_behind(scratch.path())?, Vec::<String>::new());
    Ok(())
}

#[test]
fn finds_another_port_when_its_own_is_taken() -> Result<()> {
    // The demo of another test may have it until it ends.
    let _own_port = until("the demo's own port", DEADLINE, || {
        Ok(TcpListener::bind("127.0.0.1:8480")?)
    })?;
    let scratch = Scratch::new()?;
    let mut demo = start(&scratch, &["--for", "1"])?;
    let status = demo.wait_exit(DEADLINE)?;
    ensure!(status.success(), "{status}\n{}", demo.tail());
    let page = value_of(&demo.stdout(), "Page").context("no page")?;
    ensure!(!page.ends_with(":8480"), "{page}");
    Ok(())
}
