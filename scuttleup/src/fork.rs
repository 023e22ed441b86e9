//! Equivocation: a writer with two entries under one number. Both are kept; this is the proof.
//!
//! It takes a stolen key, a copied folder or a liar. Nothing freezes: what to make of it is for the
//! layers above.

use crate::chains::Branch;
use crate::entry::BranchNo;
use crate::error::Error;
use crate::header::Header;
use crate::identity;
use crate::ids::{EntryId, Seq, WriterId};
use crate::log::Log;

/// Two entries of one writer that continue the same entry, under the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Fork {
    /// Who forked.
    pub writer: WriterId,
    /// The first number that differs.
    pub seq: Seq,
    /// The entry with the lower id.
    pub lower: EntryId,
    /// The entry with the higher id.
    pub higher: EntryId,
}

impl Fork {
    pub(crate) fn new(writer: WriterId, seq: Seq, one: EntryId, other: EntryId) -> Self {
        Self { writer, seq, lower: one.min(other), higher: one.max(other) }
    }
}

/// What proves a [`Fork`] to somebody who has nothing else: headers from each of the two entries up to a
/// signature on each branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The branch with the lower id.
    pub lower: Vouched,
    /// The branch with the higher id.
    pub higher: Vouched,
}

/// Headers that follow each other, of which the last is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vouched {
    /// The first is the entry itself.
    pub headers: Vec<Header>,
    /// Over the id of the last.
    pub signature: [u8; 64],
}

impl Vouched {
    /// The entry that is vouched for, if the headers are a chain and the signature is the writer's.
    fn entry(&self) -> Option<&Header> {
        let (first, last) = (self.headers.first()?, self.headers.last()?);
        let chained = self.headers.windows(2).all(|pair| match pair {
            [a, b] => b.prev == Some(a.id()) && a.writer == b.writer && a.topic == b.topic,
            _ => true,
        });
        (chained && identity::verify(&last.writer, &last.id(), &self.signature)).then_some(first)
    }
}

impl Evidence {
    /// The fork that this proves; none when it proves nothing. Needs no log.
    #[must_use]
    pub fn proves(&self) -> Option<Fork> {
        let (lower, higher) = (self.lower.entry()?, self.higher.entry()?);
        let same = lower.writer == higher.writer
            && lower.topic == higher.topic
            && lower.seq == higher.seq
            && lower.prev == higher.prev;
        let fork = Fork::new(lower.writer, lower.seq, lower.id(), higher.id());
        (same && fork.lower == lower.id() && fork.lower != fork.higher).then_some(fork)
    }
}

/// All forks, out of the branches. Among several entries in one place, each is paired with the lowest.
///
/// `branches` are those of writers with more than one; a peer can make many, so nobody waits while they are read.
pub(crate) fn all(log: &Log, branches: Vec<(BranchNo, Branch)>) -> Result<Vec<Fork>, Error> {
    let mut places = std::collections::BTreeMap::<_, Vec<EntryId>>::new();
    for (no, branch) in branches {
        let seq = Seq(branch.root.map_or(1, |(_, shared)| shared.0 + 1));
        let id_at = |no| Ok::<_, Error>(log.present(log.inner.store.change_on(no, seq)?)?.id());
        let siblings = places.entry((branch.writer, seq, branch.root.map(|(root, _)| root))).or_default();
        siblings.push(id_at(no)?);
        if let (Some((root, _)), 1) = (branch.root, siblings.len()) {
            siblings.push(id_at(root)?);
        }
    }
    let mut forks = Vec::new();
    for ((writer, seq, _), mut ids) in places {
        ids.sort_unstable();
        if let [lowest, others @ ..] = ids.as_slice() {
            forks.extend(others.iter().map(|other| Fork::new(writer, seq, *lowest, *other)));
        }
    }
    forks.sort_unstable();
    Ok(forks)
}

pub(crate) fn evidence(log: &Log, fork: &Fork) -> Result<Evidence, Error> {
    Ok(Evidence { lower: vouched(log, fork, &fork.lower)?, higher: vouched(log, fork, &fork.higher)? })
}

/// Walks up from an entry to the next signature on its branch. It comes within the entry's own group.
fn vouched(log: &Log, fork: &Fork, id: &EntryId) -> Result<Vouched, Error> {
    let missing = || Error::NotFound { writer: fork.writer, seq: fork.seq };
    let mut entry = log.get(id)?.ok_or_else(missing)?;
    let mut headers = Vec::new();
    loop {
        headers.push(entry.header().clone());
        if let Some(signature) = entry.signature() {
            return Ok(Vouched { headers, signature: *signature });
        }
        let next = Seq(entry.seq().0 + 1);
        entry = log.present(log.inner.store.change_on(entry.branch, next)?)?;
        if Some(entry.header().prev) != headers.last().map(|header| Some(header.id())) {
            return Err(Error::damaged(format!("entry {}, which no signature covers", entry.id())));
        }
    }
}
