//! The rules of authorized writers, written down a second time and as plainly as they can be: what may be stored, and
//! what of a set of stored nodes counts. Slow, and without a thought to the order in which nodes came.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hyperlog::{Asking, Kind, Node, NodeId, WriterId};
use hyperlog_writers::Role;

/// A node by its place in the [`Book`].
pub(crate) type No = usize;

/// Grants between a node and the genesis.
const DEPTH_MAX: usize = 32;
const KEEP_MAX: usize = 16;

/// What a node says, as far as the rules go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    pub(crate) id: NodeId,
    pub(crate) author: WriterId,
    pub(crate) prev: Option<No>,
    pub(crate) cap: Option<No>,
    pub(crate) links: Vec<No>,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Of a write to the map: its key, and what the view holds of it.
    Data(Option<(Bytes, Bytes)>),
    Genesis {
        root: WriterId,
    },
    Grant {
        key: WriterId,
        role: Role,
    },
    Revoke {
        target: No,
        keep: Vec<No>,
    },
    /// The value is none of its kind.
    Nothing,
}

/// A node as it was written.
pub(crate) struct Raw {
    pub(crate) id: NodeId,
    pub(crate) writer: WriterId,
    pub(crate) prev: Option<NodeId>,
    pub(crate) kind: Kind,
    pub(crate) cap: Option<NodeId>,
    pub(crate) links: Vec<NodeId>,
    pub(crate) value: Option<Bytes>,
}

impl Raw {
    /// All that it names.
    pub(crate) fn parents(&self) -> Vec<NodeId> {
        self.links.iter().chain(&self.prev).chain(&self.cap).copied().collect()
    }
}

impl From<&Node> for Raw {
    fn from(node: &Node) -> Self {
        let Node { id, writer, prev, kind, cap, .. } = *node;
        Self { id, writer, prev, kind, cap, links: node.links.clone(), value: node.value().cloned() }
    }
}

impl From<&Asking<'_>> for Raw {
    fn from(node: &Asking<'_>) -> Self {
        let Asking { id, writer, prev, kind, cap, .. } = *node;
        Self { id, writer, prev, kind, cap, links: node.links.to_vec(), value: node.value.cloned() }
    }
}

/// All nodes that there are anywhere. What a node names has a lower number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Book {
    facts: Vec<Fact>,
    by_id: BTreeMap<NodeId, No>,
    /// Of each revocation, what it keeps: the closure of `keep` under `prev`; of a resignation, of itself as well.
    down: BTreeMap<No, BTreeSet<No>>,
}

impl Book {
    pub(crate) fn len(&self) -> usize {
        self.facts.len()
    }

    pub(crate) fn get(&self, no: No) -> &Fact {
        &self.facts[no]
    }

    pub(crate) fn find(&self, id: &NodeId) -> Option<No> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn ids(&self, nos: impl IntoIterator<Item = No>) -> Vec<NodeId> {
        nos.into_iter().map(|no| self.facts[no].id).collect()
    }

    pub(crate) fn add(&mut self, node: &Raw) -> No {
        if let Some(no) = self.find(&node.id) {
            return no;
        }
        let fact = self.read(node);
        let no = self.facts.len();
        if let What::Revoke { target, keep } = &fact.what {
            let mut down = self.closed_under_prev(keep);
            // Who resigns keeps all that it wrote until then, and the resignation.
            if fact.cap == Some(*target) {
                down.append(&mut self.closed_under_prev(&fact.prev.into_iter().collect::<Vec<_>>()));
                down.insert(no);
            }
            self.down.insert(no, down);
        }
        self.by_id.insert(fact.id, no);
        self.facts.push(fact);
        no
    }

    pub(crate) fn read(&self, node: &Raw) -> Fact {
        let known = |id: &NodeId| self.find(id).expect("what a node names comes before it");
        Fact {
            id: node.id,
            author: node.writer,
            prev: node.prev.as_ref().map(known),
            cap: node.cap.as_ref().map(known),
            links: node.links.iter().map(known).collect(),
            what: match &node.value {
                Some(value) => self.what(node.kind, value),
                None => What::Nothing,
            },
        }
    }

