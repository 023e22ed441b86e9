//! The file of the secret key: one line of 64 hexadecimal digits, for its owner's eyes only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{FolderError, io_error, private, sync_parent};
use crate::identity::{Identity, IdentityError};
use crate::ids::from_hex;

pub(super) fn read(path: &Path) -> Result<Option<Identity>, FolderError> {
    let mut file = match private(OpenOptions::new().read(true)).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error("open the identity", path)(error)),
    };
    refuse_readable(&file, path)?;
    let mut text = Zeroizing::new(String::new());
    let not_an_identity = || FolderError::NotAnIdentity { path: path.to_owned() };
    // One byte more than there should be, so that a longer file is noticed and a huge one not read.
    match Read::take(&mut file, 66).read_to_string(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(not_an_identity()),
        Err(error) => return Err(io_error("read the identity", path)(error)),
    }
    let digits = text.strip_suffix('\n').unwrap_or(&text);
    let seed = from_hex("an identity", digits).map(Zeroizing::new).map_err(|_| not_an_identity())?;
    Ok(Some(Identity::from_seed(&seed)))
}

#[cfg(unix)]
fn refuse_readable(file: &File, path: &Path) -> Result<(), FolderError> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata().map_err(io_error("look at", path))?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(FolderError::Readable { path: path.to_owned(), mode }) }
}

#[cfg(not(unix))]
fn refuse_readable(_: &File, _: &Path) -> Result<(), FolderError> {
    Ok(())
}

/// Writes a new key whole or not at all: under another name, synced, then moved into place. Only for whoever holds the
/// lock of the folder: what lies there is replaced.
pub(super) fn make(path: &Path) -> Result<Identity, FolderError> {
    let draft = path.with_extension("new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove", &draft)(error));
        }
        _ => {}
    }
    let identity = write(&draft)?;
    fs::rename(&draft, path).map_err(io_error("make the identity", path))?;
    sync_parent(path).map_err(io_error("sync the folder of", path))?;
    Ok(identity)
}

/// As [`make`], where nobody holds a lock: whoever comes second is refused.
pub(super) fn make_first(path: &Path) -> Result<Identity, FolderError> {
    let draft = own_draft(path)?;
    let made = write(&draft).and_then(|identity| link(&draft, path).map(|()| identity));
    // Whether it was linked or refused, the draft has no use any more.
    let removed = fs::remove_file(&draft);
    let identity = made?;
    removed.map_err(io_error("remove", &draft))?;
    sync_parent(path).map_err(io_error("sync the folder of", path))?;
    Ok(identity)
}

/// Unlike a move, a link never takes the place of something else.
fn link(draft: &Path, path: &Path) -> Result<(), FolderError> {
    fs::hard_link(draft, path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => FolderError::Exists { path: path.to_owned() },
        _ => io_error("make the identity", path)(error),
    })
}

/// A name beside `path` that nobody else uses.
fn own_draft(path: &Path) -> Result<PathBuf, FolderError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(IdentityError::Random)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".new-{:016x}", u64::from_be_bytes(random)));
    Ok(draft.into())
}

/// Writes a new key into a new file, synced.
fn write(draft: &Path) -> Result<Identity, FolderError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut()).map_err(IdentityError::Random)?;
    let mut text = Zeroizing::new(String::with_capacity(65));
    for byte in seed.iter() {
        text.push_str(&Zeroizing::new(format!("{byte:02x}")));
    }
    text.push('\n');
    let mut file = private(OpenOptions::new().write(true).create_new(true))
        .open(draft)
        .map_err(io_error("make the identity", draft))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(io_error("write the identity", draft))?;
    Ok(Identity::from_seed(&seed))
}
