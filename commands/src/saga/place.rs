//! Where channels are kept.
//!
//! ```text
//! BASE/ana/                        a folder for each name; one that is no safe name of a file is encoded
//! BASE/ana/last                    the key of the channel that was open last
//! BASE/ana/1f0c93a8b2c4d5e6/       a channel, by the start of its discovery key: see scuttleup's Folder
//! BASE/ana/1f0c93a8b2c4d5e6.recovery   the recovery key, if it was founded here
//! BASE/ana/founding-123-0/         a channel that is being founded, or was when the machine stopped
//! ```
//!
//! A channel is founded under a name that nothing else ever opens, and then takes its own: the recovery key first, then the
//! folder, then `last`. Whenever that stops, there is a whole channel or none.
#![expect(clippy::disallowed_methods, reason = "files are the matter of this one")]

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use hyperlog_writers::Channel;
use saga::disk::Folder;
use saga::{ChannelKey, Options, Saga};

use crate::error::Failure;
use crate::show;

/// What begins the name of a channel that is being founded.
const FOUNDING: &str = "founding-";

/// Nobody founds for so long.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// The folder of a name.
#[derive(Debug)]
pub(crate) struct Place {
    dir: PathBuf,
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |source| Failure::File { what, path, source }
}

impl Place {
    /// The folder of a name, which is fit to be shown, below `base` or the data folder of the user.
    pub(crate) fn of(base: Option<&Path>, name: &str) -> Result<Self, Failure> {
        let dirs = directories::ProjectDirs::from("", "", "saga");
        let base = base.map(Path::to_owned).or_else(|| dirs.map(|dirs| dirs.data_dir().to_owned()));
        let dir = base.ok_or(Failure::NoDataDir)?.join(file_name(name));
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir).map_err(failed("make the folder", &dir))?;
        Ok(Self { dir })
    }

    /// The channel that was open last.
    pub(crate) fn last(&self) -> Result<Option<ChannelKey>, Failure> {
        let path = self.dir.join("last");
        let file = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed("open", &path))?,
        };
        let mut text = String::new();
        file.take(1024).read_to_string(&mut text).map_err(failed("read", &path))?;
        let key = text.trim().parse().map_err(|_| Failure::NoLast { path: path.clone() })?;
        // To open it would make an empty one.
        if !self.folder(&key).is_dir() {
            return Err(Failure::LastIsGone { path: self.folder(&key) });
        }
        Ok(Some(key))
    }

    /// The folder of a channel. Nobody else has a say in its name.
    fn folder(&self, key: &ChannelKey) -> PathBuf {
        let discovery = show::hex(&key.topic().discovery_key());
        self.dir.join(discovery.chars().take(16).collect::<String>())
    }

    /// Where the recovery key of a channel is if it was founded here: beside its folder.
    pub(crate) fn recovery(&self, key: &ChannelKey) -> PathBuf {
        self.folder(key).with_extension("recovery")
    }

    /// Opens a channel, and notes that it was the last.
    pub(crate) fn open(&self, key: ChannelKey, name: &str, options: Options) -> Result<Saga, Failure> {
        let dir = self.folder(&key);
        let folder = Folder::open(&dir).map_err(|source| folder_failed(&dir, source))?;
        if let Some(torn) = folder.torn() {
            tracing::warn!(
                "a crash left the end of the journal in pieces: they are kept in {}",
                torn.display()
            );
        }
        // With a key nothing is founded, so no recovery key is written.
        let saga = options.open_in(&folder, Some(key), name, &self.recovery(&key))?;
        self.note_last(&key)?;
        Ok(saga)
    }

    /// Founds a channel of this name. It is whole and durable when this returns, and not open yet.
    pub(crate) fn found(&self, name: &str) -> Result<ChannelKey, Failure> {
        self.sweep();
        let work = self.free_name();
        let recovery = work.with_extension("recovery");
        let folder = Folder::open(&work).map_err(|source| folder_failed(&work, source))?;
        let channel = Channel::<hyperlog::Binary>::found_in(&folder, name, &recovery)?;
        let key = channel.key();
        drop(channel);
        // Moved only once nobody has it open.
        drop(folder);
        let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(failed("rename", from));
        rename(&recovery, &self.recovery(&key))?;
        rename(&work, &self.folder(&key))?;
        sync(&self.dir)?;
        Ok(key)
    }

    fn free_name(&self) -> PathBuf {
        let name = |n: u32| self.dir.join(format!("{FOUNDING}{}-{n}", std::process::id()));
        let is_free = |path: &PathBuf| !path.exists() && !path.with_extension("recovery").exists();
        (0..).map(name).find(is_free).unwrap_or_else(|| name(0))
    }

    /// Removes what was being founded a day ago. Nobody was told of it, so nobody misses it, and nobody minds if it stays.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
            let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(FOUNDING));
            if is_ours && age().is_some_and(|age| age > ABANDONED) {
                let _ = fs::remove_dir_all(entry.path()).or_else(|_| fs::remove_file(entry.path()));
            }
        }
    }

    fn note_last(&self, key: &ChannelKey) -> Result<(), Failure> {
        let (new, path) = (self.dir.join("last.new"), self.dir.join("last"));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let write = || {
            let mut file = options.open(&new)?;
            writeln!(file, "{key}")?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(failed("write", &path))?;
        sync(&self.dir)
    }
}

/// Makes the names in a folder durable, where a system can.
fn sync(dir: &Path) -> Result<(), Failure> {
    if cfg!(unix) {
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
    } else {
        Ok(())
    }
}

fn folder_failed(dir: &Path, source: saga::disk::FolderError) -> Failure {
    Failure::Folder { dir: dir.to_owned(), source }
}

/// Names that Windows keeps for devices.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "com", "lpt"];

/// A name as a file can have it anywhere, with no two names in one file: as it is if it is harmless, and else `=` and base32.
/// Upper case is encoded, too, since some systems do not tell it from lower case.
fn file_name(name: &str) -> String {
    let harmless = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_device = DEVICES.iter().any(|device| name.starts_with(device) && name.len() <= 4);
    if !name.is_empty() && name.len() <= 64 && name.chars().all(harmless) && !is_device {
        return name.to_owned();
    }
    format!("={}", BASE32_NOPAD.encode(name.as_bytes()).to_lowercase())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_name_leads_out_of_its_folder_and_no_two_into_one() {
        let names = [
            "ana", "Ana", "ANA", "..", ".", "a/b", "a\\b", "con", "nul", "日本", "a b", "=mfxgc", "-d", "a.b",
        ];
        let files: BTreeSet<String> = names.iter().map(|name| file_name(name)).collect();
        assert_eq!(files.len(), names.len());
        for file in &files {
            assert!(
                file.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "=_".contains(c)),
                "{file}"
            );
        }
        assert_eq!(file_name("ana"), "ana");
        let longest = "🦀".repeat(saga::NAME_CHARS_MAX);
        assert!(file_name(&longest).len() < 255);
    }
}
