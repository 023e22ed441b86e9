//! What writers do that keep no rule of channels: they write on after they were revoked, go on where they were long
//! ago, revoke and grant without a right, and offer what nobody may store.

use std::collections::BTreeSet;

use bytes::Bytes;
use hyperlog::{Act, Change, ImportCause, Kind, NodeId};
use hyperlog_writers::Role;

use crate::forge::{Draft, Forge, Past};
use crate::oracle::{DEL, No, PUT, What};
use crate::parcel::Parcel;
use crate::place::key;
use crate::world::{Checked, ROOT, World, grant, reasons, revoke};

/// Of so many bytes are some values; four of them are too many to be kept where they do not count.
const BULK: usize = 300_000;

impl World {
    /// Somebody who has or had a grant makes nodes in a copy of some level, of now or of long ago.
    pub(crate) fn forge(&mut self) -> Checked {
        let Some(mut forge) = self.any_forge(40) else { return Ok(()) };
        if self.dice.chance(30) {
            self.import_some(&mut forge);
        }
        let flood = self.dice.chance(if self.bulky { 40 } else { 4 });
        let count = if flood && self.bulky {
            4
        } else if flood {
            10 + self.dice.below(10)
        } else {
            1 + self.dice.below(3)
        };
        for _ in 0..count {
            if self.dice.chance(16) {
                self.send_forged(&mut forge);
                self.offer_what_is_refused(&forge)?;
            }
            let Some(draft) = self.draft(&forge, flood) else { break };
            forge.make(&draft, &self.book);
            if self.dice.chance(40) && !flood {
                self.send_forged(&mut forge);
            }
        }
        self.send_forged(&mut forge);
        self.keep_past(forge.end());
        self.spread_last()
    }

    /// A log of a writer that has or had a grant; `now` in a hundred are as some peer is now.
    fn any_forge(&mut self, now: u64) -> Option<Forge> {
        for _ in 0..4 {
            let past = if self.dice.chance(now) {
                let place = self.any_place();
                let there = &self.places[place];
                Past::new(&there.level, &there.order)
            } else {
                let past = self.dice.pick(&self.pasts)?;
                Past::new(&past.level, &past.order)
            };
            let held: BTreeSet<_> =
                past.order.iter().filter_map(|no| self.book.grant(*no)).map(|(key, _)| key).collect();
            let mut writers: Vec<u8> =
                self.writers.iter().filter(|(_, key)| held.contains(key)).map(|(n, _)| *n).collect();
            if self.dice.chance(5) && held.contains(&key(ROOT)) {
                writers = vec![ROOT];
            }
            if let Some(writer) = self.dice.pick(&writers).copied() {
                self.say(|| format!("writer {writer} forges beside {:?}", past.order));
                return Some(Forge::new(past, writer, self.topic));
            }
        }
        None
    }

    fn import_some(&mut self, forge: &mut Forge) {
        let has: BTreeSet<No> = forge.order.iter().copied().collect();
        let wanted: Vec<usize> =
            (0..=self.dice.below(2)).map(|_| self.dice.place(self.parcels.len())).collect();
        let parcels = self.with_ancestors(wanted, &has);
        if !parcels.is_empty() {
            forge.import(&self.export_of(&parcels), &self.book);
        }
    }

    fn send_forged(&mut self, forge: &mut Forge) {
        let known: BTreeSet<No> = forge.order.iter().copied().collect();
        let parcels = forge.written(&mut self.book);
        for no in self.nodes()..self.book.len() {
            self.mix.forged += 1;
            self.note_kind_of_lie(no, &known);
        }
        self.send(parcels);
    }

    fn note_kind_of_lie(&mut self, new: No, known: &BTreeSet<No>) {
        let fact = self.book.get(new).clone();
        let ends = |no: &No| matches!(self.book.get(*no).what, What::Revoke { target, .. } if Some(target) == fact.cap);
        let before = (0..new).filter(|no| !known.contains(no));
        let ended = before.clone().any(|no| ends(&no));
        let twice = |no: No| self.book.get(no).author == fact.author && self.book.get(no).prev == fact.prev;
        let forks = before.clone().any(twice);
        self.mix.backdated += u64::from(ended);
        self.mix.equivocations += u64::from(forks);
    }

