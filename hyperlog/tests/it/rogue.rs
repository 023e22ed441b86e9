//! A writer that keeps no rule of the graph: it signs whatever `ext` it is told to, and packs it as it likes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use hyperlog::{AdmitError, Kind, Known, LogError, Malformed, NodeId, Rows};
use scuttleup::{Candidate, Entry, Extension, Input, Log, Near, put_reference, put_varint, take_reference};

use crate::support::identity;

/// The bytes of an `ext`, by the format, without any check. The order of links is kept.
pub(crate) fn ext(kind: u8, cap: Option<NodeId>, links: &[NodeId]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(cap.map_or([0; 32], |cap| *cap.as_bytes()));
    out.extend(u16::try_from(links.len()).unwrap().to_le_bytes());
    links.iter().for_each(|link| out.extend(link.as_bytes()));
    out
}

/// As a node would pack it after one without a cap, but every link on its own, in full and in the order given.
pub(crate) fn packed(kind: u8, cap: Option<NodeId>, links: &[NodeId]) -> Vec<u8> {
    let mut out =
        vec![kind | if cap.is_some() { 0b100 } else { 0 } | if links.is_empty() { 0 } else { 0b1_0000 }];
    out.extend(cap.iter().flat_map(|cap| *cap.as_bytes()));
    if !links.is_empty() {
        put_varint(&mut out, links.len() as u64);
        for link in links {
            out.push(0);
            out.extend(link.as_bytes());
        }
    }
    out
}

/// A log without rules.
pub(crate) struct Rogue {
    pub(crate) log: Log,
    lies: Arc<Lies>,
}

/// What is sent in place of an `ext`.
#[derive(Default)]
struct Lies(Mutex<BTreeMap<Vec<u8>, Vec<u8>>>);

impl Rogue {
    pub(crate) fn new(writer: u8) -> Self {
        let lies = Arc::new(Lies::default());
        let level = Arc::new(hyperlog::Memory::new());
        let log = Log::options().extension(Arc::clone(&lies) as _).open(level, identity(writer)).unwrap();
        Self { log, lies }
    }

    /// Signs an entry with this `ext`.
    pub(crate) fn append(&self, ext: Vec<u8>) -> NodeId {
        let append =
            |transaction: &mut scuttleup::Transaction<'_>| transaction.append(ext.into(), "value".into());
        self.log.transaction::<_, LogError>(None, append).unwrap().id
    }

    /// From now on sends `said` where an entry has this `ext`.
    pub(crate) fn lie(&self, ext: &[u8], said: Vec<u8>) {
        self.lies.0.lock().unwrap().insert(ext.to_vec(), said);
    }

    pub(crate) fn export(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.log.export(&mut out).unwrap();
        out
    }

    pub(crate) fn import(&self, bytes: &[u8]) {
        self.log.import(bytes).unwrap();
    }
}

impl Extension for Lies {
    fn kind(&self) -> &'static str {
        "hyperlog"
    }

    fn admit(&self, _: &Candidate<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        Ok(())
    }

    fn store(&self, _: &[Entry], _: &mut Rows<'_>) -> Result<(), LogError> {
        Ok(())
    }

    fn pack(&self, ext: &[u8], near: &Near<'_>, out: &mut Vec<u8>) {
        if let Some(said) = self.0.lock().unwrap().get(ext) {
            out.extend(said);
            return;
        }
        // The honest spelling, written down once more from the format, where there is one.
        let id = |bytes: &[u8]| NodeId::from_bytes(bytes.try_into().unwrap());
        let links: Vec<NodeId> = ext[35..].chunks_exact(32).map(id).collect();
        let others: Vec<&NodeId> = links.iter().filter(|link| Some(**link) != near.prev).collect();
        let new_cap = ext[1..33] != near.before.map_or([0; 32], |before| before[1..33].try_into().unwrap());
        let bit = |set, bit| if set { bit } else { 0 };
        let links_prev = bit(others.len() < links.len(), 0b1000);
        out.push(ext[0] & 3 | bit(new_cap, 0b100) | links_prev | bit(!others.is_empty(), 0b1_0000));
        out.extend(ext[1..33].iter().filter(|_| new_cap));
        if !others.is_empty() {
            put_varint(out, others.len() as u64);
            others.into_iter().for_each(|link| put_reference(out, link, near));
        }
    }

    /// Understands the packing of hyperlog, written down once more from the format.
    fn unpack(&self, input: &mut Input, near: &Near<'_>) -> Result<Bytes, Malformed> {
        let flags = input.u8()?;
        let cap = match (flags & 0b100, near.before) {
            (0, None) => None,
            (0, Some(before)) => Some(NodeId::from_bytes(before[1..33].try_into().unwrap())),
            _ => Some(input.id()?),
        };
        let mut links: Vec<NodeId> = if flags & 0b1000 == 0 { vec![] } else { vec![near.prev.unwrap()] };
        if flags & 0b1_0000 != 0 {
            for _ in 0..input.varint()? {
                links.push(take_reference(input, near)?);
            }
        }
        links.sort_unstable();
        Ok(ext(flags & 3, cap, &links).into())
    }
}

/// The kind of a byte.
pub(crate) fn kind(byte: u8) -> Kind {
    [Kind::Data, Kind::Genesis, Kind::Grant, Kind::Revoke][usize::from(byte)]
}

/// Opens the log below a graph, as it lies there.
pub(crate) fn reopen(level: Arc<dyn hyperlog::Level>) -> Log {
    Log::options().extension(Arc::new(Lies::default())).open(level, identity(1)).unwrap()
}
