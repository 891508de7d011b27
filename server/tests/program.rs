//! The program as its operator meets it: what it prints, how it ends, and with which code.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, its helpers too"
)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A started program, killed at the latest when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pilotfish-server"));
    command
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn serve(directory: &Path) -> Command {
    let mut command = program();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(directory.join("data"));
    command
}

/// Starts the program and reads its standard output up to the line that tells the address.
fn start(command: &mut Command) -> (Running, Vec<String>) {
    let mut running = Running(command.spawn().unwrap());
    let mut lines = Vec::new();
    for line in BufReader::new(running.0.stdout.take().unwrap()).lines() {
        lines.push(line.unwrap());
        if lines
            .last()
            .is_some_and(|line| line.starts_with("listening on "))
        {
            return (running, lines);
        }
    }
    let mut log = String::new();
    running
        .0
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut log)
        .unwrap();
    panic!("it ended before it listened: {lines:?} {log}");
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test outside the program measures it"
)]
fn stop(mut running: Running, signal: Signal) -> (Option<i32>, Duration) {
    let pid = Pid::from_child(&running.0);
    let began = Instant::now();
    kill_process(pid, signal).unwrap();
    (running.0.wait().unwrap().code(), began.elapsed())
}

#[track_caller]
fn check_ends(output: &Output, code: i32, says: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for words in says {
        assert!(said.contains(words), "{words} in {said}");
    }
}

#[test]
fn help_and_version_are_printed() {
    let output = program().arg("--version").output().unwrap();
    let version = format!("pilotfish-server {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(
        (output.status.code(), output.stdout),
        (Some(0), version.into_bytes())
    );
    let output = program().arg("--help").output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("--listen"));
}

#[test]
fn wrong_usage_ends_with_64() {
    check_ends(&program().output().unwrap(), 64, &["no command"]);
    check_ends(
        &program().args(["serve", "--port", "1"]).output().unwrap(),
        64,
        &["'--port'"],
    );
}

#[test]
fn wrong_configuration_ends_with_78_and_all_its_faults() {
    let output = program()
        .args([
            "serve",
            "--listen",
            "here",
            "--tls-key",
            "k",
            "--data",
            "/nowhere",
        ])
        .env("LOG_LEVEL", "loud")
        .env("PILOTFISH_ADMIN_PASSWORD_FILE", "/nowhere/password")
        .output()
        .unwrap();
    let faults = [
        "--listen \"here\"",
        "--tls-key",
        "LOG_LEVEL=\"loud\"",
        "/nowhere/password",
    ];
    check_ends(&output, 78, &faults);
}

#[test]
fn a_generated_password_is_printed_on_the_first_start_alone() {
    let directory = TempDir::new().unwrap();
    let (running, lines) = start(&mut serve(directory.path()));
    let password = lines
        .iter()
        .find_map(|line| line.trim().strip_prefix("password: "))
        .unwrap();
    assert!(password.trim().len() >= 20, "{password}");
    assert_eq!(stop(running, Signal::TERM).0, Some(0));
    let (_running, lines) = start(&mut serve(directory.path()));
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn a_password_from_a_file_is_not_printed() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, "correct horse\n").unwrap();
    let mut command = serve(directory.path());
    let (running, lines) = start(command.env("PILOTFISH_ADMIN_PASSWORD_FILE", &file));
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("listening on http://127.0.0.1:"));
    drop(running);
}

#[test]
fn a_bad_password_file_leaves_no_store() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, "short\n").unwrap();
    let mut command = serve(directory.path());
    let output = command
        .env("PILOTFISH_ADMIN_PASSWORD_FILE", &file)
        .output()
        .unwrap();
    check_ends(
        &output,
        78,
        &["PILOTFISH_ADMIN_PASSWORD_FILE", "shorter than 8"],
    );
    assert!(!directory.path().join("data").exists());
}

#[test]
fn either_signal_ends_it_with_0_within_two_seconds_also_with_a_connection_open() {
    for signal in [Signal::TERM, Signal::INT] {
        let directory = TempDir::new().unwrap();
        let (running, lines) = start(&mut serve(directory.path()));
        let (_, address) = lines.last().unwrap().split_once("http://").unwrap();
        let _held = std::net::TcpStream::connect(address).unwrap();
        let (code, took) = stop(running, signal);
        assert_eq!(code, Some(0));
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
}

#[test]
fn a_second_server_on_the_same_data_says_so() {
    let directory = TempDir::new().unwrap();
    let (_running, _) = start(&mut serve(directory.path()));
    let output = serve(directory.path()).output().unwrap();
    check_ends(&output, 1, &["in use by another process"]);
}

#[test]
fn a_port_in_use_leaves_no_store() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = TempDir::new().unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = program()
        .args(["serve", "--listen", &address, "--data"])
        .arg(directory.path().join("data"))
        .output()
        .unwrap();
    check_ends(&output, 1, &["cannot listen on", &address]);
    assert!(!directory.path().join("data").exists());
}

#[test]
fn plain_http_for_everyone_warns() {
    let directory = TempDir::new().unwrap();
    let mut command = serve(directory.path());
    let (mut running, _) = start(command.args(["--listen", "0.0.0.0:0"]));
    let mut log = BufReader::new(running.0.stderr.take().unwrap()).lines();
    assert!(log.any(|line| line.unwrap().contains("WARN  PLAIN HTTP on 0.0.0.0:")));
}
