//! A copy on disk, made while the original is in use.

use std::{fs, io, path::Path};

use super::{
    Fjall, FjallOptions, create,
    errors::Failed,
    open::{self, Opened},
};
use crate::{Copied, Error, Level, copy};

/// Makes a database at `path` that holds what `from` holds now.
///
/// It is a database like any other: open it with [`Fjall::open`]. It appears at `path` whole and durable, or not
/// at all. `from` stays open and can be written meanwhile; see [`copy`]. Time is O(n).
///
/// # Errors
///
/// [`Error::Exists`] if anything but an empty folder is at `path`; those of [`copy`] and of [`Fjall::open`].
pub fn backup(from: &(impl Level + ?Sized), path: impl AsRef<Path>) -> Result<Copied, Error> {
    let path = std::path::absolute(path.as_ref()).failed("find", path.as_ref())?;
    let exists = || Error::Exists { path: path.clone() };
    let free = match fs::read_dir(&path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    if !free {
        return Err(exists());
    }
    let copied = create::build(&path, |unfinished| {
        // Not `Fjall::open`, which would make another unfinished database beside this one.
        let options = FjallOptions::default();
        let db = open::engine(unfinished, &options)?;
        let to = Fjall::of(Opened { db, torn: None }, unfinished, options)?;
        copy(from, &to)
    })?;
    copied.ok_or_else(exists)
}

impl Fjall {
    /// [`backup`] of this level.
    ///
    /// # Errors
    ///
    /// Those of [`backup`].
    pub fn backup(&self, path: impl AsRef<Path>) -> Result<Copied, Error> {
        backup(self, path)
    }
}
