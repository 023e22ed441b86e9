//! A copy of a log's database in a folder of its own, without the key.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;

use level::Copied;
use scuttleup::disk::Folder;
use serde_json::json;

use crate::cli::say;
use crate::error::Failure;
use crate::show;

/// Makes a copy, and says what is in it.
pub(crate) fn run(folder: &Folder, dir: PathBuf, json: bool) -> Result<(), Failure> {
    let Copied { rows, bytes, .. } = copy(folder, dir)?;
    if json {
        writeln!(io::stdout(), "{}", show::json_line(&json!({ "rows": rows, "bytes": bytes })))?;
    }
    say(&format!("copied {rows} rows, {bytes} bytes; the key stays here"));
    Ok(())
}

/// Copies one moment of the database to `dir/db`. The folder opens as a log of a new writer: the key and
/// the sidecar stay where they are, so that a copy is not a clone.
fn copy(folder: &Folder, dir: PathBuf) -> Result<Copied, Failure> {
    // As private as the original: only the owner of the log may look into it.
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    if let Err(source) = builder.create(&dir) {
        return Err(Failure::BackupFolder { dir, source });
    }
    level::backup(&*folder.level(), dir.join("db")).map_err(|source| Failure::Backup { dir, source })
}
