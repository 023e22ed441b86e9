//! What is known of grants, revocations, and the nodes under a grant: rows of the policy. See `docs/format.md`.

use bytes::{BufMut, Bytes};
use hyperlog::{BranchNo, Change, Input, LogError, Malformed, NodeId, Place, Rows, Seq};

use crate::cut::Cut;
use crate::role::Role;

/// Below this, a row for each grant, by its local number; the genesis is one, too.
pub(crate) const GRANT: u8 = b'g';
/// Below this, a row for each revocation, by its local number.
pub(crate) const REVOKE: u8 = b'r';
/// Below this, by the local number of a grant, the nodes under it: one row a commit.
pub(crate) const UNDER: u8 = b'u';
/// Below this, by key, the local numbers of its grants that stand.
pub(crate) const KEY: u8 = b'k';
/// Below this, the keys of which a grant has ended.
pub(crate) const ENDED: u8 = b'e';

/// A grant as the stored nodes have it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) id: NodeId,
    /// What it acts under; none for the genesis.
    pub(crate) cap: Option<Change>,
    pub(crate) key: [u8; 32],
    pub(crate) role: Role,
    /// How many grants lie between it and the genesis, itself included.
    pub(crate) depth: u8,
    pub(crate) standing: Standing,
    /// The newest revocation that targets it; the others are chained to it.
    pub(crate) newest: Option<Change>,
    /// Whether any node acts under it: if none does, none need be looked for.
    pub(crate) used: bool,
    /// On whose account values of void nodes are kept: its own, or that of the grant above it that counted.
    pub(crate) account: Change,
    /// Bytes of such values so far.
    pub(crate) spent: u64,
}

/// What decides over the nodes under a grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The grant itself does not count, so nothing under it does.
    pub(crate) void: bool,
    /// What all revocations from above keep that count; none when there is none.
    pub(crate) above: Option<Cut>,
    /// What all revocations keep that count.
    pub(crate) kept: Option<Cut>,
}

impl Standing {
    /// Whether new nodes may act under the grant. What comes after a revocation that counts cannot be kept by it.
    pub(crate) const fn is_open(&self) -> bool {
        !self.void && self.kept.is_none()
    }

    /// Whether resignations make no difference to what those above keep.
    pub(crate) fn is_plain(&self) -> bool {
        self.above == self.kept
    }

    /// One more revocation from above counts.
    pub(crate) fn add_from_above(&mut self, keep: &Cut, rows: &Rows<'_>) {
        let all = self.above.as_ref().map_or_else(|| keep.clone(), |above| above.intersect(keep, rows));
        self.above = Some(all.clone());
        self.kept = Some(all);
    }

    /// A resignation, which counts if all revocations from above keep it.
    pub(crate) fn add_resignation(&mut self, revoke: &Revoke, rows: &Rows<'_>) {
        if self.above.as_ref().is_none_or(|above| above.keeps(revoke.place, rows)) {
            let keep = &revoke.keep;
            let all = self.kept.as_ref().map_or_else(|| keep.clone(), |kept| kept.intersect(keep, rows));
            self.kept = Some(all);
        }
    }

    /// The last number of a branch that counts, of the nodes under the grant; 0 when none does.
    pub(crate) fn last_of(&self, branch: BranchNo, rows: &Rows<'_>) -> u64 {
        match &self.kept {
            _ if self.void => 0,
            None => u64::MAX,
            Some(kept) => kept.last_of(branch, rows),
        }
    }
}

/// A revocation as the stored nodes have it now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Revoke {
    pub(crate) cap: Change,
    pub(crate) target: Change,
    /// What it keeps; of a resignation, itself and all before it, too.
    pub(crate) keep: Cut,
    pub(crate) place: Place,
    /// Whether it does not count, as its own grant has it. One that resigns is judged by its target instead.
    pub(crate) void: bool,
    /// The revocation of the same target that came before it.
    pub(crate) older: Option<Change>,
}

impl Revoke {
    pub(crate) fn resigns(&self) -> bool {
        self.cap == self.target
    }
}

/// Nodes under one grant that follow each other both on a branch and in local order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) first: Place,
    pub(crate) change: Change,
    pub(crate) nodes: u64,
    /// Whether they are grants and revocations, rather than data.
    pub(crate) acts: bool,
}

impl Stretch {
    pub(crate) const fn last(&self) -> Place {
        Place { branch: self.first.branch, seq: Seq(self.first.seq.0 + self.nodes - 1) }
    }

    /// Takes in the next node, if it is that.
    pub(crate) fn extend(&mut self, place: Place, change: Change, acts: bool) -> bool {
        let next = (self.first.seq.0 + self.nodes, self.change.0 + self.nodes);
        let fits = self.acts == acts && self.first.branch == place.branch && next == (place.seq.0, change.0);
        self.nodes += u64::from(fits);
        fits
    }
}

