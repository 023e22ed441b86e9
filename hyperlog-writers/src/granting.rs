//! Granting and revoking: the nodes that an admin makes.

use std::collections::BTreeMap;

use hyperlog::{Act, Acting, BranchNo, Change, Kind, NodeId, StoredRows, WriterId};

use crate::channel::Channel;
use crate::error::Error;
use crate::records::{self, Stretch, UNDER, damaged, key_of};
use crate::refused::DEPTH_MAX;
use crate::role::Role;
use crate::rules;
use crate::value::{self, KEEP_MAX};

/// What a revocation keeps of what was written under the grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// What is here and counts now. What is not here yet, wherever it hides, will not count.
    #[default]
    Here,
    /// These nodes, at most 16, and all that stands before them in the writer's log.
    Only(Vec<NodeId>),
}

/// What a revocation did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// The node that revokes.
    pub id: NodeId,
    /// What it keeps, ascending: each of these, and all that stands before it in the writer's log. A resignation also keeps
    /// all that stands before itself.
    pub kept: Vec<NodeId>,
}

impl<E> Channel<E> {
    /// Lets a key write. Returns the grant. What the key wrote before, under no grant, does not begin to count.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`], [`Error::NotAdmin`], [`Error::TooDeep`], or what the log says.
    pub fn authorize(&self, key: WriterId, role: Role) -> Result<NodeId, Error> {
        let value = value::Grant { key, role }.encode();
        let granted = self.log().act(|acting| {
            let mut own = self.own_grants(acting.rows())?;
            own.retain(|(_, grant)| grant.role == Role::Admin);
            if own.is_empty() {
                return Err(self.no_admin(acting.rows()));
            }
            own.retain(|(_, grant)| grant.depth < DEPTH_MAX);
            let before = acting.cap_before().map_err(hyperlog::Error::from)?;
            let cap = rules::choose(own, before).ok_or(Error::TooDeep)?;
            Ok(Act { kind: Kind::Grant, cap: Some(cap.id), links: Vec::new(), value })
        })?;
        Ok(granted.id)
    }

    /// Why the local writer cannot grant.
    fn no_admin(&self, rows: &StoredRows) -> Error {
        match rules::all(rows).next() {
            None => Error::Empty,
            Some(_) => Error::NotAdmin { writer: self.log().writer() },
        }
    }

    /// Ends a grant. What is kept of what was written under it goes on counting; all the rest does not, whenever it
    /// was written, and whoever granted by it did so in vain. A later revocation can keep less, never more.
    ///
    /// # Errors
    ///
    /// [`Error::NoGrant`], [`Error::NotAbove`] unless the grant comes from one of one's own that stands,
    /// [`Error::KeepsTooMuch`] and [`Error::KeepsOther`] of what was named, [`Error::Forked`] of what is here, or what the
    /// log says.
    pub fn revoke(&self, grant: &NodeId, keep: Keep) -> Result<Revoked, Error> {
        self.end(grant, keep, |target, rows| match self.above(target, rows)? {
            Some(cap) => Ok(cap),
            None => Err(self.not_above(target, rows)?),
        })
    }

    /// The nearest of one's own grants that a grant comes from; the genesis, for the root.
    fn above(&self, grant: &records::Grant, rows: &StoredRows) -> Result<Option<NodeId>, Error> {
        let own = self.own_grants(rows)?;
        let mut above = grant.cap;
        while let Some(change) = above {
            if let Some((_, cap)) = own.iter().find(|(own, _)| *own == change) {
                return Ok(Some(cap.id));
            }
            above = rules::at(change, rows)?.1.cap;
        }
        Ok(None)
    }

    fn not_above(&self, grant: &records::Grant, rows: &StoredRows) -> Result<Error, Error> {
        let is_admin = self.own_grants(rows)?.iter().any(|(_, grant)| grant.role == Role::Admin);
        let writer = self.log().writer();
        Ok(match grant.cap {
            Some(cap) if is_admin => {
                let (_, above) = rules::at(cap, rows)?;
                Error::NotAbove { id: grant.id, by: WriterId::from_stored(above.key) }
            }
            _ => Error::NotAdmin { writer },
        })
    }

