//! A layer above that is just enough to depend on others: the `ext` of an entry is a list of entries.

use std::sync::Arc;

use bytes::Bytes;
use scuttleup::{
    AdmitError, Appended, Candidate, Entry, EntryId, Error, Extension, Input, Known, Log, Malformed, Near,
    Refusal, Rows, put_varint,
};

pub(crate) struct Links;

fn links(ext: &[u8]) -> Vec<EntryId> {
    ext.as_chunks::<32>().0.iter().copied().map(EntryId::from_bytes).collect()
}

impl Extension for Links {
    fn kind(&self) -> &'static str {
        "links"
    }

    fn admit(&self, entry: &Candidate<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
        for link in links(&entry.header.ext) {
            if !known.contains(&link)? {
                return Err(AdmitError::Refused(Refusal(format!("{link} is not here").into())));
            }
        }
        Ok(())
    }

    fn store(&self, _: &[Entry], _: &mut Rows<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn parents(&self, ext: &[u8], out: &mut Vec<EntryId>) {
        out.extend(links(ext));
    }

    fn pack(&self, ext: &[u8], _: &Near<'_>, out: &mut Vec<u8>) {
        put_varint(out, (ext.len() / 32) as u64);
        out.extend(ext);
    }

    fn unpack(&self, input: &mut Input, _: &Near<'_>) -> Result<Bytes, Malformed> {
        let n = input.varint()?;
        input.take((n.min(256) * 32) as usize)
    }
}

/// Options of a log with links.
pub(crate) fn options() -> scuttleup::Options {
    Log::options().extension(Arc::new(Links))
}

pub(crate) fn parents(entry: &Entry) -> impl Iterator<Item = EntryId> {
    entry.header().prev.into_iter().chain(links(&entry.header().ext))
}

/// Appends a batch of which each entry links to what it is given.
pub(crate) fn append(log: &Log, values: &[(Vec<EntryId>, &[u8])]) -> Vec<Appended> {
    let append = |transaction: &mut scuttleup::Transaction<'_>| {
        let entry = |(links, value): &(Vec<EntryId>, &[u8])| {
            let ext: Vec<u8> = links.iter().flat_map(|link| *link.as_bytes()).collect();
            transaction.append(ext.into(), Bytes::copy_from_slice(value))
        };
        values.iter().map(entry).collect::<Result<Vec<_>, Error>>()
    };
    log.transaction(None, append).unwrap()
}