/// A change that may be none; no node has number 0.
fn put_maybe(out: &mut Vec<u8>, change: Option<Change>) {
    out.put_u64(change.map_or(0, |change| change.0));
}

fn change(input: &mut Input) -> Result<Change, Malformed> {
    input.array().map(u64::from_be_bytes).map(Change)
}

fn maybe(input: &mut Input) -> Result<Option<Change>, Malformed> {
    Ok(Some(change(input)?).filter(|change| change.0 > 0))
}

fn flag(input: &mut Input) -> Result<bool, Malformed> {
    match input.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(input.malformed("a flag")),
    }
}

impl Grant {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { id, cap, key, role, depth, standing, newest, used, account, spent } = self;
        let mut out = Vec::with_capacity(128);
        out.put_slice(id.as_bytes());
        put_maybe(&mut out, *cap);
        out.put_slice(key);
        out.put_u8(*role as u8);
        out.put_u8(*depth);
        put_maybe(&mut out, *newest);
        out.put_u8(u8::from(*used));
        out.put_u64(account.0);
        out.put_u64(*spent);
        standing.encode(&mut out);
        out
    }

    pub(crate) fn decode(row: Bytes) -> Result<Self, Malformed> {
        let mut input = Input::new(row);
        let (id, cap, key) = (input.id()?, maybe(&mut input)?, input.array()?);
        let role = input.u8()?;
        let role = Role::from_byte(role).ok_or_else(|| input.malformed("a role"))?;
        let depth = input.u8()?;
        let (newest, used) = (maybe(&mut input)?, flag(&mut input)?);
        let account = change(&mut input)?;
        let spent = input.array().map(u64::from_be_bytes)?;
        let standing = Standing::decode(&mut input)?;
        input.end()?;
        Ok(Self { id, cap, key, role, depth, standing, newest, used, account, spent })
    }
}

impl Standing {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(u8::from(self.void));
        for cut in [&self.above, &self.kept] {
            out.put_u8(u8::from(cut.is_some()));
            if let Some(cut) = cut {
                cut.encode(out);
            }
        }
    }

    fn decode(input: &mut Input) -> Result<Self, Malformed> {
        let void = flag(input)?;
        let mut cut = || if flag(input)? { Cut::decode(input).map(Some) } else { Ok(None) };
        Ok(Self { void, above: cut()?, kept: cut()? })
    }
}

impl Revoke {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Self { cap, target, keep, place, void, older } = self;
        let mut out = Vec::with_capacity(64);
        out.put_u64(cap.0);
        out.put_u64(target.0);
        out.put_slice(&place.to_bytes());
        out.put_u8(u8::from(*void));
        put_maybe(&mut out, *older);
        keep.encode(&mut out);
        out
    }

    pub(crate) fn decode(row: Bytes) -> Result<Self, Malformed> {
        let mut input = Input::new(row);
        let (cap, target) = (change(&mut input)?, change(&mut input)?);
        let place = input.array().map(Place::from_bytes)?;
        let (void, older) = (flag(&mut input)?, maybe(&mut input)?);
        let keep = Cut::decode(&mut input)?;
        input.end()?;
        Ok(Self { cap, target, keep, place, void, older })
    }
}

impl Stretch {
    fn encode(&self, out: &mut Vec<u8>) {
        out.put_slice(&self.first.to_bytes());
        out.put_u64(self.change.0);
        out.put_u64(self.nodes);
        out.put_u8(u8::from(self.acts));
    }

    fn decode(input: &mut Input) -> Result<Self, Malformed> {
        let first = input.array().map(Place::from_bytes)?;
        let (change, nodes) = (change(input)?, input.array().map(u64::from_be_bytes)?);
        let acts = flag(input)?;
        // What is counted from here must not run over.
        let bound = u64::MAX >> 1;
        if nodes == 0 || [first.seq.0, change.0, nodes].iter().any(|number| *number > bound) {
            return Err(input.malformed("a stretch"));
        }
        Ok(Self { first, change, nodes, acts })
    }

    pub(crate) fn encode_all(stretches: &[Self]) -> Vec<u8> {
        let mut out = Vec::with_capacity(29 * stretches.len());
        stretches.iter().for_each(|stretch| stretch.encode(&mut out));
        out
    }

    pub(crate) fn decode_all(row: Bytes) -> Result<Vec<Self>, Malformed> {
        let mut input = Input::new(row);
        let mut stretches = Vec::new();
        while input.remaining() > 0 {
            stretches.push(Self::decode(&mut input)?);
        }
        Ok(stretches)
    }
}

