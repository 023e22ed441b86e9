//! A state of the map that can be named, and asked for again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use hyperlog::{Change, Node, NodeId, Seq, WriterId};

use crate::error::Error;
use crate::kv::HyperKv;

/// All that a replica had at one moment, named by the last node of every branch of every writer. The same name means the
/// same on every replica that has these nodes.
///
/// As text: the ids, joined by `+`; `0` when there was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version(Vec<NodeId>);

impl Version {
    /// The version that ends in these nodes. What [`HyperKv::version`] gives is closed: it has all that its nodes link
    /// to. So should be what you put together.
    pub fn new(tips: impl IntoIterator<Item = NodeId>) -> Self {
        let mut tips: Vec<NodeId> = tips.into_iter().collect();
        tips.sort_unstable();
        tips.dedup();
        Self(tips)
    }

    /// The nodes in which it ends, ascending.
    #[must_use]
    pub fn tips(&self) -> &[NodeId] {
        &self.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("0");
        }
        for (place, tip) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str("+")?;
            }
            write!(f, "{tip}")?;
        }
        Ok(())
    }
}

/// A text that names no version.
#[derive(Debug, thiserror::Error)]
#[error("{part:?} is not the id of a node: a version is ids joined by +, or 0")]
pub struct ParseVersionError {
    part: String,
}

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        if text == "0" {
            return Ok(Self::default());
        }
        let tip = |part: &str| part.parse().map_err(|_| ParseVersionError { part: part.to_owned() });
        Ok(Self::new(text.split('+').map(tip).collect::<Result<Vec<NodeId>, _>>()?))
    }
}

/// A moment in the life of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// When this was the last node of the local order of this replica.
    Change(Change),
    /// When some replica had this version.
    Version(Version),
}

impl From<Change> for Moment {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

impl From<Version> for Moment {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

impl From<&Version> for Moment {
    fn from(version: &Version) -> Self {
        Self::Version(version.clone())
    }
}

impl FromStr for Moment {
    type Err = ParseVersionError;

    /// A number is a change, anything else a version.
    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        match text.parse() {
            Ok(change) => Ok(Self::Change(Change(change))),
            Err(_) => text.parse().map(Self::Version),
        }
    }
}

/// Which nodes there were.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    Until(Change),
    /// Of each writer, the ends of its branches.
    Tips(BTreeMap<WriterId, Vec<(Seq, NodeId)>>),
}

impl<E> HyperKv<E> {
    /// The map as it is now, by name. O(branches).
    #[must_use]
    pub fn version(&self) -> Version {
        Version::new(self.inner.log.tips().into_iter().map(|tip| tip.id))
    }

    pub(crate) fn then(&self, moment: Moment) -> Result<Then, Error> {
        let version = match moment {
            Moment::Change(change) => return Ok(Then::Until(change)),
            Moment::Version(version) => version,
        };
        let mut tips = BTreeMap::<_, Vec<_>>::new();
        for id in version.0 {
            if !self.inner.log.contains(&id)? {
                return Err(Error::UnknownVersion { id });
            }
            let node = self.inner.log.get(&id)?;
            tips.entry(node.writer).or_default().push((node.seq, id));
        }
        Ok(Then::Tips(tips))
    }

    /// Whether a node was there. Reads nothing, unless its writer has forked.
    pub(crate) fn was_there(&self, then: &Then, node: &Node) -> Result<bool, Error> {
        let tips = match then {
            Then::Until(change) => return Ok(node.change <= *change),
            Then::Tips(tips) => tips.get(&node.writer).map_or(&[][..], Vec::as_slice),
        };
        let mut above = tips.iter().filter(|(seq, _)| *seq >= node.seq);
        if self.inner.log.branches_of(&node.writer) <= 1 {
            return Ok(above.next().is_some());
        }
        for (_, tip) in above {
            if self.inner.log.reaches(tip, &node.id)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
