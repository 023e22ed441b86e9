//! Who may write, kept up to date node by node.
//!
//! Whether a node counts depends on its grant and on the revocations of that grant, and these on grants that are
//! nearer to the genesis. So a change spreads downwards, a level at a time: each grant is looked at once, and of the
//! nodes under it those are touched whose standing changes.

use std::collections::{BTreeMap, BTreeSet};

use hyperlog::{Change, Effects, Kind, LogError, Malformed, Node, NodeId, Place, Rows};

use crate::cut::Cut;
use crate::records::{
    GRANT, Grant, REVOKE, Revoke, Standing, Stretch, UNDER, damaged, ended_key, grants_of, key_of, under_key,
};
use crate::value;

/// Values of void nodes that are kept, on the account of a grant.
pub(crate) const VOID_BYTES_MAX: u64 = 1 << 20;

/// The rows of the policy as one commit sees and changes them.
pub(crate) struct Ledger<'a, 'r> {
    rows: &'a mut Rows<'r>,
    grants: BTreeMap<Change, Grant>,
    revokes: BTreeMap<Change, Revoke>,
    /// Whether a grant stood before; none for a new one.
    were_open: BTreeMap<Change, Option<bool>>,
    /// Of those, what is to be written.
    changed: BTreeSet<Change>,
    /// Where nodes lie that revocations of this commit keep.
    kept: BTreeMap<NodeId, Place>,
    /// The grant of the node before: mostly that of the next one, too.
    cap: Option<(NodeId, Change)>,
    /// New nodes under each grant.
    under: BTreeMap<Change, Vec<Stretch>>,
    /// Nodes whose standing changes, and whether they are void now. A new node counts to begin with.
    flips: BTreeMap<Change, bool>,
    /// New data that is void when it comes: under which grant, and how many bytes of value are here.
    late: Vec<(Change, Change, Option<u64>)>,
}

/// What is still to be looked at: grants by depth, as they stood before.
#[derive(Default)]
struct ToDo {
    before: BTreeMap<(u8, Change), Standing>,
    /// Those of which a revocation began to count, or ceased to.
    to_count: BTreeSet<Change>,
}

impl<'a, 'r> Ledger<'a, 'r> {
    pub(crate) fn new(rows: &'a mut Rows<'r>) -> Self {
        Self {
            rows,
            grants: BTreeMap::new(),
            revokes: BTreeMap::new(),
            were_open: BTreeMap::new(),
            changed: BTreeSet::new(),
            kept: BTreeMap::new(),
            cap: None,
            under: BTreeMap::new(),
            flips: BTreeMap::new(),
            late: Vec::new(),
        }
    }

    /// Takes in a new node: the next in local order.
    pub(crate) fn take(&mut self, node: &Node) -> Result<(), LogError> {
        let Some(cap) = node.cap else { return self.found(node) };
        let cap = match self.cap {
            Some((id, change)) if id == cap => change,
            _ => self.change_of(&cap)?,
        };
        self.cap = node.cap.map(|id| (id, cap));
        let place = self.rows.place_of(node.change)?;
        match node.kind {
            Kind::Grant => self.grant_new(node, cap, place),
            Kind::Revoke => self.revoke(node, cap, place),
            _ => self.data(node, cap, place),
        }
    }

    fn found(&mut self, node: &Node) -> Result<(), LogError> {
        let value = node.value().ok_or_else(|| damaged("the genesis, which has no value", None))?;
        let genesis = value::Genesis::decode(value).map_err(|source| damaged("the genesis", source))?;
        let grant = Grant {
            id: node.id,
            cap: None,
            key: *genesis.root.as_bytes(),
            role: crate::Role::Admin,
            depth: 0,
            standing: Standing::default(),
            newest: None,
            used: false,
            account: node.change,
            spent: 0,
        };
        self.put_new_grant(node.change, grant);
        Ok(())
    }

