//! Any number of rows, a commit at a time.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::mem;

use bytes::Bytes;
use hyperkv::{Json, Write};
use hyperlog::{Binary, Encoding};
use serde_json::{Value, json};

use super::rows::{Form, Row, Rows};
use super::{Kv, Program};
use crate::cli::say;
use crate::error::Failure;
use crate::lines::{COMMIT_BYTES, COMMIT_LINES};
use crate::progress::Progress;
use crate::show;

impl Program<'_> {
    pub(super) fn import(&self, key: Option<String>) -> Result<(), Failure> {
        let form = key.map_or(Form::Import, Form::Keyed);
        let rows = Rows::new(io::stdin().lock(), form, self.kv.log());
        let Import { new, unchanged, .. } = Import::new(&self.kv).all(rows)?;
        if self.common.json {
            let report = json!({ "new": new, "unchanged": unchanged });
            writeln!(io::stdout(), "{}", show::json_line(&report))?;
        } else {
            say(&format!("imported {}, {unchanged} unchanged", show::count(new, "new row", "new rows")));
        }
        Ok(())
    }
}

/// What is imported, and how far that is.
struct Import<'a> {
    kv: &'a Kv,
    part: Part,
    new: u64,
    unchanged: u64,
}

/// What goes into the next commit.
#[derive(Default)]
struct Part {
    /// The line of the first write.
    from: u64,
    writes: Vec<Write<Bytes>>,
    bytes: usize,
    /// What the writes make of their keys: none where they delete.
    makes: BTreeMap<String, Option<Bytes>>,
}

impl<'a> Import<'a> {
    fn new(kv: &'a Kv) -> Self {
        Self { kv, part: Part::default(), new: 0, unchanged: 0 }
    }

    fn all(mut self, mut rows: Rows<'_, impl io::BufRead>) -> Result<Self, Failure> {
        let total = length_of_stdin();
        let progress = Progress::new(if total == 0 { "rows" } else { "bytes" }, total);
        while let Some(row) = rows.next()? {
            match row {
                Ok(row) => self.take(row, rows.line())?,
                Err(why) => {
                    self.commit()?;
                    let Self { new, unchanged, .. } = self;
                    let kept = format!("the rows before it are stored: {new} new, {unchanged} unchanged");
                    return Err(Failure::Row { line: rows.line(), why, kept });
                }
            }
            progress.set(if total == 0 { rows.line() } else { rows.bytes() });
        }
        self.commit()?;
        Ok(self)
    }

    fn take(&mut self, row: Row, line: u64) -> Result<(), Failure> {
        if self.holds(&row)? {
            self.unchanged += 1;
            return Ok(());
        }
        if self.part.writes.is_empty() {
            self.part.from = line;
        }
        self.part.bytes += row.bytes;
        self.part.writes.push(row.write);
        self.part.makes.insert(row.key, row.json);
        if self.part.writes.len() >= COMMIT_LINES || self.part.bytes >= COMMIT_BYTES {
            self.commit()?;
        }
        Ok(())
    }

    /// Whether a key holds what the row says, and nothing else.
    fn holds(&self, row: &Row) -> Result<bool, Failure> {
        if let Some(made) = self.part.makes.get(&row.key) {
            let made = made.as_ref().map(Json::<Value>::decode).transpose().map_err(hyperkv::Error::from)?;
            return Ok(made == row.value);
        }
        let values = self.kv.get(&row.key)?;
        Ok(match &row.value {
            Some(value) => values.one() == Some(value),
            None => values.len() == 1 && values.is_deleted(),
        })
    }

    fn commit(&mut self) -> Result<(), Failure> {
        let Part { from, writes, .. } = mem::take(&mut self.part);
        let count = writes.len() as u64;
        let stored = self.kv.with_encoding::<Binary>().batch(writes);
        stored.map_err(|source| Failure::Rows { from, source })?;
        self.new += count;
        Ok(())
    }
}

/// How many bytes standard input has, where it is a file; else 0.
#[cfg(unix)]
fn length_of_stdin() -> u64 {
    use std::os::fd::AsFd;

    let file = io::stdin().as_fd().try_clone_to_owned().map(std::fs::File::from);
    let metadata = file.and_then(|file| file.metadata());
    metadata.ok().filter(std::fs::Metadata::is_file).map_or(0, |metadata| metadata.len())
}

#[cfg(not(unix))]
const fn length_of_stdin() -> u64 {
    0
}