    /// Ends all grants of a key that come from one's own and stand. What is to be kept is, with all before it in the
    /// writer's log, kept under each of them. Other grants may be left: [`authorized`](Self::authorized) says so.
    ///
    /// # Errors
    ///
    /// [`Error::NoMember`] without a grant that stands, or as [`revoke`](Self::revoke) when there is none that one can end. By
    /// an error of the log, only the first ones may have ended.
    pub fn revoke_key(&self, key: &WriterId, keep: Keep) -> Result<Vec<Revoked>, Error> {
        let rows = self.log().policy_rows()?;
        let mut first = None;
        let mut grants = Vec::new();
        for (_, grant) in open(key, &rows)? {
            if self.above(&grant, &rows)?.is_some() {
                grants.push(grant.id);
            } else if grant.cap.is_some() {
                first = first.or(Some(grant));
            }
        }
        match (grants.is_empty(), first) {
            (true, None) => return Err(Error::NoMember { writer: *key }),
            (true, Some(grant)) => return Err(self.not_above(&grant, &rows)?),
            _ => {}
        }
        let keeps = grants.iter().map(|grant| self.of_grant(grant, key, &keep));
        let keeps = keeps.collect::<Result<Vec<_>, _>>()?;
        grants.iter().zip(keeps).map(|(grant, keep)| self.revoke(grant, keep)).collect()
    }

    /// Of what is to be kept of a writer's log, what acts under one of its grants.
    fn of_grant(&self, grant: &NodeId, key: &WriterId, keep: &Keep) -> Result<Keep, Error> {
        let Keep::Only(ids) = keep else { return Ok(Keep::Here) };
        let mut own = Vec::new();
        for id in ids {
            let mut node = self.log().raw(id)?;
            if node.writer != *key {
                return Err(Error::KeepsOther { id: *id, grant: *grant });
            }
            // Under another one: then the last before it that acts under this one.
            while node.cap != Some(*grant)
                && let Some(prev) = node.prev
            {
                node = self.log().raw(&prev)?;
            }
            own.extend((node.cap == Some(*grant)).then_some(node.id));
        }
        Ok(Keep::Only(own))
    }

    /// Gives back all grants of the local writer, and keeps all that it wrote. From then on it can only read. Of other
    /// branches, where its log forked, at most 16 are kept.
    ///
    /// # Errors
    ///
    /// [`Error::NoMember`], or what the log says.
    pub fn resign(&self) -> Result<Vec<Revoked>, Error> {
        let writer = self.log().writer();
        let mut own = open(&writer, &self.log().policy_rows()?)?;
        own.retain(|(_, grant)| grant.cap.is_some());
        if own.is_empty() {
            return Err(Error::NoMember { writer });
        }
        own.iter().map(|(_, own)| self.end(&own.id, Keep::Here, |_, _| Ok(own.id))).collect()
    }

    /// Hands over to another key of one's own: lets it write as an admin, and resigns. For admins; others ask an admin to
    /// authorize the new key. What the old key granted stands, and is ended by those above the old key, not by the new
    /// one. Each time the new key stands one deeper, of 32.
    ///
    /// # Errors
    ///
    /// [`Error::SameKey`], or as [`authorize`](Self::authorize) and [`resign`](Self::resign).
    pub fn rotate(&self, key: WriterId) -> Result<NodeId, Error> {
        if key == self.log().writer() {
            return Err(Error::SameKey);
        }
        let grant = self.authorize(key, Role::Admin)?;
        self.resign()?;
        Ok(grant)
    }

    /// Writes a revocation, under the grant that `cap` finds. What is here is what is here when it is written.
    fn end(
        &self,
        grant: &NodeId,
        keep: Keep,
        cap: impl FnOnce(&records::Grant, &StoredRows) -> Result<NodeId, Error>,
    ) -> Result<Revoked, Error> {
        let change = self.find_grant(grant)?;
        let named = match keep {
            Keep::Here => None,
            Keep::Only(keep) => Some(self.check_keep(grant, keep)?),
        };
        let mut kept = Vec::new();
        let node = self.log().act(|acting| {
            let (_, target) = rules::at(change, acting.rows())?;
            let cap = cap(&target, acting.rows())?;
            kept = match named {
                Some(named) => named,
                None => self.ends_under(change, cap == *grant, acting)?,
            };
            let value = value::Revoke { grant: *grant, keep: kept.clone() }.encode();
            let links = kept.iter().chain([grant]).copied().collect();
            Ok::<_, Error>(Act { kind: Kind::Revoke, cap: Some(cap), links, value })
        })?;
        Ok(Revoked { id: node.id, kept })
    }

