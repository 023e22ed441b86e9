//! One numbered item of a writer, as a log hands it out and as it lies in the store.

use bytes::{BufMut, Bytes};

use crate::header::Header;
use crate::ids::{Change, EntryId, Seq, Topic, WriterId};
use crate::input::{Input, Malformed};

/// What became of an entry's value.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// It is here.
    Here(Bytes),
    /// It was deleted on this replica, and stays so.
    Deleted,
    /// It is not here yet: the peer that sent the entry had deleted it, or had no use for it. It is filled in when some
    /// peer has it.
    Pending,
    /// It is not here, and nobody is asked for it: the layer above has no use for it, for now.
    Unwanted,
}

impl Value {
    /// The bytes, where they are here.
    #[must_use]
    pub const fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Here(bytes) => Some(bytes),
            Self::Deleted | Self::Pending | Self::Unwanted => None,
        }
    }
}

impl std::fmt::Debug for Value {
    /// Shows the length, never the contents: values can be private.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Here(bytes) => write!(f, "Here({} bytes)", bytes.len()),
            Self::Deleted => f.write_str("Deleted"),
            Self::Pending => f.write_str("Pending"),
            Self::Unwanted => f.write_str("Unwanted"),
        }
    }
}

/// A local number for a branch of a writer: a writer that never forks has one. Numbers are given in the order in which
/// branches came, and stay; another replica gives others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BranchNo(pub u32);

/// Where an entry lies: on which branch of its writer, and under which number.
///
/// Local to a replica, as [`Change`] is, and stable over restarts. An entry before a fork lies on the branch that came
/// first; the entries of a branch follow the one that it grew from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The branch itself, not one that grew from it.
    pub branch: BranchNo,
    /// The number in its writer's log.
    pub seq: Seq,
}

impl Place {
    /// Branch and number, big-endian: they sort as places do.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 12] {
        let mut bytes = [0; 12];
        let (branch, seq) = bytes.split_at_mut(4);
        branch.copy_from_slice(&self.branch.0.to_be_bytes());
        seq.copy_from_slice(&self.seq.0.to_be_bytes());
        bytes
    }

    /// Undoes [`to_bytes`](Self::to_bytes).
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        let [a, b, c, d, seq @ ..] = bytes;
        Self { branch: BranchNo(u32::from_be_bytes([a, b, c, d])), seq: Seq(u64::from_be_bytes(seq)) }
    }
}

/// An entry that is stored. Cheap to clone: the bytes are shared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(crate) change: Change,
    pub(crate) id: EntryId,
    pub(crate) header: Header,
    pub(crate) value: Value,
    pub(crate) signature: Option<[u8; 64]>,
    pub(crate) branch: BranchNo,
    pub(crate) ends_group: bool,
    /// None in rows of before it was kept.
    pub(crate) lineage: Option<Lineage>,
}

/// A digest of the local order of this replica up to an entry: which entries it holds until there, and in which order.
/// Two replicas, or two states of one, with the same digest at the same number have the same entries up to it.
///
/// It notices what happened by accident, such as an old copy of a database that went another way; no peer ever sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lineage(u64);

impl Lineage {
    /// The order with one more entry.
    #[must_use]
    pub fn then(self, id: &EntryId) -> Self {
        let mut bytes = [0; 40];
        let (before, last) = bytes.split_at_mut(8);
        before.copy_from_slice(&self.0.to_be_bytes());
        last.copy_from_slice(id.as_bytes());
        Self(xxhash_rust::xxh3::xxh3_64(&bytes))
    }

    /// As it is kept in a row.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    /// As it was read from a row.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(bytes))
    }
}

impl Entry {
    /// Its number in the local order of this replica.
    #[must_use]
    pub const fn change(&self) -> Change {
        self.change
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// Whose log it is in.
    #[must_use]
    pub const fn writer(&self) -> WriterId {
        self.header.writer
    }

    /// Its number there.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.header.seq
    }

    /// Where it lies among the branches of its writer.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place { branch: self.branch, seq: self.header.seq }
    }

    /// What is hashed and signed of it.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Its value, or what became of it.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.value
    }

    /// The verified signature, on the last entry of each run. It vouches for all that lies before the
    /// entry on its branch.
    #[must_use]
    pub const fn signature(&self) -> Option<&[u8; 64]> {
        self.signature.as_ref()
    }

    /// Whether a group of the local order ends here. Senders join groups and never cut one.
    #[must_use]
    pub const fn ends_group(&self) -> bool {
        self.ends_group
    }

    /// The local order up to here.
    #[must_use]
    pub fn lineage(&self) -> Lineage {
        self.lineage.unwrap_or_else(|| Lineage::default().then(&self.id))
    }

    /// Appends the row of the entry: see `docs/format.md`, "entries".
    pub(crate) fn encode_row(&self, out: &mut impl BufMut) {
        out.put_u8(self.flags());
        out.put_u32(self.branch.0);
        out.put_slice(self.id.as_bytes());
        if let Some(lineage) = self.lineage {
            out.put_slice(&lineage.to_bytes());
        }
        if let Some(signature) = &self.signature {
            out.put_slice(signature);
        }
        self.header.encode_own(out);
        if let Some(value) = self.value.bytes() {
            out.put_slice(value);
        }
    }

    fn flags(&self) -> u8 {
        let value = match self.value {
            Value::Here(_) => HERE,
            Value::Deleted => DELETED,
            Value::Pending => 0,
            Value::Unwanted => UNWANTED,
        };
        value
            | if self.ends_group { ENDS_GROUP } else { 0 }
            | if self.signature.is_some() { SIGNED } else { 0 }
            | if self.lineage.is_some() { TRACED } else { 0 }
    }

    /// Decodes a row of our own store. What is in it was verified before it was stored; this checks the
    /// shape, `fsck` checks the rest.
    pub(crate) fn decode_row(topic: Topic, change: Change, row: Bytes) -> Result<Self, Malformed> {
        let mut input = Input::new(row);
        let flags = input.u8()?;
        let fate = flags & (HERE | DELETED | UNWANTED);
        if flags & !(ENDS_GROUP | SIGNED | TRACED) != fate || fate.count_ones() > 1 {
            return Err(input.malformed("known flags of an entry"));
        }
        let branch = BranchNo(input.array().map(u32::from_be_bytes)?);
        let id = input.id()?;
        let lineage = if flags & TRACED == 0 { None } else { Some(Lineage::from_bytes(input.array()?)) };
        let signature = if flags & SIGNED == 0 { None } else { Some(input.array()?) };
        let header = Header::decode_own(topic, &mut input)?;
        let value = match fate {
            HERE => Value::Here(input.take(header.value_len as usize)?),
            DELETED => Value::Deleted,
            UNWANTED => Value::Unwanted,
            _ => Value::Pending,
        };
        input.end()?;
        let ends_group = flags & ENDS_GROUP != 0;
        Ok(Self { change, id, header, value, signature, branch, ends_group, lineage })
    }
}