    fn grant_new(&mut self, node: &Node, cap: Change, place: Place) -> Result<(), LogError> {
        let value = decode(node, value::Grant::decode)?;
        let above = self.grant(cap)?;
        let void = !above.standing.is_open();
        let grant = Grant {
            id: node.id,
            cap: Some(cap),
            key: *value.key.as_bytes(),
            role: value.role,
            depth: above.depth.saturating_add(1),
            standing: Standing { void, ..Standing::default() },
            newest: None,
            used: false,
            account: if void { above.account } else { node.change },
            spent: 0,
        };
        self.put_new_grant(node.change, grant);
        self.put_under(cap, place, node.change, true)?;
        if void {
            self.flip(node.change, true);
        }
        Ok(())
    }

    fn put_new_grant(&mut self, change: Change, grant: Grant) {
        self.were_open.insert(change, None);
        self.grants.insert(change, grant);
        self.changed.insert(change);
    }

    fn revoke(&mut self, node: &Node, cap: Change, place: Place) -> Result<(), LogError> {
        let value = decode(node, value::Revoke::decode)?;
        let target = self.change_of(&value.grant)?;
        let mut keep = Vec::with_capacity(value.keep.len());
        for id in &value.keep {
            keep.push(self.kept_place(id)?);
        }
        if cap == target {
            keep.push(place);
        }
        let keep = Cut::new(keep, self.rows);
        let void = !self.grant(cap)?.standing.is_open();
        let older = self.grant(target)?.newest;
        let revoke = Revoke { cap, target, keep, place, void, older };
        self.change_grant(target, |grant| grant.newest = Some(node.change))?;
        self.put_under(cap, place, node.change, true)?;
        if void {
            self.flip(node.change, true);
        }
        self.changed.insert(node.change);
        // The last in local order: no revocation that counts already keeps it.
        let counts = if revoke.resigns() { self.grant(target)?.standing.above.is_none() } else { !void };
        self.revokes.insert(node.change, revoke.clone());
        if counts { self.count_new(&revoke) } else { Ok(()) }
    }

    /// A new revocation counts.
    fn count_new(&mut self, revoke: &Revoke) -> Result<(), LogError> {
        let (mut to_do, target) = (ToDo::default(), revoke.target);
        self.note_before(target, &mut to_do)?;
        let mut standing = self.grant(target)?.standing.clone();
        if revoke.resigns() {
            standing.add_resignation(revoke, self.rows);
        } else if standing.is_plain() {
            standing.add_from_above(&revoke.keep, self.rows);
        } else {
            // Resignations that counted until now may not be kept.
            to_do.to_count.insert(target);
        }
        self.change_grant(target, |grant| grant.standing = standing)?;
        self.spread(to_do)
    }

    fn data(&mut self, node: &Node, cap: Change, place: Place) -> Result<(), LogError> {
        self.put_under(cap, place, node.change, false)?;
        if !self.grant(cap)?.standing.is_open() {
            self.flip(node.change, true);
            let here = node.value().map(|value| value.len() as u64);
            self.late.push((node.change, cap, here));
        }
        Ok(())
    }

