//! Lists the page's files, so that the program carries them all.

use std::collections::hash_map::DefaultHasher;
use std::error::Error;
use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=web");
    println!("cargo::rerun-if-changed=build.rs");
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("web");
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let mut table = String::from("[\n");
    for file in &files {
        let path = file
            .strip_prefix(&root)?
            .to_str()
            .ok_or("a page file's name is not UTF-8")?;
        let mut hasher = DefaultHasher::new();
        fs::read(file)?.hash(&mut hasher);
        writeln!(
            table,
            "PageFile {{ path: {:?}, etag: \"\\\"{:016x}\\\"\", bytes: include_bytes!({:?}) }},",
            format!("/{path}"),
            hasher.finish(),
            file.display().to_string(),
        )?;
    }
    table.push(']');
    fs::write(
        PathBuf::from(env::var("OUT_DIR")?).join("page_files.rs"),
        table,
    )?;
    Ok(())
}

/// Adds every file under `directory` that is not hidden.
fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}
