//! Which nodes may be stored: decided by the node and by what it names, so alike on every replica, and for ever.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use hyperlog::{AdmitError, Asking, Kind, Known, LogError, Named, NodeId, Topic, WriterId};

use crate::refused::{DEPTH_MAX, Refused};
use crate::role::Role;
use crate::value::{Genesis, Grant, Revoke};

/// What a grant says, and the genesis as the first of them. It never changes.
#[derive(Clone, Copy, Debug)]
struct Fact {
    cap: Option<NodeId>,
    key: WriterId,
    role: Role,
    depth: u8,
}

/// The rules of one channel.
#[derive(Debug)]
pub(crate) struct Admission {
    topic: Topic,
    /// Grants that were asked about lately.
    facts: Mutex<BTreeMap<NodeId, Fact>>,
    /// Of nodes that revocations kept lately, the grants that they act under.
    caps: Mutex<BTreeMap<NodeId, NodeId>>,
}

/// Beyond so many, all are forgotten: they can be read again. About 120 bytes each, so 8 MB at most.
const FACTS_MAX: usize = 65_536;

impl Admission {
    pub(crate) fn new(topic: Topic) -> Self {
        Self { topic, facts: Mutex::default(), caps: Mutex::default() }
    }

    pub(crate) fn admit(&self, node: &Asking<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
        if node.kind == Kind::Genesis {
            return Ok(self.admit_genesis(node)?);
        }
        let cap = node.cap.ok_or(Refused::NoCap)?;
        let above = self.fact(&cap, known)?.ok_or(Refused::NotAGrant { cap })?;
        if above.key != node.writer {
            return Err(Refused::NotTheHolder { writer: node.writer, cap }.into());
        }
        match node.kind {
            Kind::Data => Ok(()),
            Kind::Grant => {
                // It may be asked about soon. Whether it is stored in the end is asked apart from that.
                let fact = admit_grant(node, &cap, &above)?;
                remember(&mut self.facts(), [(node.id, fact)]);
                Ok(())
            }
            Kind::Revoke => self.admit_revoke(node, &cap, known),
            _ => Err(Refused::UnknownKind.into()),
        }
    }

    fn admit_genesis(&self, node: &Asking<'_>) -> Result<(), Refused> {
        let genesis = Genesis::decode(value(node)?)?;
        if genesis.topic() != self.topic {
            return Err(Refused::OtherChannel);
        }
        let first = node.prev.is_none() && node.cap.is_none() && node.links.is_empty();
        if first && genesis.root == node.writer { Ok(()) } else { Err(Refused::NotFirst) }
    }

    fn admit_revoke(&self, node: &Asking<'_>, cap: &NodeId, known: &Known<'_>) -> Result<(), AdmitError> {
        let Revoke { grant: target, keep } = Revoke::decode(value(node)?).map_err(Refused::from)?;
        for id in keep.iter().chain([&target]) {
            if node.links.binary_search(id).is_err() {
                return Err(Refused::NotLinked { id: *id }.into());
            }
        }
        let fact = self.fact(&target, known)?.filter(|fact| fact.depth > 0);
        let fact = fact.ok_or(Refused::NoTarget { id: target })?;
        if *cap != target && !self.comes_from(cap, fact, known)? {
            return Err(Refused::NotAbove { cap: *cap, target }.into());
        }
        for id in keep {
            if self.cap_of(&id, known)? != Some(target) {
                return Err(Refused::KeepsOther { id, target }.into());
            }
        }
        Ok(())
    }

    /// The grant that a node acts under. It is remembered: to find it, the node is read with its value.
    fn cap_of(&self, id: &NodeId, known: &Known<'_>) -> Result<Option<NodeId>, LogError> {
        if let Some(cap) = lock(&self.caps).get(id) {
            return Ok(Some(*cap));
        }
        let Some(cap) = Named::find(id, known)?.and_then(|named| named.cap) else { return Ok(None) };
        remember(&mut lock(&self.caps), [(*id, cap)]);
        Ok(Some(cap))
    }

    /// Whether a grant comes from another one. At most 32 steps.
    fn comes_from(&self, above: &NodeId, mut grant: Fact, known: &Known<'_>) -> Result<bool, AdmitError> {
        while let Some(cap) = grant.cap {
            if cap == *above {
                return Ok(true);
            }
            grant = self.fact(&cap, known)?.ok_or(Refused::NotAGrant { cap })?;
        }
        Ok(false)
    }

    /// What a grant says; none for what is no grant. Reads the way up to the genesis, or to what is remembered.
    fn fact(&self, id: &NodeId, known: &Known<'_>) -> Result<Option<Fact>, LogError> {
        let mut way = Vec::new();
        let mut next = *id;
        let mut depth = loop {
            if let Some(fact) = self.facts().get(&next) {
                break fact.depth;
            }
            let Some(named) = Named::find(&next, known)? else { return Ok(None) };
            let Some(fact) = read(&named) else { return Ok(None) };
            way.push((next, fact));
            match fact.cap {
                // What is stored is admitted, so the way is short; a damaged one ends here.
                Some(_) if way.len() > usize::from(DEPTH_MAX) => return Ok(None),
                Some(cap) => next = cap,
                None => break 0,
            }
        };
        let mut facts = self.facts();
        let way = way.into_iter().rev().map(|(id, fact)| {
            depth += u8::from(fact.cap.is_some());
            (id, Fact { depth, ..fact })
        });
        remember(&mut facts, way);
        Ok(facts.get(id).copied())
    }

    fn facts(&self) -> MutexGuard<'_, BTreeMap<NodeId, Fact>> {
        lock(&self.facts)
    }
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds what is known of nodes, at most 32 of them.
fn remember<T>(known: &mut BTreeMap<NodeId, T>, more: impl IntoIterator<Item = (NodeId, T)>) {
    if known.len() + usize::from(DEPTH_MAX) >= FACTS_MAX {
        known.clear();
    }
    known.extend(more);
}

/// Returns what the grant says.
fn admit_grant(node: &Asking<'_>, cap: &NodeId, above: &Fact) -> Result<Fact, Refused> {
    if above.role < Role::Admin {
        return Err(Refused::NotAdmin { cap: *cap });
    }
    let Grant { key, role } = Grant::decode(value(node)?)?;
    let key = WriterId::from_bytes(*key.as_bytes())?;
    if role > above.role {
        return Err(Refused::AboveOneself { own: above.role, granted: role });
    }
    if above.depth >= DEPTH_MAX {
        return Err(Refused::TooDeep);
    }
    Ok(Fact { cap: Some(*cap), key, role, depth: above.depth + 1 })
}

fn value<'a>(node: &Asking<'a>) -> Result<&'a Bytes, Refused> {
    node.value.ok_or(Refused::NoValue)
}

/// What a stored grant says, its depth aside.
fn read(named: &Named) -> Option<Fact> {
    let (value, cap) = (named.value.as_ref()?, named.cap);
    match named.kind {
        Kind::Genesis => {
            let genesis = Genesis::decode(value).ok()?;
            Some(Fact { cap: None, key: genesis.root, role: Role::Admin, depth: 0 })
        }
        Kind::Grant => {
            let Grant { key, role } = Grant::decode(value).ok()?;
            Some(Fact { cap: Some(cap?), key, role, depth: 0 })
        }
        _ => None,
    }
}