    fn what(&self, kind: Kind, value: &[u8]) -> What {
        let what = match kind {
            Kind::Data => Some(What::Data(read_write(value))),
            Kind::Genesis => read_genesis(value),
            Kind::Grant => read_grant(value),
            Kind::Revoke => self.read_revoke(value),
            _ => None,
        };
        what.unwrap_or(What::Nothing)
    }

    fn read_revoke(&self, value: &[u8]) -> Option<What> {
        let (ids, rest) = value.as_chunks::<32>();
        let ids: Vec<NodeId> = ids.iter().map(|id| NodeId::from_bytes(*id)).collect();
        let (target, keep) = ids.split_first()?;
        let fits = rest.is_empty() && keep.len() <= KEEP_MAX && keep.is_sorted_by(|a, b| a < b);
        let keep = keep.iter().map(|id| self.find(id)).collect::<Option<_>>()?;
        fits.then_some(What::Revoke { target: self.find(target)?, keep })
    }

    fn closed_under_prev(&self, from: &[No]) -> BTreeSet<No> {
        let mut down = BTreeSet::new();
        for from in from {
            let mut next = Some(*from);
            while let Some(no) = next.filter(|no| down.insert(*no)) {
                next = self.facts[no].prev;
            }
        }
        down
    }

    /// Whether one node is another, or stands before it in its writer's log.
    pub(crate) fn reaches(&self, tip: No, no: No) -> bool {
        self.closed_under_prev(&[tip]).contains(&no)
    }

    /// The grants that a node comes from, the nearest first, the genesis last.
    pub(crate) fn chain(&self, no: No) -> Vec<No> {
        let mut chain = Vec::new();
        let mut next = self.facts[no].cap;
        while let Some(cap) = next {
            chain.push(cap);
            next = self.facts[cap].cap;
        }
        chain
    }

    pub(crate) fn depth(&self, grant: No) -> usize {
        self.chain(grant).len()
    }

    /// Whose key a grant is for, and what it allows; none for what is no grant. The genesis is one, for the root.
    pub(crate) fn grant(&self, no: No) -> Option<(WriterId, Role)> {
        match self.facts[no].what {
            What::Genesis { root } => Some((root, Role::Admin)),
            What::Grant { key, role } => Some((key, role)),
            _ => None,
        }
    }

    /// What a node is to be, before it is made: whether it may be stored beside a genesis of this channel.
    pub(crate) fn is_admissible(&self, fact: &Fact) -> bool {
        let Some(cap) = fact.cap else { return false };
        let Some((holder, role)) = self.grant(cap) else { return false };
        let acts = holder == fact.author;
        acts && match &fact.what {
            What::Data(_) => true,
            What::Grant { role: granted, .. } => {
                role == Role::Admin && *granted <= role && self.depth(cap) < DEPTH_MAX
            }
            What::Revoke { target, keep } => {
                let targets_grant = matches!(self.facts[*target].what, What::Grant { .. });
                let linked = keep.iter().chain([target]).all(|no| fact.links.contains(no));
                let above = cap == *target || self.chain(*target).contains(&cap);
                let keeps = keep.iter().all(|no| self.facts[*no].cap == Some(*target));
                targets_grant && linked && above && keeps
            }
            What::Genesis { .. } | What::Nothing => false,
        }
    }
}

fn read_genesis(value: &[u8]) -> Option<What> {
    let (root, rest) = value.split_first_chunk::<32>()?;
    let root = WriterId::from_bytes(*root).ok()?;
    let (_nonce, name) = rest.split_first_chunk::<32>()?;
    let fits = (1..=64).contains(&name.len()) && std::str::from_utf8(name).is_ok();
    fits.then_some(What::Genesis { root })
}

