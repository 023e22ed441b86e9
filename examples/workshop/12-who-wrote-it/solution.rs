//! Who wrote it: signed entries, a stranger's entries, and two under one number.

use scuttleup::{Entry, Evidence, Log, Read, Seq, WriterId};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Forges an export: wherever it holds `real`, it holds `forged` then, which takes as many bytes.
pub fn forge(export: &[u8], real: &[u8], forged: &[u8]) -> Vec<u8> {
    let mut bytes = export.to_vec();
    for at in 0..bytes.len() {
        if bytes[at..].starts_with(real) {
            bytes[at..at + real.len()].copy_from_slice(forged);
        }
    }
    bytes
}

/// Imports an export. Says why, if it was refused.
pub fn take(log: &Log, export: &[u8]) -> Option<String> {
    match log.import(export) {
        Ok(_) => None,
        Err(refused) => Some(refused.cause.to_string()),
    }
}

/// What one writer wrote, in the order of its numbers.
pub fn written_by(log: &Log, writer: &WriterId) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in log.read(Read::all()) {
        let entry = entry?;
        if entry.writer() == *writer {
            texts.push(text(&entry)?);
        }
    }
    Ok(texts)
}

/// All that a writer wrote under one number, sorted.
pub fn under(log: &Log, writer: &WriterId, seq: Seq) -> Result<Vec<String>> {
    let mut texts = log.entries(writer, seq)?.iter().map(text).collect::<Result<Vec<_>>>()?;
    texts.sort();
    Ok(texts)
}

/// The evidence of all forks in a log.
pub fn evidence(log: &Log) -> Result<Vec<Evidence>> {
    log.forks()?.iter().map(|fork| Ok(log.evidence(fork)?)).collect()
}

/// The number that `writer` gave to two entries, if the evidence proves that. There is no log to ask.
pub fn convicts(evidence: &Evidence, writer: &WriterId) -> Option<Seq> {
    let fork = evidence.proves()?;
    (fork.writer == *writer).then_some(fork.seq)
}

/// The value of an entry, which is text here.
fn text(entry: &Entry) -> Result<String> {
    let bytes = entry.value().bytes().ok_or("the value is not here")?;
    Ok(String::from_utf8(bytes.to_vec())?)
}