    /// The newest parcel goes to somebody, or waits until somebody hears of it.
    fn spread_last(&mut self) -> Checked {
        let place = self.any_place();
        if self.is_online(place) && self.dice.chance(70) {
            let last = self.parcels.len() - 1;
            self.deliver(place, &[last])?;
        }
        Ok(())
    }

    /// A node that may be stored, whether it counts or not.
    fn draft(&mut self, forge: &Forge, flood: bool) -> Option<Draft> {
        let own = self.own_grants(forge);
        let cap = self.dice.pick(&own).copied()?;
        let (_, role) = self.book.grant(cap)?;
        let depth = self.book.depth(cap);
        let admin = role == Role::Admin;
        let draft = match self.dice.below(100) {
            _ if flood => {
                let draft = self.draft_data(forge, cap);
                let more = if self.bulky && draft.value[0] == PUT { BULK } else { 0 };
                Draft { value: [&draft.value[..], &vec![b'.'; more]].concat().into(), ..draft }
            }
            0..8 if cap != 0 => self.draft_revoke(forge, cap, cap),
            8..32 if admin && depth < 32 => self.draft_grant(cap),
            32..72 if admin => {
                let set: BTreeSet<No> = forge.order.iter().copied().collect();
                match (self.overruled(&set, &[cap]), self.any_target(&set, &[cap])) {
                    (Some((target, keep)), _) if self.dice.chance(60) => {
                        self.draft_revoke_with(cap, target, vec![keep])
                    }
                    (_, Some(target)) => self.draft_revoke(forge, cap, target),
                    _ => self.draft_grant_or_data(forge, cap, depth),
                }
            }
            _ if cap == 0 => self.draft_grant(cap),
            _ => self.draft_data(forge, cap),
        };
        Some(draft)
    }

    fn own_grants(&self, forge: &Forge) -> Vec<No> {
        let key = key(forge.writer);
        let own = |no: &No| self.book.grant(*no).is_some_and(|(holder, _)| holder == key);
        forge.order.iter().copied().filter(own).collect()
    }

    fn draft_grant_or_data(&mut self, forge: &Forge, cap: No, depth: usize) -> Draft {
        if depth < 32 { self.draft_grant(cap) } else { self.draft_data(forge, cap) }
    }

    fn draft_grant(&mut self, cap: No) -> Draft {
        let key = self.any_writer();
        let role = if self.dice.chance(70) { Role::Admin } else { Role::Writer };
        Draft { kind: Kind::Grant, cap: Some(cap), links: Vec::new(), value: grant(&key, role) }
    }

    fn draft_revoke(&mut self, forge: &Forge, cap: No, target: No) -> Draft {
        let keep = self.any_keep(target, &forge.order);
        self.draft_revoke_with(cap, target, keep)
    }

    fn draft_revoke_with(&self, cap: No, target: No, keep: Vec<No>) -> Draft {
        let value = revoke(&self.book.get(target).id, self.book.ids(keep.iter().copied()));
        let links = keep.into_iter().chain([target]).collect();
        Draft { kind: Kind::Revoke, cap: Some(cap), links, value }
    }

    fn draft_data(&mut self, forge: &Forge, cap: No) -> Draft {
        let key = self.kv_key();
        let (tag, value) = if self.dice.chance(80) {
            (PUT, format!("{:x}", self.dice.roll()))
        } else {
            (DEL, String::new())
        };
        let supersedes = |no: &No| match &self.book.get(*no).what {
            What::Data(Some((other, _))) => *other == key.as_bytes(),
            _ => false,
        };
        let mut links: Vec<No> = forge.order.iter().copied().filter(supersedes).collect();
        while links.len() > 3 || (!links.is_empty() && self.dice.chance(40)) {
            links.remove(self.dice.place(links.len()));
        }
        let length = (key.len() as u16).to_be_bytes();
        let value = [&[tag][..], &length, key.as_bytes(), value.as_bytes()].concat().into();
        Draft { kind: Kind::Data, cap: Some(cap), links, value }
    }

