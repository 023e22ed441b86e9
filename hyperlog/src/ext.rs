//! What a node adds to an entry: its kind, the grant it acts under, and its links.

use bytes::{BufMut, Bytes};
use scuttleup::{Input, Malformed, Near, put_reference, put_varint, take_reference};

use crate::NodeId;

/// The most links that a node can have. A constant of the format.
pub const LINKS_MAX: usize = 256;

/// What a node is for. Kinds other than `Data` belong to the policy of authorized writers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
#[repr(u8)]
pub enum Kind {
    /// A value of the application.
    #[default]
    Data = 0,
    /// The first node of a channel.
    Genesis = 1,
    /// Somebody may write.
    Grant = 2,
    /// Somebody may not any more.
    Revoke = 3,
}

impl Kind {
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Data),
            1 => Some(Self::Genesis),
            2 => Some(Self::Grant),
            3 => Some(Self::Revoke),
            _ => None,
        }
    }
}

/// The `ext` of a node. Links are a set: ascending, without repetition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ext {
    pub(crate) kind: Kind,
    /// The grant that the writer acts under; none in a log without a policy of writers.
    pub(crate) cap: Option<NodeId>,
    pub(crate) links: Vec<NodeId>,
}

const NO_CAP: [u8; 32] = [0; 32];
/// Bytes before the links: kind, grant, number of links.
const FIXED_BYTES: usize = 1 + 32 + 2;

/// An `ext` that is read where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) kind: Kind,
    pub(crate) cap: Option<NodeId>,
    links: &'a [[u8; 32]],
}

impl<'a> View<'a> {
    /// Accepts canonical bytes only.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let refuse = |at, what| Malformed { at, what };
        let (fixed, rest) = bytes
            .split_first_chunk::<FIXED_BYTES>()
            .ok_or_else(|| refuse(bytes.len(), "the ext of a node"))?;
        let (kind, fixed) = fixed.split_first().ok_or_else(|| refuse(0, "a kind of node"))?;
        let kind = Kind::from_byte(*kind).ok_or_else(|| refuse(0, "a kind of node"))?;
        let (cap, n) = fixed.split_first_chunk::<32>().ok_or_else(|| refuse(1, "a grant"))?;
        let n = n.try_into().map(u16::from_le_bytes).map_err(|_| refuse(33, "a number of links"))?;
        let (links, trailing) = rest.as_chunks::<32>();
        if usize::from(n) > LINKS_MAX || links.len() != usize::from(n) || !trailing.is_empty() {
            return Err(refuse(33, "at most 256 links, and as many as announced"));
        }
        if !links.is_sorted_by(|a, b| a < b) {
            return Err(refuse(FIXED_BYTES, "links in ascending order, each once"));
        }
        let cap = Some(NodeId::from_bytes(*cap)).filter(|cap| cap.as_bytes() != &NO_CAP);
        Ok(Self { kind, cap, links })
    }

    pub(crate) fn links(&self) -> impl Iterator<Item = NodeId> + use<'a> {
        self.links.iter().copied().map(NodeId::from_bytes)
    }
}

