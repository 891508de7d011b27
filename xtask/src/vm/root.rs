//! The Debian that the machines boot: made once with debootstrap, kept below `target/vm` with a stamp of what it was made from.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::directory;
use crate::shell;

const SUITE: &str = "bookworm";
const PACKAGES: &str = "systemd-sysv,docker.io,linux-image-cloud-amd64,iproute2,udev,dbus,kmod,ca-certificates,busybox-static";

/// Programs of this host, and the packages they come in.
const TOOLS: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("debootstrap", "debootstrap"),
    ("mke2fs", "e2fsprogs"),
    ("cpio", "cpio"),
    ("docker", "docker.io"),
];

/// Files of the root, beside what the packages bring.
const FILES: &[(&str, &str)] = &[
    // Reached through the emulator only, from the loopback of this host.
    (
        "etc/default/docker",
        "DOCKER_OPTS=\"-H tcp://0.0.0.0:2375 --tls=false\"\n",
    ),
    (
        "etc/systemd/network/wired.network",
        "[Match]\nName=en* eth*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n",
    ),
    (
        "etc/systemd/system/docker.service.d/network.conf",
        "[Unit]\nWants=systemd-networkd.service\n",
    ),
    ("etc/hostname", "emulated\n"),
];

/// A Debian that boots.
#[derive(Debug)]
pub(super) struct Root {
    /// Its files, for what a smaller machine takes of them.
    pub(super) tree: PathBuf,
    /// The disk image, never written.
    pub(super) disk: PathBuf,
    pub(super) kernel: PathBuf,
    pub(super) initrd: PathBuf,
    /// The kernel's release, such as `6.1.0-50-cloud-amd64`.
    pub(super) release: String,
}

impl Root {
    /// Finds the root, or makes it, which takes about a minute.
    pub(super) fn find_or_make() -> Result<Self> {
        install_missing()?;
        let directory = directory();
        fs::create_dir_all(&directory)?;
        let tree = directory.join("root");
        let disk = directory.join("root.img");
        let stamp = directory.join("root.stamp");
        let wanted = format!("{SUITE}\n{PACKAGES}\n{FILES:?}\n");
        if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
            if fs::exists(&tree)? {
                fs::remove_dir_all(&tree)?;
            }
            make(&tree, &disk)?;
            fs::write(&stamp, wanted)?;
        }
        let boot = tree.join("boot");
        let kernel = newest(&boot, "vmlinuz-")?;
        let release = kernel
            .file_name()
            .and_then(|name| name.to_str()?.strip_prefix("vmlinuz-"))
            .context("a kernel without a release")?
            .to_owned();
        Ok(Self {
            initrd: newest(&boot, "initrd.img-")?,
            tree,
            disk,
            kernel,
            release,
        })
    }
}

/// Installs what this host lacks; says so.
fn install_missing() -> Result<()> {
    let missing: Vec<&str> = TOOLS
        .iter()
        .filter(|(program, _)| {
            !shell::exists(program) && !Path::new("/usr/sbin").join(program).exists()
        })
        .map(|&(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    ensure!(
        shell::exists("apt-get") && rustix::process::geteuid().is_root(),
        "missing here; as root on Debian: apt-get install -y {}",
        missing.join(" ")
    );
    println!("installing on this host: {}", missing.join(" "));
    shell::run(Command::new("apt-get").args(["update", "-q"]))?;
    shell::run(
        Command::new("apt-get")
            .args(["install", "-q", "-y", "--no-install-recommends"])
            .args(missing)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

fn make(tree: &Path, disk: &Path) -> Result<()> {
    println!(
        "making a Debian with systemd and Docker in {}: about a minute, once",
        tree.display()
    );
    shell::run(
        Command::new("debootstrap")
            .args(["--variant=minbase", &format!("--include={PACKAGES}"), SUITE])
            .arg(tree)
            .arg(mirror()?),
    )?;
    for (path, text) in FILES {
        let path = tree.join(path);
        fs::create_dir_all(path.parent().context("a file without a directory")?)?;
        fs::write(path, text)?;
    }
    shell::run(
        Command::new("mke2fs")
            .args(["-q", "-F", "-t", "ext4", "-d"])
            .arg(tree)
            .arg(disk)
            .arg("2G"),
    )
}

/// The first source of this host's own apt.
fn mirror() -> Result<String> {
    let apt = Path::new("/etc/apt");
    let mut files = vec![apt.join("sources.list")];
    let listed = fs::read_dir(apt.join("sources.list.d")).context("no apt here")?;
    files.extend(listed.filter_map(|entry| Some(entry.ok()?.path())));
    files.sort();
    files
        .iter()
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "list" || end == "sources")
        })
        .filter_map(|path| fs::read_to_string(path).ok())
        .find_map(|text| first_source(&text))
        .context("apt of this host has no source")
}

/// The first address of a sources.list(5) file, of either format.
fn first_source(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (first, second) = (words.next()?, words.next()?);
        match first {
            "URIs:" => Some(second.to_owned()),
            "deb" => [second]
                .into_iter()
                .chain(words)
                .find(|word| word.contains("://"))
                .map(str::to_owned),
            _ => None,
        }
    })
}

fn newest(directory: &Path, prefix: &str) -> Result<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(directory)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        })
        .collect();
    found.sort();
    found
        .pop()
        .with_context(|| format!("no {prefix} in {}", directory.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(first_source(text).as_deref(), expected);
    }

    #[test]
    fn finds_the_first_source_in_both_formats() {
        check("", None);
        check("# deb http://a b main\n", None);
        check(
            "Types: deb\n# URIs: x\nURIs: http://a/debian\nSuites: s\n",
            Some("http://a/debian"),
        );
        check(
            "deb [signed-by=/x arch=amd64] http://a/debian s main\n",
            Some("http://a/debian"),
        );
        check(
            "deb http://a/debian s main\ndeb http://b s main\n",
            Some("http://a/debian"),
        );
    }
}