fn read_grant(value: &[u8]) -> Option<What> {
    let (key, role) = value.split_first_chunk::<32>()?;
    let key = WriterId::from_bytes(*key).ok()?;
    match role {
        [1] => Some(What::Grant { key, role: Role::Writer }),
        [2] => Some(What::Grant { key, role: Role::Admin }),
        _ => None,
    }
}

/// A write to the map, by the format: a tag, the length of the key, the key, the value.
fn read_write(value: &[u8]) -> Option<(Bytes, Bytes)> {
    let (tag, rest) = value.split_first()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (key, value) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    let body = [&[*tag][..], value].concat();
    (*tag == PUT || *tag == DEL && value.is_empty()).then(|| (Bytes::copy_from_slice(key), Bytes::from(body)))
}

pub(crate) const PUT: u8 = 0xf8;
pub(crate) const DEL: u8 = 0xf9;

/// A rule that is wrong on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// None.
    #[default]
    Nothing,
    /// Of what a revocation keeps, only the nodes that it names are kept, and not what stands before them.
    KeepIsNotClosed,
    /// Revocations are effective for good, whatever becomes of those who made them.
    RevocationsDoNotFall,
}

/// What counts of a set of nodes.
pub(crate) struct Verdict {
    /// By number; none for what is not in the set.
    void: Vec<Option<bool>>,
    /// Of each grant, the revocations in the set that are effective.
    ended_by: BTreeMap<No, Vec<No>>,
}

/// What became of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Revoked,
    Void,
}

impl Verdict {
    /// Of a set that has, with each node, all that it names.
    pub(crate) fn of(book: &Book, set: &[No], wrong: Wrong) -> Self {
        let mut rules = Rules::new(book, set, wrong);
        let mut void = vec![None; book.len()];
        for no in set {
            void[*no] = Some(rules.void(*no));
        }
        let mut ended_by = BTreeMap::<No, Vec<No>>::new();
        for (target, revokes) in rules.revokes.clone() {
            let effective = revokes.into_iter().filter(|revoke| rules.effective(*revoke)).collect();
            ended_by.insert(target, effective);
        }
        ended_by.retain(|_, revokes| !revokes.is_empty());
        Self { void, ended_by }
    }

    /// How many nodes the set has.
    pub(crate) fn len(&self) -> usize {
        self.void.iter().flatten().count()
    }

    pub(crate) fn has(&self, no: No) -> bool {
        self.void.get(no).is_some_and(Option::is_some)
    }

    pub(crate) fn is_void(&self, no: No) -> bool {
        self.void.get(no) == Some(&Some(true))
    }

    pub(crate) fn counts(&self, no: No) -> bool {
        self.void.get(no) == Some(&Some(false))
    }

    pub(crate) fn effective(&self) -> impl Iterator<Item = No> + '_ {
        self.ended_by.values().flatten().copied()
    }

    pub(crate) fn state(&self, grant: No) -> State {
        if self.is_void(grant) {
            State::Void
        } else if self.ended_by.contains_key(&grant) {
            State::Revoked
        } else {
            State::Open
        }
    }

    /// The grants of a key that are open, the genesis among them.
    pub(crate) fn open(&self, book: &Book, key: &WriterId) -> Vec<No> {
        let is_open = |no: &No| {
            book.grant(*no).is_some_and(|(holder, _)| holder == *key) && self.state(*no) == State::Open
        };
        (0..self.void.len()).filter(|no| self.has(*no)).filter(is_open).collect()
    }

    /// All grants of the set but the genesis.
    pub(crate) fn grants(&self, book: &Book) -> Vec<No> {
        let is_grant = |no: &No| self.has(*no) && matches!(book.get(*no).what, What::Grant { .. });
        (0..self.void.len()).filter(is_grant).collect()
    }

    /// The nodes that count and that no node that counts links to, by id.
    pub(crate) fn heads(&self, book: &Book) -> Vec<NodeId> {
        let counting: Vec<No> = (0..self.void.len()).filter(|no| self.counts(*no)).collect();
        let linked: BTreeSet<No> =
            counting.iter().flat_map(|no| book.get(*no).links.iter().copied()).collect();
        let mut heads = book.ids(counting.into_iter().filter(|no| !linked.contains(no)));
        heads.sort_unstable();
        heads
    }

    /// Of each key of the map, the writes that count and that no other write of that key which counts links to; of
    /// those whose value is here.
    pub(crate) fn map(
        &self,
        book: &Book,
        is_here: impl Fn(No) -> bool,
    ) -> BTreeMap<Bytes, BTreeMap<NodeId, Bytes>> {
        let write = |no: No| match &book.get(no).what {
            What::Data(Some((key, body))) if self.counts(no) && is_here(no) => Some((key, body)),
            _ => None,
        };
        let mut map = BTreeMap::<Bytes, BTreeMap<NodeId, Bytes>>::new();
        for no in 0..self.void.len() {
            let Some((key, body)) = write(no) else { continue };
            let supersedes = |other: No| {
                other != no
                    && book.get(other).links.contains(&no)
                    && write(other).is_some_and(|(k, _)| k == key)
            };
            if !(no..self.void.len()).any(supersedes) {
                map.entry(key.clone()).or_default().insert(book.get(no).id, body.clone());
            }
        }
        map
    }
}