const ENDS_GROUP: u8 = 1;
const SIGNED: u8 = 2;
const HERE: u8 = 4;
const DELETED: u8 = 8;
const TRACED: u8 = 16;
const UNWANTED: u8 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_decodes_to_the_entry_it_was_made_of() {
        let header = Header {
            topic: Topic::OPEN,
            writer: crate::Identity::from_seed(&[1; 32]).writer(),
            seq: Seq(2),
            prev: Some(EntryId::from_bytes([7; 32])),
            ext: Bytes::from_static(b"ext"),
            value_len: 5,
            value_hash: Header::hash_value(b"hello"),
        };
        let here = Value::Here(Bytes::from_static(b"hello"));
        let gone = [Value::Deleted, Value::Pending, Value::Unwanted].map(|value| (value, Some([9; 64])));
        for (value, signature) in [(here, None)].into_iter().chain(gone) {
            let entry = Entry {
                change: Change(3),
                id: header.id(),
                header: header.clone(),
                value,
                signature,
                branch: BranchNo(4),
                ends_group: signature.is_some(),
                lineage: signature.map(|_| Lineage(7)),
            };
            let mut row = Vec::new();
            entry.encode_row(&mut row);
            let row = Bytes::from(row);
            assert_eq!(Entry::decode_row(Topic::OPEN, Change(3), row.clone()), Ok(entry));
            for cut in 0..row.len() {
                assert!(Entry::decode_row(Topic::OPEN, Change(3), row.slice(..cut)).is_err(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn a_place_is_what_its_bytes_say_and_sorts_as_they_do() {
        let place = |branch, seq| Place { branch: BranchNo(branch), seq: Seq(seq) };
        assert_eq!(place(0x0102_0304, 0x0506).to_bytes(), [1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 5, 6]);
        let places = [place(0, 7), place(0, 256), place(1, 1), place(256, 0), place(u32::MAX, u64::MAX)];
        for place in places {
            assert_eq!(Place::from_bytes(place.to_bytes()), place);
        }
        assert!(places.is_sorted() && places.map(Place::to_bytes).is_sorted());
    }

    #[test]
    fn a_lineage_tells_which_entries_and_in_which_order() {
        let of = |ids: &[u8]| {
            ids.iter().fold(Lineage::default(), |lineage, id| lineage.then(&EntryId::from_bytes([*id; 32])))
        };
        assert_eq!(of(&[1, 2]), of(&[1, 2]));
        for other in [&[][..], &[1], &[2, 1], &[3, 2], &[1, 2, 2]] {
            assert_ne!(of(&[1, 2]), of(other), "{other:?}");
        }
        assert_eq!(Lineage::from_bytes(of(&[1]).to_bytes()), of(&[1]));
        // As it lies in rows: XXH3 of the one before, big-endian, and the id.
        assert_eq!(of(&[1]).0, xxhash_rust::xxh3::xxh3_64(&[[0; 8].as_slice(), &[1; 32]].concat()));
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig {
            failure_persistence: None,
            ..proptest::prelude::ProptestConfig::with_cases(2_000)
        })]

        #[test]
        fn an_accepted_row_is_what_would_be_written(
            value in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..6),
            kind in 0..4,
            changes in proptest::collection::vec((0..220usize, proptest::prelude::any::<u8>()), 0..3),
        ) {
            let header = Header {
                topic: Topic::OPEN,
                writer: crate::Identity::from_seed(&[1; 32]).writer(),
                seq: Seq(1),
                prev: None,
                ext: Bytes::new(),
                value_len: value.len() as u32,
                value_hash: Header::hash_value(&value),
            };
            let value = match kind {
                0 => Value::Here(value.into()),
                1 => Value::Deleted,
                2 => Value::Unwanted,
                _ => Value::Pending,
            };
            let signature = (kind > 0).then_some([9; 64]);
            let entry = Entry {
                change: Change(3),
                id: header.id(),
                header,
                value,
                signature,
                branch: BranchNo(4),
                ends_group: true,
                lineage: (kind > 1).then_some(Lineage(7)),
            };
            let mut row = Vec::new();
            entry.encode_row(&mut row);
            for (at, to) in changes {
                if let Some(byte) = row.get_mut(at) {
                    *byte = to;
                }
            }
            if let Ok(entry) = Entry::decode_row(Topic::OPEN, Change(3), Bytes::from(row.clone())) {
                let mut again = Vec::new();
                entry.encode_row(&mut again);
                proptest::prop_assert_eq!(again, row);
            }
        }
    }
}
