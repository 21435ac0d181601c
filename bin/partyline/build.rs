//! Lists the prompts, so that they are part of the binary and may come and go without a list by hand.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?)
        .join("../../prompts");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?).join("prompts.rs");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut code = String::from("/// Texts by language.\npub(crate) static TEXTS: &[(&str, &str)] = &[\n");
    for text in files(&root, "toml")? {
        let _ = writeln!(code, "    ({:?}, include_str!({:?})),", stem(&text), text);
    }
    code.push_str(
        "];\n\n/// WAV files by language and name.\npub(crate) static AUDIO: &[(&str, &str, &[u8])] = &[\n",
    );
    for language in folders(&root.join("audio"))? {
        for audio in files(&language, "wav")? {
            let _ = writeln!(
                code,
                "    ({:?}, {:?}, include_bytes!({:?})),",
                stem(&language),
                stem(&audio),
                audio
            );
        }
    }
    code.push_str("];\n");
    fs::write(out, code)
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut entries = fs::read_dir(folder)?
        .map(|entry| entry.and_then(|entry| entry.path().canonicalize()))
        .collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

fn files(folder: &Path, extension: &str) -> io::Result<Vec<PathBuf>> {
    let mut files = entries(folder)?;
    files.retain(|path| path.is_file() && path.extension().is_some_and(|known| known == extension));
    Ok(files)
}

fn folders(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = entries(folder)?;
    folders.retain(|path| path.is_dir());
    Ok(folders)
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
