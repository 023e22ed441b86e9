//! Append and read: a numbered, signed log.

use std::fmt;
use std::path::Path;

use scuttleup::disk::Folder;
use scuttleup::{Entry, Log, Read, Seq, WriterId};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// An entry, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whose log it is in.
    pub peer: WriterId,
    /// Its number there.
    pub seq: Seq,
    /// What was appended.
    pub entry: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peer, seq, entry } = self;
        write!(f, "{{peer: {peer:?}, seq: {seq}, entry: '{entry}'}}")
    }
}

/// Opens the log in the folder `path`, and makes it on first use.
pub fn open(path: &Path) -> Result<Log> {
    let folder = Folder::open(path)?;
    Ok(folder.log()?)
}

/// Appends `message`, and says which number it got.
pub fn append(log: &Log, message: &str) -> Result<Seq> {
    let appended = log.append(message.to_owned())?;
    Ok(appended.seq)
}

/// Everything in the log, oldest first.
pub fn read(log: &Log) -> Result<Vec<Line>> {
    log.read(Read::all()).map(|entry| line(&entry?)).collect()
}

/// Reads entries as they come, calls `seen` with each, and returns after `count` of them.
pub fn read_live(log: &Log, count: u64, seen: &mut dyn FnMut(Line)) -> Result<()> {
    for entry in log.read(Read::all().live(true).limit(count)) {
        seen(line(&entry?)?);
    }
    Ok(())
}

fn line(entry: &Entry) -> Result<Line> {
    let bytes = entry.value().bytes().ok_or("the value is not here")?;
    let text = String::from_utf8(bytes.to_vec())?;
    Ok(Line { peer: entry.writer(), seq: entry.seq(), entry: text })
}
