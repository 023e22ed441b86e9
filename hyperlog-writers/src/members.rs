//! Who may write, as the stored nodes have it.

use hyperlog::{LogError, NodeId, StoredRows, WriterId};

use crate::records;
use crate::role::Role;
use crate::rules;

/// Somebody who may write. The same nodes give the same members on every replica.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// Whose entries count.
    pub key: WriterId,
    /// The highest role of all grants.
    pub role: Role,
    /// The grants that stand, ascending by id.
    pub grants: Vec<Grant>,
}

/// A grant, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Grant {
    /// The node that grants: what may be revoked.
    pub id: NodeId,
    /// Who may write by it.
    pub key: WriterId,
    /// What it allows.
    pub role: Role,
    /// Who granted it.
    pub by: WriterId,
    /// The grant that the granter acted under; the genesis for the root.
    pub cap: NodeId,
    /// How many grants lie between it and the genesis, itself included: at most 32.
    pub depth: u8,
    /// What became of it.
    pub state: State,
}

/// What became of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It stands.
    Open,
    /// It was revoked, or given back. What the revocations keep still counts.
    Revoked,
    /// It does not count: who granted it may not have at that point. Nothing under it counts.
    Void,
}

impl Grant {
    /// A grant among the rows; none for the genesis.
    pub(crate) fn read(grant: &records::Grant, rows: &StoredRows) -> Result<Option<Self>, LogError> {
        let Some(cap) = grant.cap else { return Ok(None) };
        let (_, above) = rules::at(cap, rows)?;
        let state = match &grant.standing {
            standing if standing.is_open() => State::Open,
            standing if standing.void => State::Void,
            _ => State::Revoked,
        };
        Ok(Some(Self {
            id: grant.id,
            key: WriterId::from_stored(grant.key),
            role: grant.role,
            by: WriterId::from_stored(above.key),
            cap: above.id,
            depth: grant.depth,
            state,
        }))
    }
}

/// All grants, ascending by id. O(grants).
pub(crate) fn grants(rows: &StoredRows) -> Result<Vec<Grant>, LogError> {
    let mut grants = Vec::new();
    for row in rules::all(rows) {
        grants.extend(Grant::read(&row?.1, rows)?);
    }
    grants.sort_unstable_by_key(|grant| grant.id);
    Ok(grants)
}

/// Those who may write, ascending by key. O(grants).
pub(crate) fn members(rows: &StoredRows) -> Result<Vec<Member>, LogError> {
    let mut open = grants(rows)?;
    open.retain(|grant| grant.state == State::Open);
    // Stable: the grants of a key stay ascending by id.
    open.sort_by_key(|grant| grant.key);
    let mut members: Vec<Member> = Vec::new();
    for grant in open {
        match members.last_mut().filter(|member| member.key == grant.key) {
            Some(member) => {
                member.role = member.role.max(grant.role);
                member.grants.push(grant);
            }
            None => members.push(Member { key: grant.key, role: grant.role, grants: vec![grant] }),
        }
    }
    Ok(members)
}
