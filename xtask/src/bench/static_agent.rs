//! Builds the static agent as `cross/README.md` says, with the standard library built along for size.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::shell::{self, cargo, program, target};

/// The C compiler and linker; later versions of zig bring an allocator that costs memory.
const ZIG: [&str; 2] = ["ziglang==0.15.2", "cargo-zigbuild==0.24.0"];
/// Debian's compiler, which has the matching sources of its standard library.
const RUSTC: &str = "/usr/bin/rustc";
const SOURCES: &str = "/usr/lib/rustlib/src/rust/library/std";

/// Builds it for this machine's architecture and answers where it is.
pub(super) fn build() -> Result<PathBuf> {
    let tools = tools()?;
    if !Path::new(SOURCES).exists() || !Path::new(RUSTC).exists() {
        shell::run(program("apt-get").args([
            "install",
            "-q",
            "-y",
            "--no-install-recommends",
            "rustc-web",
            "rust-web-src",
        ]))?;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths([tools].into_iter().chain(std::env::split_paths(&path)))?;
    let triple = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let directory = target().join("static");
    shell::run(
        cargo()
            .args(["zigbuild", "--profile", "dist", "-p", "pilotfish-agent"])
            .args(["--target", &triple, "--target-dir"])
            .arg(&directory)
            .arg("-Zbuild-std=std,panic_abort")
            .arg("-Zbuild-std-features=optimize_for_size")
            .env("PATH", path)
            .env("RUSTC", RUSTC)
            .env("RUSTC_BOOTSTRAP", "1")
            .env(
                "RUSTFLAGS",
                "-C link-self-contained=no -C force-unwind-tables=no",
            ),
    )?;
    Ok(directory.join(triple).join("dist/pilotfish-agent"))
}

/// Where zig and its helper are; installs them below `target/` the first time.
fn tools() -> Result<PathBuf> {
    let environment = target().join("cross");
    let programs = environment.join("bin");
    if !programs.join("cargo-zigbuild").exists() {
        shell::run(program("python3").args(["-m", "venv"]).arg(&environment))
            .context("as root on Debian: apt-get install -y python3-venv")?;
        shell::run(
            program(&programs.join("pip").display().to_string())
                .args(["install", "--quiet"])
                .args(ZIG),
        )?;
    }
    Ok(programs)
}