impl Ext {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(FIXED_BYTES + 32 * self.links.len());
        out.push(self.kind as u8);
        out.put_slice(self.cap.as_ref().map_or(&NO_CAP, |cap| cap.as_bytes()));
        out.put_u16_le(u16::try_from(self.links.len()).expect("links were counted when they were gathered"));
        for link in &self.links {
            out.put_slice(link.as_bytes());
        }
        out.into()
    }

    /// Decodes canonical bytes: `encode(decode(x)) == x` for every accepted `x`.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let view = View::decode(bytes)?;
        Ok(Self { kind: view.kind, cap: view.cap, links: view.links().collect() })
    }

    /// Writes the ext short: most nodes link their writer's previous entry, or one of the same group, and
    /// act under the same grant as the node before.
    pub(crate) fn pack(&self, near: &Near<'_>, out: &mut Vec<u8>) {
        let same_cap = self.cap == cap_before(near);
        let links_prev = near.prev.is_some_and(|prev| self.links.binary_search(&prev).is_ok());
        let others: Vec<&NodeId> = self.links.iter().filter(|link| Some(**link) != near.prev).collect();
        let bit = |set, bit| if set { bit } else { 0 };
        out.push(
            self.kind as u8
                | bit(!same_cap, OTHER_CAP)
                | bit(links_prev, LINKS_PREV)
                | bit(!others.is_empty(), LINKS_OTHERS),
        );
        if !same_cap {
            out.put_slice(self.cap.as_ref().map_or(&NO_CAP, |cap| cap.as_bytes()));
        }
        if !others.is_empty() {
            put_varint(out, others.len() as u64);
            for link in others {
                put_reference(out, link, near);
            }
        }
    }

    pub(crate) fn unpack(input: &mut Input, near: &Near<'_>) -> Result<Self, Malformed> {
        let flags = input.u8()?;
        if flags & !(KIND | OTHER_CAP | LINKS_PREV | LINKS_OTHERS) != 0 {
            return Err(input.malformed("known flags of a node"));
        }
        let kind = Kind::from_byte(flags & KIND).ok_or_else(|| input.malformed("a kind of node"))?;
        let cap = if flags & OTHER_CAP == 0 { cap_before(near) } else { unpack_cap(input, near)? };
        let mut links = if flags & LINKS_OTHERS == 0 { Vec::new() } else { unpack_others(input, near)? };
        if flags & LINKS_PREV != 0 {
            let prev = near.prev.ok_or_else(|| input.malformed("a previous entry to link"))?;
            let place = links.binary_search(&prev).err();
            links.insert(place.ok_or_else(|| input.malformed("each link once"))?, prev);
        }
        if links.len() > LINKS_MAX {
            return Err(input.malformed("at most 256 links"));
        }
        Ok(Self { kind, cap, links })
    }
}

/// A cap that is not that of the entry before.
fn unpack_cap(input: &mut Input, near: &Near<'_>) -> Result<Option<NodeId>, Malformed> {
    let cap = Some(input.id()?).filter(|cap| cap.as_bytes() != &NO_CAP);
    if cap == cap_before(near) { Err(input.malformed("another cap than before")) } else { Ok(cap) }
}

/// Links other than `prev`: ascending, each once.
fn unpack_others(input: &mut Input, near: &Near<'_>) -> Result<Vec<NodeId>, Malformed> {
    let n = input.length()?;
    if n == 0 || n > LINKS_MAX {
        return Err(input.malformed("1 to 256 links"));
    }
    let mut links = Vec::new();
    for _ in 0..n {
        let link = take_reference(input, near)?;
        if Some(link) == near.prev || links.last().is_some_and(|before| *before >= link) {
            return Err(input.malformed("links in ascending order, each once"));
        }
        links.push(link);
    }
    Ok(links)
}

const KIND: u8 = 0b0000_0011;
const OTHER_CAP: u8 = 0b0000_0100;
const LINKS_PREV: u8 = 0b0000_1000;
const LINKS_OTHERS: u8 = 0b0001_0000;

fn cap_before(near: &Near<'_>) -> Option<NodeId> {
    let ext = near.before?.get(1..33)?;
    Some(NodeId::from_bytes(ext.try_into().ok()?)).filter(|cap| cap.as_bytes() != &NO_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> NodeId {
        NodeId::from_bytes([n; 32])
    }

    #[test]
    fn an_ext_has_one_encoding() {
        let ext = Ext { kind: Kind::Grant, cap: Some(id(9)), links: vec![id(1), id(2)] };
        let bytes = ext.encode();
        assert_eq!(Ext::decode(&bytes), Ok(ext));
        for cut in 0..bytes.len() {
            assert!(Ext::decode(&bytes.slice(..cut)).is_err(), "cut at {cut}");
        }
        let mut more = bytes.to_vec();
        more.push(0);
        assert!(Ext::decode(&more).is_err(), "a trailing byte");
    }

    #[test]
    fn links_that_are_not_ascending_or_repeat_are_refused() {
        for links in [vec![id(2), id(1)], vec![id(1), id(1)]] {
            let bytes = Ext { links, ..Ext::default() }.encode();
            assert!(Ext::decode(&bytes).is_err());
        }
        let links: Vec<NodeId> = (0..=255).chain([255]).map(id).collect();
        assert!(Ext::decode(&Ext { links, ..Ext::default() }.encode()).is_err(), "257 links");
    }

    #[test]
    fn an_unknown_kind_is_refused() {
        let mut bytes = Ext::default().encode().to_vec();
        bytes[0] = 4;
        assert!(Ext::decode(&bytes).is_err());
    }
}
