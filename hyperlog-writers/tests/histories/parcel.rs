//! Nodes on their way: as they were written, commit by commit, so that they can be handed on one after the other, in
//! any order that puts first what others name.

use bytes::Bytes;
use hyperlog::{Hyperlog, Utf8};
use replicate::{Exchange, Outgoing, Replica, Wants};

use crate::oracle::No;

/// The nodes of one commit, and the group that they travel in.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    pub(crate) nodes: Vec<No>,
    pub(crate) group: Bytes,
}

type Side = <Hyperlog<Utf8> as Replica>::Exchange;

/// Listens to what a log stores.
pub(crate) struct Tap {
    side: Side,
}

impl Tap {
    /// What the log stores from now on.
    pub(crate) fn new(log: &Hyperlog<Utf8>) -> Self {
        let mut side = log.exchange().expect("a log can be synced");
        side.agree(&Wants::All, &Wants::All);
        (0..side.tips().len()).for_each(|place| side.peer_has_tip(place));
        side.plan().expect("a log can be synced");
        while side.next_group().expect("a log can be read").is_some() {}
        Self { side }
    }

    /// The groups that were stored since this was called last.
    pub(crate) fn draw(&mut self) -> Vec<Outgoing> {
        std::iter::from_fn(|| self.side.next_live().expect("a log can be read")).collect()
    }
}

/// An export that holds these groups: `docs/format.md`, "export".
pub(crate) fn export<'a>(start: &[u8], parcels: impl IntoIterator<Item = &'a Parcel>) -> Vec<u8> {
    let mut out = start.to_vec();
    let mut entries = 0;
    for Parcel { nodes, group } in parcels {
        entries += nodes.len();
        frame(&mut out, 2, group);
    }
    let mut count = Vec::new();
    while entries >= 0x80 {
        count.push(entries as u8 | 0x80);
        entries >>= 7;
    }
    count.push(entries as u8);
    frame(&mut out, 3, &count);
    out
}

fn frame(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    out.extend((body.len() as u32).to_be_bytes());
    out.push(kind);
    out.extend(body);
}

/// How every export of a log begins.
pub(crate) fn start_of(log: &Hyperlog<Utf8>) -> Vec<u8> {
    let mut out = Vec::new();
    log.export(&mut out).expect("a log can be exported");
    let magic = 8;
    let body = u32::from_be_bytes(out[magic..magic + 4].try_into().expect("four bytes"));
    out.truncate(magic + 5 + body as usize);
    out
}
