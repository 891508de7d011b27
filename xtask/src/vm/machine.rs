//! An emulated x86-64 computer: started, listened to, and off when its handle is dropped or the chore is killed.
//!
//! No KVM: it works in any container, and a `/dev/kvm` that is there may hang. The guest's clock is the host's clock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use pilotfish_lab::program::Program;
use pilotfish_lab::wait::Hopeless;
use pilotfish_lab::{Scratch, clock, until};

use super::directory;

const CONSOLE_TAIL_LINES: usize = 60;
const OFF_DEADLINE: Duration = Duration::from_secs(60);

/// What a machine is started with.
#[derive(Debug)]
pub(super) struct Boot {
    pub(super) kernel: PathBuf,
    pub(super) initrd: PathBuf,
    /// The kernel's command line, without the console.
    pub(super) command_line: String,
    pub(super) memory_mib: u32,
    /// In the order of `/dev/vda`, `/dev/vdb`, …
    pub(super) disks: Vec<Disk>,
    /// With a network the guest may dial this host, at 10.0.2.2, and this port of this host leads to the guest's Engine.
    pub(super) engine_port: Option<u16>,
}

/// A disk, an image file on this host.
#[derive(Debug)]
pub(super) enum Disk {
    /// What the guest writes is lost when it goes off.
    Kept(PathBuf),
    /// The guest's writes stay.
    Written(PathBuf),
}

/// A running machine.
#[derive(Debug)]
pub(super) struct Machine {
    // Dropped first, so that the emulator ends before its files go.
    qemu: Program,
    started_at: Instant,
    console: PathBuf,
    report: PathBuf,
    _scratch: Scratch,
}

impl Machine {
    pub(super) fn start(boot: &Boot) -> Result<Self> {
        let scratch = Scratch::new()?;
        let console = directory().join("console.log");
        let report = scratch.path().join("report");
        File::create(&console).with_context(|| format!("cannot write {}", console.display()))?;
        File::create(&report)?;
        let network = boot.engine_port.map_or_else(
            || "none".to_owned(),
            |port| format!("user,model=virtio,hostfwd=tcp:127.0.0.1:{port}-:2375"),
        );
        let mut command = Command::new("qemu-system-x86_64");
        command
            .args(["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"])
            .args(["-m", &boot.memory_mib.to_string()])
            .args(["-display", "none", "-monitor", "none", "-no-reboot"])
            .args(["-serial", &format!("file:{}", console.display())])
            .args(["-serial", &format!("file:{}", report.display())])
            .args(["-nic", &network])
            .arg("-kernel")
            .arg(&boot.kernel)
            .arg("-initrd")
            .arg(&boot.initrd)
            .args([
                "-append",
                &format!("console=ttyS0 quiet panic=-1 {}", boot.command_line),
            ]);
        for disk in &boot.disks {
            let (path, is_lost) = match disk {
                Disk::Kept(path) => (path, "on"),
                Disk::Written(path) => (path, "off"),
            };
            let drive = format!(
                "file={},if=virtio,format=raw,snapshot={is_lost}",
                path.display()
            );
            command.args(["-drive", &drive]);
        }
        let qemu = Program::start("qemu", &scratch, &mut command)?;
        Ok(Self {
            qemu,
            started_at: clock::now(),
            console,
            report,
            _scratch: scratch,
        })
    }

    /// How long it has been on.
    pub(super) fn age(&self) -> Duration {
        clock::now().duration_since(self.started_at)
    }

    /// The whole lines that the guest wrote to `/dev/ttyS1`.
    pub(super) fn report(&self) -> Result<Vec<String>> {
        let bytes = fs::read(&self.report)?;
        let text = String::from_utf8_lossy(&bytes);
        let complete = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        Ok(complete
            .lines()
            .map(|line| line.trim_end().to_owned())
            .collect())
    }

    /// Waits for a line of the report that begins with `word`, and answers what follows the word.
    pub(super) fn wait_for(&mut self, word: &str, deadline: Duration) -> Result<String> {
        until(&format!("the guest reports {word:?}"), deadline, || {
            let lines = self.report()?;
            if let Some(rest) = find(&lines, word) {
                return Ok(rest);
            }
            if let Some(status) = find(&lines, "end") {
                return Err(Hopeless(format!("the guest's script ended with {status}")).into());
            }
            self.qemu.ensure_runs()?;
            bail!("{} lines of report", lines.len());
        })
        .with_context(|| self.console_tail())
    }

    /// Waits until the guest's script has ended well and the machine is off.
    pub(super) fn wait_off(&mut self, deadline: Duration) -> Result<()> {
        let status = self.wait_for("end", deadline)?;
        ensure!(
            status == "0",
            "the guest's script ended with {status}\n{}",
            self.console_tail()
        );
        let off = self.qemu.wait_exit(OFF_DEADLINE)?;
        ensure!(off.success(), "qemu ended: {off}\n{}", self.qemu.tail());
        Ok(())
    }

    /// Fails when the emulator has ended.
    pub(super) fn ensure_runs(&mut self) -> Result<()> {
        self.qemu.ensure_runs()
    }

    /// The end of what the guest wrote to its console.
    pub(super) fn console_tail(&self) -> String {
        let bytes = fs::read(&self.console).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(CONSOLE_TAIL_LINES)..].join("\n");
        format!(
            "--- {} ---\n{tail}\n--- qemu ---\n{}",
            self.console.display(),
            self.qemu.stderr()
        )
    }
}

fn find(lines: &[String], word: &str) -> Option<String> {
    lines.iter().find_map(|line| {
        line.strip_prefix(word)?
            .strip_prefix(' ')
            .map(str::to_owned)
    })
}

/// Makes an empty disk image, which takes no room until it is written.
pub(super) fn empty_disk(path: &Path, mib: u64) -> Result<Disk> {
    File::create(path)
        .and_then(|file| file.set_len(mib << 20))
        .with_context(|| format!("cannot make {}", path.display()))?;
    Ok(Disk::Written(path.to_owned()))
}
