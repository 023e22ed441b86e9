//! Who wrote it: signed entries, a stranger's entries, and two under one number.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use scuttleup::{Entry, Evidence, Log, Read, Seq, WriterId};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Forges an export: wherever it holds `real`, it holds `forged` then, which takes as many bytes.
pub fn forge(export: &[u8], real: &[u8], forged: &[u8]) -> Vec<u8> {
    // 1. Copy the bytes, and change the copy.
    todo!("1: forge an export")
}

/// Imports an export. Says why, if it was refused.
pub fn take(log: &Log, export: &[u8]) -> Option<String> {
    // 2. Import it. The error says where the import stopped, and its cause says why.
    todo!("2: import, and say why not")
}

/// What one writer wrote, in the order of its numbers.
pub fn written_by(log: &Log, writer: &WriterId) -> Result<Vec<String>> {
    // 3. Read the log. An entry knows its writer, and `text` below makes text of it.
    todo!("3: read what one writer wrote")
}

/// All that a writer wrote under one number, sorted.
pub fn under(log: &Log, writer: &WriterId, seq: Seq) -> Result<Vec<String>> {
    // 4. The log has a call for the entry under a number, and one for the entries.
    todo!("4: read all entries under one number")
}

/// The evidence of all forks in a log.
pub fn evidence(log: &Log) -> Result<Vec<Evidence>> {
    // 5. Ask the log for its forks, and for the evidence of each.
    todo!("5: collect the evidence of forks")
}

/// The number that `writer` gave to two entries, if the evidence proves that. There is no log to ask.
pub fn convicts(evidence: &Evidence, writer: &WriterId) -> Option<Seq> {
    // 6. Ask the evidence what it proves. It may prove nothing, or something of somebody else.
    todo!("6: check evidence")
}

/// The value of an entry, which is text here.
fn text(entry: &Entry) -> Result<String> {
    let bytes = entry.value().bytes().ok_or("the value is not here")?;
    Ok(String::from_utf8(bytes.to_vec())?)
}