    /// Works off what changed, from the genesis down.
    fn spread(&mut self, mut to_do: ToDo) -> Result<(), LogError> {
        while let Some(((_, at), before)) = to_do.before.pop_first() {
            if to_do.to_count.remove(&at) {
                self.count_revocations(at)?;
            }
            let after = self.grant(at)?.standing.clone();
            // Under a grant that did not count and does not, nothing changes whatever becomes of its revocations.
            if after == before || (before.void && after.void) {
                continue;
            }
            let mut ranges = BTreeMap::new();
            for stretch in self.stretches(at)? {
                let branch = stretch.first.branch;
                let rows = &*self.rows;
                let ends = || (before.last_of(branch, rows), after.last_of(branch, rows));
                let (was, is) = *ranges.entry(branch).or_insert_with(ends);
                let (low, high) = (was.min(is).saturating_add(1), was.max(is));
                let (low, high) = (low.max(stretch.first.seq.0), high.min(stretch.last().seq.0));
                for seq in low..=high {
                    let change = Change(stretch.change.0 + (seq - stretch.first.seq.0));
                    self.flip(change, is < was);
                    if stretch.acts {
                        self.flip_act(change, is < was, &mut to_do)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// A grant or revocation counts no more, or counts again.
    fn flip_act(&mut self, change: Change, void: bool, to_do: &mut ToDo) -> Result<(), LogError> {
        if self.find_grant(change)? {
            self.note_before(change, to_do)?;
            return self.change_grant(change, |grant| grant.standing.void = void);
        }
        let revoke = self.revoke_at(change)?;
        revoke.void = void;
        let (target, resigns) = (revoke.target, revoke.resigns());
        self.changed.insert(change);
        if resigns {
            return Ok(());
        }
        to_do.to_count.insert(target);
        self.note_before(target, to_do)
    }

    fn note_before(&mut self, at: Change, to_do: &mut ToDo) -> Result<(), LogError> {
        let grant = self.grant(at)?;
        let (depth, standing) = (grant.depth, &grant.standing);
        to_do.before.entry((depth, at)).or_insert_with(|| standing.clone());
        Ok(())
    }

    /// What the revocations of a grant that count leave of it, counted from the first.
    fn count_revocations(&mut self, at: Change) -> Result<(), LogError> {
        let (mut from_above, mut resignations) = (Vec::new(), Vec::new());
        let mut next = self.grant(at)?.newest;
        while let Some(change) = next {
            let revoke = self.revoke_at(change)?;
            // The chain leads backwards, so it ends.
            next = revoke.older.filter(|older| *older < change);
            match (revoke.resigns(), revoke.void) {
                (true, _) => resignations.push(revoke.clone()),
                (false, false) => from_above.push(revoke.keep.clone()),
                (false, true) => {}
            }
        }
        let mut standing = Standing { void: self.grant(at)?.standing.void, ..Standing::default() };
        from_above.iter().for_each(|keep| standing.add_from_above(keep, self.rows));
        resignations.iter().for_each(|revoke| standing.add_resignation(revoke, self.rows));
        self.change_grant(at, |grant| grant.standing = standing)
    }

    /// Twice is as before.
    fn flip(&mut self, change: Change, void: bool) {
        if self.flips.remove(&change).is_none() {
            self.flips.insert(change, void);
        }
    }

    /// All nodes under a grant.
    fn stretches(&mut self, grant: Change) -> Result<Vec<Stretch>, LogError> {
        let mut all = Vec::new();
        if !self.grant(grant)?.used {
            return Ok(all);
        }
        for row in self.rows.before().starting_with(&key_of(UNDER, grant)) {
            let (_, row) = row?;
            all.extend(Stretch::decode_all(row).map_err(|source| damaged("nodes under a grant", source))?);
        }
        all.extend(self.under.get(&grant).into_iter().flatten());
        Ok(all)
    }

    fn put_under(&mut self, grant: Change, place: Place, change: Change, acts: bool) -> Result<(), LogError> {
        let stretches = self.under.entry(grant).or_default();
        if stretches.last_mut().is_some_and(|last| last.extend(place, change, acts)) {
            return Ok(());
        }
        stretches.push(Stretch { first: place, change, nodes: 1, acts });
        if !self.grant(grant)?.used {
            self.change_grant(grant, |grant| grant.used = true)?;
        }
        Ok(())
    }

    // ---- records ----

    fn change_of(&self, id: &NodeId) -> Result<Change, LogError> {
        let change = self.rows.change_of(id)?;
        change.ok_or_else(|| damaged(&format!("node {id}, which was admitted"), None))
    }

    /// Where a node lies that is to be kept. Remembered: to find it, the node is read with its value.
    fn kept_place(&mut self, id: &NodeId) -> Result<Place, LogError> {
        if let Some(place) = self.kept.get(id) {
            return Ok(*place);
        }
        let place = self.rows.place_of(self.change_of(id)?)?;
        self.kept.insert(*id, place);
        Ok(place)
    }

    fn find_grant(&mut self, change: Change) -> Result<bool, LogError> {
        if self.grants.contains_key(&change) {
            return Ok(true);
        }
        if self.revokes.contains_key(&change) {
            return Ok(false);
        }
        let Some(row) = self.rows.get(&key_of(GRANT, change))? else { return Ok(false) };
        let grant = Grant::decode(row).map_err(|source| damaged(&format!("grant {change}"), source))?;
        self.were_open.insert(change, Some(grant.standing.is_open()));
        self.grants.insert(change, grant);
        Ok(true)
    }

    fn grant(&mut self, change: Change) -> Result<&Grant, LogError> {
        self.find_grant(change)?;
        self.grants.get(&change).ok_or_else(|| damaged(&format!("grant {change}, which is missing"), None))
    }

    fn change_grant(&mut self, change: Change, with: impl FnOnce(&mut Grant)) -> Result<(), LogError> {
        self.find_grant(change)?;
        let missing = || damaged(&format!("grant {change}, which is missing"), None);
        with(self.grants.get_mut(&change).ok_or_else(missing)?);
        self.changed.insert(change);
        Ok(())
    }

    fn revoke_at(&mut self, change: Change) -> Result<&mut Revoke, LogError> {
        let missing = || damaged(&format!("revocation {change}, which is missing"), None);
        if !self.revokes.contains_key(&change) {
            let row = self.rows.get(&key_of(REVOKE, change))?.ok_or_else(missing)?;
            let revoke =
                Revoke::decode(row).map_err(|source| damaged(&format!("revocation {change}"), source))?;
            self.revokes.insert(change, revoke);
        }
        self.revokes.get_mut(&change).ok_or_else(missing)
    }

    /// Writes what changed, and says whose standing does.
    pub(crate) fn finish(mut self) -> Result<Effects, LogError> {
        self.settle_values()?;
        for change in &self.changed {
            if let Some(grant) = self.grants.get(change) {
                self.rows.put(&key_of(GRANT, *change), grant.encode());
                let was_open = self.were_open.get(change).copied().flatten();
                put_open(*change, grant, was_open, self.rows);
            } else if let Some(revoke) = self.revokes.get(change) {
                self.rows.put(&key_of(REVOKE, *change), revoke.encode());
            }
        }
        for (grant, stretches) in &self.under {
            if let Some(stretch) = stretches.first() {
                self.rows.put(&under_key(*grant, stretch.change), Stretch::encode_all(stretches));
            }
        }
        let mut effects = Effects::default();
        for (change, void) in self.flips {
            if void { effects.voided.push(change) } else { effects.restored.push(change) }
        }
        Ok(effects)
    }

    /// Values of what is void from the start are kept while they are few, and wanted again when it counts after all.
    /// Those of what counted once are kept: the revocation may fall, and nobody else may have them.
    fn settle_values(&mut self) -> Result<(), LogError> {
        for (change, cap, here) in std::mem::take(&mut self.late) {
            if self.flips.get(&change) != Some(&true) {
                continue;
            }
            let account = self.grant(cap)?.account;
            let spent = self.grant(account)?.spent;
            match here {
                Some(bytes) if spent.saturating_add(bytes) <= VOID_BYTES_MAX => {
                    self.change_grant(account, |grant| grant.spent += bytes)?;
                }
                _ => self.rows.drop_value(change)?,
            }
        }
        for (change, _) in self.flips.iter().filter(|(_, void)| !**void) {
            self.rows.want_value(*change)?;
        }
        Ok(())
    }
}

/// Keeps the grants of a key that stand where they are found by it.
fn put_open(change: Change, grant: &Grant, was_open: Option<bool>, rows: &mut Rows<'_>) {
    let key = [&grants_of(&grant.key)[..], &change.0.to_be_bytes()].concat();
    match (was_open, grant.standing.is_open()) {
        (None | Some(false), true) => rows.put(&key, bytes::Bytes::new()),
        (Some(true), false) => {
            rows.del(&key);
            rows.put(&ended_key(&grant.key), bytes::Bytes::new());
        }
        // It came and ended in one commit.
        (None, false) if !grant.standing.void => rows.put(&ended_key(&grant.key), bytes::Bytes::new()),
        _ => {}
    }
}

fn decode<T>(node: &Node, decode: impl FnOnce(&bytes::Bytes) -> Result<T, Malformed>) -> Result<T, LogError> {
    let row = || format!("node {}", node.id);
    let value = node.value().ok_or_else(|| damaged(&format!("{}, which has no value", row()), None))?;
    decode(value).map_err(|source| damaged(&row(), source))
}