/// The key of a row by a local number.
pub(crate) fn key_of(kind: u8, change: Change) -> Vec<u8> {
    [&[kind][..], &change.0.to_be_bytes()].concat()
}

/// Below this, the rows of the nodes under a grant.
pub(crate) fn under_key(grant: Change, first: Change) -> Vec<u8> {
    [&key_of(UNDER, grant)[..], &first.0.to_be_bytes()].concat()
}

/// The row of a key of which a grant has ended.
pub(crate) fn ended_key(key: &[u8; 32]) -> Vec<u8> {
    [&[ENDED][..], key].concat()
}

/// Below this, the grants of a key that stand.
pub(crate) fn grants_of(key: &[u8; 32]) -> Vec<u8> {
    [&[KEY][..], key].concat()
}

/// The local number at the end of a row's key.
pub(crate) fn change_at_end(key: &Bytes) -> Result<Change, LogError> {
    let number = key.last_chunk().ok_or_else(|| damaged("a key of the policy", None))?;
    Ok(Change(u64::from_be_bytes(*number)))
}

/// A row that cannot be read.
pub(crate) fn damaged(row: &str, source: impl Into<Option<Malformed>>) -> LogError {
    LogError::Damaged { row: row.to_owned(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(n: u8) -> [u8; 12] {
        [n; 12]
    }

    fn cut(places: &[u8]) -> Vec<u8> {
        let mut out = vec![u8::try_from(places.len()).unwrap()];
        places.iter().for_each(|n| out.extend(place(*n)));
        out
    }

    fn standings() -> Vec<Standing> {
        let cut = |places: &[u8]| Cut::decode(&mut Input::new(cut(places).into())).unwrap();
        let cuts = [None, Some(cut(&[])), Some(cut(&[1, 2]))];
        let pairs = cuts.iter().flat_map(|above| cuts.iter().map(move |kept| (above.clone(), kept.clone())));
        pairs.enumerate().map(|(n, (above, kept))| Standing { void: n % 2 == 1, above, kept }).collect()
    }

    /// Rows come back as they were written, and what is cut short or too long is damage, not something else.
    fn whole<T: PartialEq + std::fmt::Debug>(
        record: &T,
        row: &[u8],
        decode: impl Fn(Bytes) -> Result<T, Malformed>,
    ) {
        assert_eq!(decode(Bytes::copy_from_slice(row)).as_ref(), Ok(record));
        for end in 0..row.len() {
            assert_ne!(decode(Bytes::copy_from_slice(&row[..end])).as_ref(), Ok(record), "{end}");
        }
        assert!(decode([row, &[0]].concat().into()).is_err());
    }

    #[test]
    fn rows_come_back_as_they_were_written() {
        for standing in standings() {
            for cap in [None, Some(Change(7))] {
                let id = NodeId::from_bytes([5; 32]);
                let (key, role, account) = ([6; 32], Role::Admin, Change(8));
                let standing = standing.clone();
                let grant = Grant {
                    id,
                    cap,
                    key,
                    role,
                    depth: 4,
                    standing,
                    newest: cap,
                    used: true,
                    account,
                    spent: 1 << 20,
                };
                whole(&grant, &grant.encode(), Grant::decode);
            }
        }
        let keep = Cut::decode(&mut Input::new(cut(&[4]).into())).unwrap();
        let (cap, target, place) = (Change(1), Change(2), Place::from_bytes(place(3)));
        let revoke = Revoke { cap, target, keep, place, void: true, older: Some(Change(1)) };
        whole(&revoke, &revoke.encode(), Revoke::decode);
        let stretch = Stretch {
            first: Place { branch: BranchNo(1), seq: Seq(2) },
            change: Change(3),
            nodes: 4,
            acts: true,
        };
        whole(&vec![stretch; 3], &Stretch::encode_all(&[stretch; 3]), Stretch::decode_all);
    }

    #[test]
    fn numbers_that_run_over_are_damage() {
        let stretch = Stretch {
            first: Place { branch: BranchNo(1), seq: Seq(2) },
            change: Change(3),
            nodes: 4,
            acts: true,
        };
        for wrong in [
            Stretch { nodes: 0, ..stretch },
            Stretch { nodes: u64::MAX, ..stretch },
            Stretch { change: Change(u64::MAX), ..stretch },
            Stretch { first: Place { seq: Seq(u64::MAX), ..stretch.first }, ..stretch },
        ] {
            assert!(Stretch::decode_all(Stretch::encode_all(&[wrong]).into()).is_err());
        }
        assert!(Cut::decode(&mut Input::new(cut(&[1; 18]).into())).is_err());
    }
}