    fn find_grant(&self, id: &NodeId) -> Result<Change, Error> {
        match self.log().raw(id) {
            Ok(node) if node.kind == Kind::Grant => Ok(node.change),
            Ok(_) | Err(hyperlog::Error::NotFound { .. }) => Err(Error::NoGrant { id: *id }),
            Err(error) => Err(error.into()),
        }
    }

    fn check_keep(&self, grant: &NodeId, mut keep: Vec<NodeId>) -> Result<Vec<NodeId>, Error> {
        keep.sort_unstable();
        keep.dedup();
        if keep.len() > KEEP_MAX {
            return Err(Error::KeepsTooMuch { count: keep.len() });
        }
        for id in &keep {
            if self.log().raw(id)?.cap != Some(*grant) {
                return Err(Error::KeepsOther { id: *id, grant: *grant });
            }
        }
        Ok(keep)
    }

    /// The last node under a grant that counts, of each branch of its holder; of those that stand before another, none.
    fn ends_under(
        &self,
        grant: Change,
        resigns: bool,
        acting: &Acting<'_, '_>,
    ) -> Result<Vec<NodeId>, Error> {
        let mut branches = BTreeMap::<BranchNo, Vec<Stretch>>::new();
        for row in acting.rows().starting_with(&key_of(UNDER, grant)) {
            let stretches =
                Stretch::decode_all(row?.1).map_err(|source| damaged("nodes under a grant", source))?;
            stretches
                .into_iter()
                .for_each(|stretch| branches.entry(stretch.first.branch).or_default().push(stretch));
        }
        let mut ends = Vec::new();
        for stretches in branches.values() {
            if let Some(last) = self.last_that_counts(stretches)? {
                let node = acting.raw_at(last).map_err(hyperlog::Error::from)?;
                ends.push(node.ok_or_else(|| damaged("a node under a grant, which is missing", None))?.id);
            }
        }
        // Of so many, hardly any stands before another; and each is compared with each.
        if ends.len() <= 4 * KEEP_MAX {
            ends = without_passed(ends, acting)?;
        }
        if resigns {
            // Its own branch is kept anyway.
            ends.truncate(KEEP_MAX);
        } else if ends.len() > KEEP_MAX {
            return Err(Error::Forked { branches: ends.len() });
        }
        ends.sort_unstable();
        Ok(ends)
    }

    /// Of the nodes of a branch, those that count are the first.
    fn last_that_counts(&self, stretches: &[Stretch]) -> Result<Option<Change>, Error> {
        for stretch in stretches.iter().rev() {
            let end = Change(stretch.change.0 + stretch.nodes - 1);
            let void = self.log().void_between(stretch.change, end)?.len() as u64;
            if void < stretch.nodes {
                return Ok(Some(Change(end.0 - void)));
            }
        }
        Ok(None)
    }

    /// One's own grants that stand; the genesis, for the root.
    fn own_grants(&self, rows: &StoredRows) -> Result<Vec<(Change, records::Grant)>, Error> {
        open(&self.log().writer(), rows)
    }
}

/// Leaves out the nodes that stand before another one.
fn without_passed(ends: Vec<NodeId>, acting: &Acting<'_, '_>) -> Result<Vec<NodeId>, Error> {
    let mut last = Vec::new();
    for id in &ends {
        let mut passed = false;
        for other in ends.iter().filter(|other| *other != id) {
            passed = passed || acting.reaches(other, id).map_err(hyperlog::Error::from)?;
        }
        last.extend((!passed).then_some(*id));
    }
    Ok(last)
}

fn open(key: &WriterId, rows: &StoredRows) -> Result<Vec<(Change, records::Grant)>, Error> {
    Ok(rules::of_key(key, rows).collect::<Result<_, _>>()?)
}
