//! A copy of a log's database in a folder of its own, without the key.
#![expect(clippy::disallowed_methods, reason = "a command may touch files")]

use std::fs;
use std::path::PathBuf;

use level::Copied;
use scuttleup::disk::Folder;

use crate::error::Failure;

/// Copies one moment of the database to `dir/db`. The folder opens as a log of a new writer: the key and
/// the sidecar stay where they are, so that a copy is not a clone.
pub(crate) fn run(folder: &Folder, dir: PathBuf) -> Result<Copied, Failure> {
    if let Err(source) = fs::create_dir_all(&dir) {
        return Err(Failure::BackupFolder { dir, source });
    }
    level::backup(&*folder.level(), dir.join("db")).map_err(|source| Failure::Backup { dir, source })
}
