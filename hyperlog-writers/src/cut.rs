//! What revocations keep of a writer's nodes.

use bytes::BufMut;
use hyperlog::{BranchNo, Input, Malformed, Place, Rows};

use crate::value::KEEP_MAX;

/// The ends of what is kept: these nodes, and all that stands before them in the writer's log. None stands
/// before another. There are at most 17: a revocation names 16, and a resignation is one more itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cut(Vec<Place>);

impl Cut {
    /// Leaves out what stands before something else.
    pub(crate) fn new(mut ends: Vec<Place>, rows: &Rows<'_>) -> Self {
        ends.sort_unstable();
        ends.dedup();
        let is_end =
            |end: &&Place| !ends.iter().any(|other| other != *end && rows.meet(*other, **end) == Some(**end));
        Self(ends.iter().filter(is_end).copied().collect())
    }

    /// What both keep. At most 289 lookups in the tree of branches.
    pub(crate) fn intersect(&self, other: &Self, rows: &Rows<'_>) -> Self {
        // On the way to an end, what the other keeps is all up to some node.
        let meets = |end: &Place| {
            let meets = other.0.iter().filter_map(|end2| rows.meet(*end, *end2));
            meets.max_by_key(|place| place.seq)
        };
        Self::new(self.0.iter().filter_map(meets).collect(), rows)
    }

    /// The last number that is kept of a branch; 0 when nothing is.
    pub(crate) fn last_of(&self, branch: BranchNo, rows: &Rows<'_>) -> u64 {
        let of_branch = self.0.iter().filter_map(|end| rows.below(*end, branch));
        of_branch.map(|seq| seq.0).max().unwrap_or(0)
    }

    pub(crate) fn keeps(&self, place: Place, rows: &Rows<'_>) -> bool {
        place.seq.0 <= self.last_of(place.branch, rows)
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u8(u8::try_from(self.0.len()).unwrap_or(u8::MAX));
        self.0.iter().for_each(|end| out.put_slice(&end.to_bytes()));
    }

    pub(crate) fn decode(input: &mut Input) -> Result<Self, Malformed> {
        let n = input.u8()?;
        if usize::from(n) > KEEP_MAX + 1 {
            return Err(input.malformed("at most 17 ends"));
        }
        (0..n).map(|_| input.array().map(Place::from_bytes)).collect::<Result<_, _>>().map(Self)
    }
}
