//! Append and read: a numbered, signed log.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

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
    // 1. Open the folder, which keeps the level and the identity, and open the log in it.
    todo!("1: open a log in a folder")
}

/// Appends `message`, and says which number it got.
pub fn append(log: &Log, message: &str) -> Result<Seq> {
    // 2. Append it. What comes back says where it ended up.
    todo!("2: append a message")
}

/// Everything in the log, oldest first.
pub fn read(log: &Log) -> Result<Vec<Line>> {
    // 3. Read all entries, and make a line of each. You will need that again: make it a function.
    todo!("3: read the whole log")
}

/// Reads entries as they come, calls `seen` with each, and returns after `count` of them.
pub fn read_live(log: &Log, count: u64, seen: &mut dyn FnMut(Line)) -> Result<()> {
    // 4. As before, but live: the reader waits when it has read everything. It needs a limit, or it never ends.
    todo!("4: read live, while somebody appends")
}
