//! A log in a folder: the database, the identity and the sidecar side by side, and the system's clock.
//!
//! ```text
//! DIR/db/        the database; `backup` copies this and nothing else
//! DIR/identity   the secret key, mode 0600
//! DIR/sidecar    the guard against old copies of the database
//! ```
//!
//! The key lies outside the database, so that a copy of the database is not a copy of the writer.
//! Copying the whole folder is: two copies that both write will fork.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the shell: files and the clock are handed in from here"
)]

mod clock;
mod identity;
mod sidecar;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use level::{Fjall, Level};

pub use clock::SystemClock;
pub use sidecar::SidecarFile;

use crate::error::OpenError;
use crate::identity::{Identity, IdentityError};
use crate::ids::Topic;
use crate::log::{Log, Options};
use crate::store::topic_of;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The database cannot be opened.
    #[error(transparent)]
    Level(#[from] level::Error),
    /// A file or folder cannot be used.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others could read the key.
    #[error("{} can be read by others (mode {mode:03o}): run chmod 600 on it, or make a new identity if it may have leaked", path.display())]
    Readable {
        /// The identity file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The identity file holds something else.
    #[error("{} is not an identity: it takes one line of 64 hexadecimal digits", path.display())]
    NotAnIdentity {
        /// The identity file.
        path: PathBuf,
    },
    /// There is something in the place of a new identity.
    #[error("{} is there already: a new identity takes the place of nothing, so choose another name", path.display())]
    Exists {
        /// Where the identity should have gone.
        path: PathBuf,
    },
    /// No key could be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError::Io { what, path, source }
}

/// Makes a new key in a file of its own, as a folder has one: for its owner's eyes only, and whole or not at all. It is
/// durable when this returns.
///
/// # Errors
///
/// [`FolderError::Exists`] when there is anything under that name, a link to nothing as well; it stays as it is. Of several
/// that make one at once, all but one are refused. A file system without hard links is [`FolderError::Io`].
pub fn make_identity(path: &Path) -> Result<Identity, FolderError> {
    identity::make_first(path)
}

/// Reads a key out of a file; none when there is no such file.
///
/// # Errors
///
/// [`FolderError::Readable`] when others could read it, [`FolderError::NotAnIdentity`] when it holds something else, and
/// [`FolderError::Io`], also for a link.
pub fn read_identity(path: &Path) -> Result<Option<Identity>, FolderError> {
    identity::read(path)
}

/// A folder with a log in it, locked to this process.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    level: Fjall,
    identity: Identity,
    new_identity: bool,
}

impl Folder {
    /// Opens a folder, making it on first use. A new identity is made where there is none.
    ///
    /// # Errors
    ///
    /// [`FolderError`]; a folder that a second process uses is [`level::Error::Locked`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, FolderError> {
        let path = path.into();
        make_private_folder(&path)?;
        // The database first: its lock keeps two processes from making two identities.
        let level = Fjall::open(path.join("db"))?;
        let file = path.join("identity");
        let (identity, new_identity) = match identity::read(&file)? {
            Some(identity) => (identity, false),
            None => (identity::make(&file)?, true),
        };
        Ok(Self { path, level, identity, new_identity })
    }

    /// The database.
    #[must_use]
    pub fn level(&self) -> Arc<dyn Level> {
        Arc::new(self.level.clone())
    }

    /// Who writes here.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.identity.clone()
    }

    /// Whether the identity was made just now.
    #[must_use]
    pub fn has_new_identity(&self) -> bool {
        self.new_identity
    }

    /// Where the end of the database's journal is kept, if a crash left it in pieces and opening had to cut it
    /// off. What was synced is not in it.
    #[must_use]
    pub fn torn(&self) -> Option<&Path> {
        self.level.torn()
    }

    /// Where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the log in this folder is about; none when there is no log in it yet.
    ///
    /// # Errors
    ///
    /// As [`topic_of`].
    pub fn topic(&self) -> Result<Option<Topic>, OpenError> {
        topic_of(&self.level)
    }

    /// The sidecar of this folder.
    #[must_use]
    pub fn sidecar(&self) -> SidecarFile {
        SidecarFile::new(self.path.join("sidecar"))
    }

    /// Opens the log in this folder: an open log with nothing above it. The folder stays locked while the log
    /// is open.
    ///
    /// # Errors
    ///
    /// As [`Options::open`].
    pub fn log(&self) -> Result<Log, OpenError> {
        self.options().open(self.level(), self.identity())
    }

    /// Options for a log in this folder: its sidecar, and the system's clock.
    pub fn options(&self) -> Options {
        Options::default().sidecar(Arc::new(self.sidecar())).clock(Arc::new(SystemClock::default()))
    }
}

fn make_private_folder(path: &Path) -> Result<(), FolderError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(io_error("make the folder", path))
}

/// Only the owner may read what is opened here, from its first moment; a link in its place is refused.
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
        options.mode(0o600).custom_flags(no_follow);
    }
    options
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        // A name alone lies in the current folder.
        Some(parent) if cfg!(unix) && parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(parent) if cfg!(unix) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}
