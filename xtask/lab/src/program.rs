//! One program that the lab started: where its binary is, its output in files, its signals, its end.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::Scratch;
use crate::wait::{Hopeless, until};

const TAIL_LINES: usize = 40;
const KILL_DEADLINE: Duration = Duration::from_secs(10);

/// Finds one of the workspace's own programs beside the running executable, or in `PILOTFISH_BIN_DIR`.
///
/// # Errors
///
/// It has not been built; the message says how.
pub fn find(name: &str) -> Result<PathBuf> {
    let found = match std::env::var_os("PILOTFISH_BIN_DIR") {
        Some(directory) => PathBuf::from(directory).join(name),
        None => {
            let own = std::env::current_exe().context("cannot tell where this test runs")?;
            // A test runs in target/PROFILE/deps, a chore in target/PROFILE.
            own.ancestors()
                .skip(1)
                .take(2)
                .map(|directory| directory.join(name))
                .find(|path| path.is_file())
                .unwrap_or_else(|| own.with_file_name(name))
        }
    };
    ensure!(
        found.is_file(),
        "{} is not built: run `cargo xtask test`, which builds what the tests start",
        found.display()
    );
    Ok(found)
}

/// A running program with its output in two files.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    ended: Option<ExitStatus>,
}

impl Program {
    /// Starts `command` under the keeper of `scratch`; output is appended to `NAME.out` and `NAME.err` there.
    ///
    /// # Errors
    ///
    /// The program is missing or the files could not be made.
    pub fn start(name: &'static str, scratch: &Scratch, command: &mut Command) -> Result<Self> {
        let stdout = scratch.path().join(format!("{name}.out"));
        let stderr = scratch.path().join(format!("{name}.err"));
        let child = scratch
            .mark(command)
            // A Ctrl-C is for whoever holds the lab, who then ends this in order.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(append(&stdout)?)
            .stderr(append(&stderr)?)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        Ok(Self {
            name,
            child,
            stdout,
            stderr,
            ended: None,
        })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that was written to standard output so far.
    pub fn stdout(&self) -> String {
        read(&self.stdout)
    }

    /// All that was written to standard error so far.
    pub fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// The last lines of both outputs, for a message about a failure.
    pub fn tail(&self) -> String {
        self.tail_where(|_| true)
    }

    /// As [`Program::tail`], of the lines that are wanted.
    pub fn tail_where(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let mut text = format!("--- {} ", self.name);
        if let Some(status) = self.ended {
            text.push_str(&format!("({status}) "));
        }
        text.push_str("---\n");
        for output in [self.stdout(), self.stderr()] {
            let lines: Vec<&str> = output.lines().filter(|line| is_wanted(line)).collect();
            for line in &lines[lines.len().saturating_sub(TAIL_LINES)..] {
                text.push_str(line);
                text.push('\n');
            }
        }
        text
    }

    /// Sends a signal; a program that has already ended does not get it.
    ///
    /// # Errors
    ///
    /// The kernel refused.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        if self.ended.is_some() {
            return Ok(());
        }
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot send {signal:?} to {}", self.name))
    }

    /// Tells whether and how the program has ended.
    ///
    /// # Errors
    ///
    /// The kernel does not know the child.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait()?;
        }
        Ok(self.ended)
    }

    /// Fails, with the end of its output, when the program has ended.
    ///
    /// # Errors
    ///
    /// [`Hopeless`]: the program has ended.
    pub fn ensure_runs(&mut self) -> Result<()> {
        if let Some(status) = self.ended()? {
            let why = format!("{} ended: {status}\n{}", self.name, self.tail());
            return Err(Hopeless(why).into());
        }
        Ok(())
    }

    /// Waits until the program has ended by itself.
    ///
    /// # Errors
    ///
    /// It still runs at the deadline.
    pub fn wait_exit(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let name = self.name;
        until(&format!("the end of {name}"), deadline, || {
            self.ended()?
                .with_context(|| format!("{name} still runs\n{}", self.tail()))
        })
    }

    /// Ends the program at once, also when it is stopped by a signal.
    ///
    /// # Errors
    ///
    /// It could not be ended.
    pub fn kill(&mut self) -> Result<()> {
        if self.ended()?.is_none() {
            self.signal(Signal::KILL)?;
            self.wait_exit(KILL_DEADLINE)?;
        }
        Ok(())
    }

    /// Asks the program to end (SIGTERM) and expects exit status 0 within `deadline`.
    ///
    /// # Errors
    ///
    /// It did not end in time, or not with 0.
    pub fn terminate(&mut self, deadline: Duration) -> Result<()> {
        self.signal(Signal::TERM)?;
        let status = self.wait_exit(deadline)?;
        ensure!(
            status.success(),
            "{} ended with {status} (signal {:?}) after SIGTERM\n{}",
            self.name,
            status.signal(),
            self.tail()
        );
        Ok(())
    }

    /// A line such as `VmRSS:  3456 kB` of `/proc/PID/status`, as its number.
    ///
    /// # Errors
    ///
    /// The program has ended or the kernel does not tell.
    pub fn status_number(&self, field: &str) -> Result<u64> {
        proc_number(&format!("/proc/{}/status", self.pid()), field)
    }

    /// A line of `/proc/PID/smaps_rollup`, as its number of kB.
    ///
    /// # Errors
    ///
    /// The program has ended or the kernel does not tell.
    pub fn memory_kib(&self, field: &str) -> Result<u64> {
        proc_number(&format!("/proc/{}/smaps_rollup", self.pid()), field)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // What cannot be ended here is left to the keeper.
        drop(self.kill());
    }
}

fn append(path: &Path) -> Result<File> {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

fn read(path: &Path) -> String {
    fs::read(path)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default()
}

fn proc_number(path: &str, field: &str) -> Result<u64> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next())
        .with_context(|| format!("{path} has no {field}"))?
        .parse()
        .with_context(|| format!("{path}: {field} is no number"))
}