    // ---- chains of grants ----

    /// Somebody grants itself, and under that itself again, as often as may be, and then somebody else.
    pub(crate) fn deep_chain(&mut self) -> Checked {
        let Some(mut forge) = self.any_forge(60) else { return Ok(()) };
        let own = self.own_grants(&forge);
        let admin = |no: &No| self.book.grant(*no).is_some_and(|(_, role)| role == Role::Admin);
        let own: Vec<No> = own.into_iter().filter(admin).collect();
        let Some(cap) = self.dice.pick(&own).copied() else { return Ok(()) };
        self.mix.deep += 1;
        let (me, other) = (key(forge.writer), self.any_writer());
        let mut depth = self.book.depth(cap);
        let until = if self.dice.chance(30) { 32 } else { (depth + 2 + self.dice.place(6)).min(32) };
        let mut above = self.book.get(cap).id;
        while depth < until {
            depth += 1;
            let grant_to = |key, role| {
                let value = grant(&key, role);
                forge.act(Act { kind: Kind::Grant, cap: Some(above), links: Vec::new(), value })
            };
            if depth == until {
                grant_to(other, Role::Writer);
            }
            above = grant_to(me, Role::Admin);
        }
        self.send_forged(&mut forge);
        if let Some(cap) = self.book.find(&above).filter(|_| depth == 32) {
            let value = grant(&me, Role::Writer);
            let draft = Draft { kind: Kind::Grant, cap: Some(cap), links: Vec::new(), value };
            self.offer(&forge, &draft, "a grant that is too deep")?;
        }
        self.keep_past(forge.end());
        self.spread_last()
    }

    // ---- forks ----

    /// Somebody writes and resigns on three branches, and those above revoke it two or three times, each keeping some of
    /// some branches.
    pub(crate) fn branches(&mut self) -> Checked {
        let place = self.any_place();
        let there = &self.places[place];
        let mut past = Past::new(&there.level, &there.order);
        let is_grant = |no: &No| matches!(self.book.get(*no).what, What::Grant { .. });
        let grants: Vec<No> = past.order.iter().copied().filter(is_grant).collect();
        let Some(target) = self.dice.pick(&grants).copied() else { return Ok(()) };
        let (holder, first) = (self.holder(target), self.nodes());
        let mut branches = vec![Past::new(&past.level, &past.order)];
        for _ in 0..3 {
            let from = &branches[self.dice.place(branches.len())];
            let mut forge = Forge::new(Past::new(&from.level, &from.order), holder, self.topic);
            for _ in 0..=self.dice.below(2) {
                let resigns = self.dice.chance(35);
                let draft = if resigns {
                    self.draft_revoke(&forge, target, target)
                } else {
                    self.draft_data(&forge, target)
                };
                forge.make(&draft, &self.book);
                self.send_forged(&mut forge);
            }
            branches.push(forge.end());
        }
        for _ in 0..2 + self.dice.below(2) {
            let above = self.book.chain(target);
            let Some(cap) = self.dice.pick(&above).copied() else { break };
            let mut forge = Forge::new(past, self.holder(cap), self.topic);
            let has: BTreeSet<No> = forge.order.iter().copied().collect();
            let new = self.with_ancestors((first..self.nodes()).map(|no| self.parcel_with(no)), &has);
            if !new.is_empty() {
                forge.import(&self.export_of(&new), &self.book);
            }
            let draft = self.draft_revoke(&forge, cap, target);
            forge.make(&draft, &self.book);
            self.send_forged(&mut forge);
            past = forge.end();
        }
        self.spread_last()
    }

    /// Who holds a grant.
    pub(crate) fn holder(&self, grant: No) -> u8 {
        let (holder, _) = self.book.grant(grant).expect("it is a grant");
        self.writers.iter().find(|(_, key)| *key == holder).map_or(ROOT, |(n, _)| *n)
    }

    // ---- what nobody may store ----

