//! The one image of the lab: a static busybox, packed on the fly, so that nothing is pulled.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{Engine, find_busybox, http};

/// The commands that sample containers may use.
const APPLETS: &[&str] = &[
    "sh", "cat", "date", "dd", "echo", "env", "false", "head", "httpd", "kill", "ls", "mkdir",
    "nc", "ps", "seq", "sleep", "true", "wget", "yes",
];

/// Packs the image and imports it under [`super::IMAGE`].
pub(super) fn import(engine: &Engine) -> Result<()> {
    let root = engine.scratch.path().join("image");
    let bin = root.join("bin");
    fs::create_dir_all(&bin)?;
    fs::create_dir_all(root.join("tmp"))?;
    fs::copy(find_busybox()?, bin.join("busybox")).context("cannot copy busybox")?;
    fs::set_permissions(bin.join("busybox"), fs::Permissions::from_mode(0o755))?;
    for applet in APPLETS {
        symlink("busybox", bin.join(applet))?;
    }
    let packed = Command::new("tar")
        .arg("-C")
        .arg(&root)
        .args(["-c", "."])
        .output()
        .context("cannot start tar")?;
    ensure!(
        packed.status.success(),
        "tar: {}",
        String::from_utf8_lossy(&packed.stderr)
    );
    fs::remove_dir_all(&root)?;
    let body = http::Body {
        content_type: "application/x-tar",
        bytes: &packed.stdout,
    };
    let (repository, tag) = super::IMAGE.split_once(':').context("no tag")?;
    let path = format!("/images/create?fromSrc=-&repo={repository}&tag={tag}");
    http::call(&engine.socket(), "POST", &path, Some(body))?.ok()
}