/// The definition.
struct Rules<'a> {
    book: &'a Book,
    wrong: Wrong,
    /// The revocations of the set, by target.
    revokes: BTreeMap<No, Vec<No>>,
    found: BTreeMap<No, Option<bool>>,
}

impl<'a> Rules<'a> {
    fn new(book: &'a Book, set: &[No], wrong: Wrong) -> Self {
        let mut revokes = BTreeMap::<No, Vec<No>>::new();
        for no in set {
            if let What::Revoke { target, .. } = book.get(*no).what {
                revokes.entry(target).or_default().push(*no);
            }
        }
        Self { book, wrong, revokes, found: BTreeMap::new() }
    }

    /// `g != genesis and (void(g) or some revoke r targets g, is effective, and does not keep n)`
    fn void(&mut self, n: No) -> bool {
        match self.found.get(&n) {
            Some(Some(void)) => return *void,
            Some(None) => unreachable!("whether {n} is void depends on whether it is void"),
            None => {}
        }
        self.found.insert(n, None);
        let void = self.void_by_definition(n);
        self.found.insert(n, Some(void));
        void
    }

    fn void_by_definition(&mut self, n: No) -> bool {
        // The genesis itself, and what acts under it.
        let Some(g) = self.book.get(n).cap else { return false };
        if self.book.get(g).cap.is_none() {
            return false;
        }
        if self.void(g) {
            return true;
        }
        let revokes = self.revokes.get(&g).cloned().unwrap_or_default();
        revokes.into_iter().any(|r| !self.keeps(r, n) && self.effective(r))
    }

    fn keeps(&self, r: No, n: No) -> bool {
        match &self.book.get(r).what {
            What::Revoke { keep, .. } if self.wrong == Wrong::KeepIsNotClosed => n == r || keep.contains(&n),
            _ => self.book.down.get(&r).is_some_and(|down| down.contains(&n)),
        }
    }

    /// Of one from above: `not void(r)`. Of a resignation: `not void(target(r))`, and every one from above that is effective
    /// keeps it.
    fn effective(&mut self, r: No) -> bool {
        let fact = self.book.get(r);
        let What::Revoke { target, .. } = fact.what else { return false };
        if self.wrong == Wrong::RevocationsDoNotFall {
            return true;
        }
        if fact.cap != Some(target) {
            return !self.void(r);
        }
        let others = self.revokes.get(&target).cloned().unwrap_or_default();
        let mut from_above =
            others.into_iter().filter(|o| self.book.get(*o).cap != Some(target)).collect::<Vec<_>>();
        from_above.retain(|o| !self.keeps(*o, r));
        !self.void(target) && !from_above.into_iter().any(|o| self.effective(o))
    }
}
