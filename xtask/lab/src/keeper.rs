//! A scratch directory with a keeper: whatever was started in it ends with it.
//!
//! Drop alone is not enough: a static is never dropped, a killed test drops nothing, and an Engine's containers are
//! nobody's children. The keeper is a small shell process that holds the other end of a pipe. When the pipe closes, for
//! whatever reason, it ends every process that carries this scratch's mark, and their children, unmounts and deletes.

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

const SWEEP: &str = include_str!("keeper/sweep.sh");

/// The environment variable that marks the processes of a scratch.
pub const MARK_NAME: &str = "PILOTFISH_LAB";

/// The longest path of a Unix socket is 107 bytes, and containerd's takes 40 below ours.
const LONGEST_TEMP_DIR: usize = 40;

/// A temporary directory, and the promise that nothing started in it outlives it.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    keeper: Child,
}

impl Scratch {
    /// Makes an empty directory with a short path and starts its keeper.
    ///
    /// # Errors
    ///
    /// The directory or the shell could not be made.
    pub fn new() -> Result<Self> {
        let temp_dir = Some(std::env::temp_dir())
            .filter(|path| path.is_absolute() && path.as_os_str().len() <= LONGEST_TEMP_DIR)
            .unwrap_or_else(|| PathBuf::from("/tmp"));
        let path = tempfile::Builder::new()
            .prefix("pf-")
            .tempdir_in(&temp_dir)
            .with_context(|| format!("cannot make a directory in {}", temp_dir.display()))?
            .keep();
        let keeper = Command::new("sh")
            .args(["-c", SWEEP, "pilotfish-lab-sweep"])
            .arg(&path)
            .env_remove(MARK_NAME)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start sh, the keeper of the lab")?;
        Ok(Self { path, keeper })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets the keeper find the process that `command` will start, and its descendants.
    pub fn mark<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env(MARK_NAME, &self.path)
    }

    /// Tells the keeper that the Engine's data is at `path`: unmounted at the end, but kept.
    ///
    /// # Errors
    ///
    /// The keeper is gone.
    pub fn keep_data_at(&mut self, path: &Path) -> Result<()> {
        let pipe = self.keeper.stdin.as_mut().context("the keeper has ended")?;
        writeln!(pipe, "data {}", path.display()).context("the keeper has ended")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        if let Err(error) = self.keeper.wait() {
            eprintln_in_tests(&format!(
                "lost the keeper of {}: {error}",
                self.path.display()
            ));
        }
    }
}

#[expect(
    clippy::print_stderr,
    reason = "drop has no other way to tell, and only tests and the demo run this"
)]
fn eprintln_in_tests(line: &str) {
    eprintln!("{line}");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use anyhow::ensure;

    use super::*;
    use crate::until;

    #[test]
    fn dropping_ends_what_was_started_and_its_children_and_removes_the_directory() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        let pids = path.join("pids");
        let mut shell = scratch
            .mark(&mut Command::new("sh"))
            .args(["-c", "sleep 600 & echo $! > $0; wait"])
            .arg(&pids)
            .spawn()
            .unwrap();
        let sleeper: u32 = until("the shell's child", Duration::from_secs(5), || {
            Ok(std::fs::read_to_string(&pids)?.trim().parse()?)
        })
        .unwrap();
        drop(scratch);
        assert!(!shell.wait().unwrap().success());
        until("the child's end", Duration::from_secs(5), || {
            let state =
                std::fs::read_to_string(format!("/proc/{sleeper}/stat")).unwrap_or_default();
            ensure!(state.is_empty() || state.contains(") Z "), "{state}");
            Ok(())
        })
        .unwrap();
        assert!(!path.exists());
    }
}
