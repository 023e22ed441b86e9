//! What can go wrong, said so that the next person knows what to do.

use std::{io, path::PathBuf};

use crate::{KEY_BYTES_MAX, NAME_BYTES_MAX, Sub, VALUE_BYTES_MAX};

/// What can go wrong in a [`Level`](crate::Level).
///
/// Mistakes of the caller ([`Key`](Error::Key), [`Value`](Error::Value), [`Name`](Error::Name),
/// [`UnknownSub`](Error::UnknownSub)) leave the level as it was and usable. After an error of the disk from
/// [`apply`](crate::Level::apply), whether the batch will be there after reopening is not known (all of it or
/// nothing), and the level refuses to write until it is opened again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key cannot be stored.
    #[error("a key has 1 to {KEY_BYTES_MAX} bytes, this one has {len}: shorten or hash it")]
    Key {
        /// Length of the refused key in bytes.
        len: usize,
    },

    /// The value cannot be stored.
    #[error("a value has at most {VALUE_BYTES_MAX} bytes, this one has {len}: split it")]
    Value {
        /// Length of the refused value in bytes.
        len: usize,
    },

    /// The name cannot be the name of a sub-level.
    #[error("{name:?} cannot name a sub-level: use 1 to {NAME_BYTES_MAX} bytes of a-z 0-9 . _ / -")]
    Name {
        /// The refused name, with the prefixes of `within`.
        name: String,
    },

    /// The [`Sub`] was removed, or another level gave it out.
    #[error(
        "{sub:?} is not a sub-level of this level: it was removed, or comes from another one; ask `sub` again"
    )]
    UnknownSub {
        /// The handle that is not known here.
        sub: Sub,
    },

    /// Another process, or another handle of this one, has the database open.
    #[error("{} is open elsewhere: close the other program or handle, then try again", path.display())]
    Locked {
        /// Folder of the database.
        path: PathBuf,
    },

    /// An earlier write failed, so nothing more is written. It may have been one in the background, of a table, and
    /// then this is the first that is heard of it; most often the disk is full.
    #[error("an earlier write failed: look whether the disk is full, close it and open it again")]
    Poisoned,

    /// No room left on the disk, or in the quota.
    #[error("no room left for {}: make room, then close it and open it again", path.display())]
    Full {
        /// Folder of the database.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// The operating system failed to read or write.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done, as a verb: "open", "write to".
        doing: &'static str,
        /// The file or folder it was done to.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },

    /// There is something at the path, and it is not a database.
    #[error("{} exists and is not a database ({found}): choose another path; nothing was changed", path.display())]
    NotADatabase {
        /// The path that was to be opened.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },

    /// The target of a backup is taken.
    #[error("{} exists already: choose a new path for the backup; nothing was changed", path.display())]
    Exists {
        /// The path that was to be made.
        path: PathBuf,
    },

    /// The database was written by a version of the storage engine that this one does not read.
    #[error("{} has a format that this program does not read: use the program that wrote it, or a newer one; nothing was changed", path.display())]
    Format {
        /// Folder of the database.
        path: PathBuf,
        /// What the storage engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// What is on the disk contradicts itself.
    #[error("{} is damaged ({what}): keep the folder as it is, then restore a backup or sync again from peers into a new one", path.display())]
    Corrupt {
        /// Folder of the database.
        path: PathBuf,
        /// Which part does not add up.
        what: &'static str,
        /// What the storage engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },

    /// The storage engine failed in a way that has no name here.
    #[error("the storage engine failed at {}: close it and open it again", path.display())]
    Engine {
        /// Folder of the database.
        path: PathBuf,
        /// What the storage engine said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