    fn offer_what_is_refused(&mut self, forge: &Forge) -> Checked {
        let Some((draft, what)) = self.bad_draft(forge) else { return Ok(()) };
        self.offer(forge, &draft, what)
    }

    fn bad_draft(&mut self, forge: &Forge) -> Option<(Draft, &'static str)> {
        let mut draft = self.draft(forge, false)?;
        let any = |this: &mut Self| this.dice.pick(&forge.order).copied();
        let what = match self.dice.below(12) {
            0 => {
                draft.cap = None;
                "no cap"
            }
            1..3 => {
                draft.cap = any(self);
                "any cap"
            }
            3 => {
                draft.kind = [Kind::Data, Kind::Genesis, Kind::Grant, Kind::Revoke][self.dice.place(4)];
                "any kind"
            }
            4 => {
                draft.value = [&draft.value[..], b"x"].concat().into();
                "a longer value"
            }
            5 => {
                let end = self.dice.place(draft.value.len());
                draft.value = draft.value.slice(..end);
                "a shorter value"
            }
            6 => {
                draft.links.clear();
                "no links but to heads"
            }
            7 => {
                draft.kind = Kind::Grant;
                draft.value = self.draft_grant(0).value;
                "a grant under any cap"
            }
            8 => {
                let target = any(self)?;
                draft = self.draft_revoke(forge, draft.cap?, target);
                "a revocation of anything"
            }
            9..11 => {
                let (target, keep) = (self.any_grant(forge)?, any(self)?);
                draft.kind = Kind::Revoke;
                draft.value = revoke(&self.book.get(target).id, self.book.ids([keep]));
                draft.links = vec![target, keep];
                "a revocation that keeps anything"
            }
            _ => {
                let target = self.any_grant(forge)?;
                let ids: Vec<NodeId> =
                    self.book.ids(forge.order.iter().copied()).into_iter().take(17).collect();
                draft.value = revoke(&self.book.get(target).id, ids);
                draft.kind = Kind::Revoke;
                draft.links = forge.order.iter().copied().take(17).chain([target]).collect();
                "a revocation that keeps too much"
            }
        };
        Some((draft, what))
    }

    fn any_grant(&mut self, forge: &Forge) -> Option<No> {
        let grants: Vec<No> =
            forge.order.iter().copied().filter(|no| self.book.grant(*no).is_some()).collect();
        self.dice.pick(&grants).copied()
    }

    /// Makes a node beside the others, and offers it to those who have what it names: where the rules forbid it, all
    /// refuse it, and nothing is stored.
    fn offer(&mut self, forge: &Forge, draft: &Draft, what: &str) -> Checked {
        let mut aside = forge.aside(self.topic);
        aside.make(draft, &self.book);
        let last = aside.log.last();
        let node = aside.log.raw_at(last).map_err(|error| error.to_string())?.ok_or("nothing was made")?;
        let fact = self.book.read(&(&node).into());
        if self.book.is_admissible(&fact) {
            return Ok(());
        }
        self.say(|| format!("offered to all: {what}, {fact:?}"));
        let group = aside.last_group();
        let bytes = self.export_of_one(&Parcel { nodes: vec![0], group });
        for place in 0..self.places.len() {
            let has = self.has(place);
            let known = fact.links.iter().chain(&fact.prev).chain(&fact.cap).all(|no| has.contains(no));
            if known {
                self.mix.refused += 1;
                self.is_refused(place, &bytes, what)?;
            }
        }
        Ok(())
    }

    fn is_refused(&self, place: usize, bytes: &Bytes, what: &str) -> Checked {
        let log = self.places[place].log();
        let before: Change = log.last();
        match log.import(&bytes[..]) {
            Ok(_) => Err(format!("{place} stores what nobody may store: {what}")),
            Err(_) if log.last() != before => Err(format!("{place} refuses {what}, and stores something")),
            Err(error) => match &error.cause {
                ImportCause::Group(group) if hyperlog::refused(group).is_some() => Ok(()),
                _ => Err(format!("{place} refuses {what} for something else: {}", reasons(&error))),
            },
        }
    }
}
