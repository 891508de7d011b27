//! `cargo xtask vm record groups`: control groups and the host's files, from a kernel that was booted for it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pilotfish_lab::Scratch;

use super::machine::{Boot, Machine, empty_disk};
use super::recording;
use super::root::Root;

/// Copies what the samplers read; see the script.
pub(super) const SNAPSHOT: &str = include_str!("guest/snapshot.sh");
const GROUPS: &str = include_str!("guest/groups.sh");

/// Directories of the kernel's modules that the small machine takes along.
const MODULES: &[&str] = &[
    "kernel/drivers/virtio",
    "kernel/drivers/block/virtio_blk.ko",
    "kernel/drivers/net/veth.ko",
];

const GROUPS_DEADLINE: Duration = Duration::from_secs(90);

/// Records groups made by hand, as both drivers of the Engine, Podman and a nested manager name them.
pub(super) fn record(root: &Root, place: &str, command_line: &str) -> Result<()> {
    let scratch = Scratch::new()?;
    let initrd = scratch.path().join("initrd");
    make_initramfs(root, &scratch.path().join("initramfs"), &initrd)?;
    let results = scratch.path().join("results.tar");
    let mut machine = Machine::start(&Boot {
        kernel: root.kernel.clone(),
        initrd,
        command_line: format!("psi=1 {command_line}"),
        memory_mib: 512,
        disks: vec![
            empty_disk(&scratch.path().join("load.img"), 32)?,
            empty_disk(&results, 64)?,
        ],
        engine_port: None,
    })?;
    machine.wait_off(GROUPS_DEADLINE)?;
    println!(
        "the small machine was on for {:.1} s",
        machine.age().as_secs_f64()
    );
    let from = scratch.path().join("recorded");
    recording::unpack(&results, &from)?;
    recording::keep(&from, place)
}

/// Packs busybox, a few modules and the scripts.
fn make_initramfs(root: &Root, tree: &Path, to: &Path) -> Result<()> {
    let modules = Path::new("lib/modules").join(&root.release);
    for directory in [Path::new("bin"), &modules] {
        fs::create_dir_all(tree.join(directory))?;
    }
    fs::copy(root.tree.join("bin/busybox"), tree.join("bin/busybox"))?;
    for part in MODULES.iter().chain(&["modules.dep"]) {
        let from = root.tree.join(&modules).join(part);
        let to = tree.join(&modules).join(part);
        fs::create_dir_all(to.parent().context("a module without a directory")?)?;
        let copied = Command::new("cp").arg("-r").arg(&from).arg(&to).status()?;
        ensure!(copied.success(), "cannot copy {}", from.display());
    }
    fs::write(tree.join("snapshot.sh"), SNAPSHOT)?;
    let mut init = fs::File::create(tree.join("init"))?;
    init.write_all(GROUPS.as_bytes())?;
    Command::new("chmod")
        .arg("755")
        .arg(tree.join("init"))
        .status()?;
    fs::create_dir_all(tree.join("dev"))?;
    std::os::unix::fs::symlink("/bin/busybox", tree.join("bin/sh"))?;
    let packed = Command::new("sh")
        .args(["-c", "find . | cpio --quiet -o -H newc"])
        .current_dir(tree)
        .stdin(Stdio::null())
        .output()?;
    ensure!(
        packed.status.success(),
        "cpio: {}",
        String::from_utf8_lossy(&packed.stderr)
    );
    fs::write(to, packed.stdout).context("cannot write the initramfs")
}
