//! What happens in a history: what honest peers do, and how they hear of each other.

use std::collections::BTreeSet;

use hyperkv::Write;
use hyperlog::{Act, Doc, Kind, Link, NodeId, WriterId};
use hyperlog_writers::{Error, Keep, Role};

use crate::forge::Past;
use crate::oracle::{No, Verdict, What};
use crate::place::Place;
use crate::world::{Checked, World, grant, reasons, revoke};

/// Steps of a history: so many at least, and so many more at most.
const STEPS_MIN: u64 = 20;
const STEPS_MORE: u64 = 14;

/// How deep a grant can lie.
const DEPTH_MAX: usize = 32;

impl World {
    /// All that happens before everybody syncs with everybody; no more than so many steps of it.
    pub(crate) fn live(&mut self, steps_max: u64) -> Checked {
        for place in 0..self.places.len() {
            if place == 0 || self.dice.chance(80) {
                self.deliver(place, &[0, 1])?;
            }
        }
        let steps = STEPS_MIN + self.dice.below(STEPS_MORE + 1);
        while self.step < steps.min(steps_max) {
            self.step += 1;
            self.mix.steps += 1;
            let place = self.any_place();
            match self.dice.below(100) {
                0..18 => self.write(place)?,
                18..28 => self.authorize(place)?,
                28..37 => self.revoke(place)?,
                37..39 => self.resign(place)?,
                39..41 => self.rotate(place)?,
                41..53 => self.forge()?,
                53 if self.dice.chance(60) => self.deep_chain()?,
                53 => self.write(place)?,
                54..57 => self.quarrel()?,
                57..78 => self.intrigue()?,
                78..80 => self.branches()?,
                80..85 => self.meet()?,
                85..91 => self.hear(place)?,
                91..93 => self.export(place)?,
                93..96 => self.places[place].offline_until = self.step + 3 + self.dice.below(15),
                _ => self.restart(place),
            }
            if self.dice.chance(12) {
                let place = self.any_place();
                let there = &self.places[place];
                let past = Past::new(&there.level, &there.order);
                self.keep_past(past);
            }
            let all = self.dice.chance(15);
            self.look_at_changed(all)?;
        }
        Ok(())
    }

    // ---- what honest peers do ----

    /// Notes what a peer wrote, and looks that what was allowed counts and what was not allowed was not done.
    fn wrote<R, E: std::error::Error>(
        &mut self,
        place: usize,
        what: &str,
        allowed: bool,
        result: Result<R, E>,
    ) -> Result<Option<(R, Verdict)>, String> {
        self.say(|| format!("{place}: {what}, allowed: {allowed}"));
        let there = &mut self.places[place];
        let before = there.order.len();
        let parcels = there.written(&mut self.book);
        self.send(parcels);
        let there = &self.places[place];
        match (result, allowed) {
            (Ok(result), true) => {
                let verdict = there.verdict(&self.book);
                let new = &there.order[before..];
                match new.iter().find(|no| !verdict.counts(**no)) {
                    None => Ok(Some((result, verdict))),
                    Some(no) => Err(format!("{place} may {what}, and what it wrote ({no}) does not count")),
                }
            }
            (Err(_), false) if there.order.len() == before => {
                self.mix.unwanted += 1;
                Ok(None)
            }
            (Err(_), false) => Err(format!("{place} may not {what}, and something was written")),
            (Ok(_), false) => Err(format!("{place} may not {what}, and does")),
            (Err(error), true) => Err(format!("{place} may {what}, and does not: {}", reasons(&error))),
        }
    }

    fn own(&self, place: usize) -> (Verdict, Vec<No>) {
        let there = &self.places[place];
        let verdict = there.verdict(&self.book);
        let open = verdict.open(&self.book, &there.key());
        (verdict, open)
    }

    fn write(&mut self, place: usize) -> Checked {
        let (verdict, open) = self.own(place);
        let allowed = !open.is_empty();
        let (text, kv_key) = (format!("{:x}", self.dice.roll()), self.kv_key());
        let how = self.dice.below(10);
        let log = self.places[place].log().clone();
        let written = match (self.places[place].kv().cloned(), how) {
            (Some(kv), 0..2) => {
                let result = kv.del(kv_key);
                self.wrote(place, "delete a key", allowed, result)?.is_some()
            }
            (Some(kv), 2..4) => {
                let writes = [Write::put(kv_key, text.clone()), Write::put("k0", text)];
                let result = kv.batch(writes);
                self.wrote(place, "put two keys", allowed, result)?.is_some()
            }
            (Some(kv), _) => {
                let result = kv.put(kv_key, text);
                self.wrote(place, "put a key", allowed, result)?.is_some()
            }
            (None, 0..3) => {
                let docs = (0..3).map(|n| Doc {
                    links: if n == 2 { vec![Link::Doc(0), Link::Doc(1)] } else { Vec::new() },
                    value: format!("{text} {n}"),
                });
                let result = log.batch(docs);
                self.wrote(place, "add three", allowed, result)?.is_some()
            }
            _ => {
                let result = log.append(text);
                self.wrote(place, "append", allowed, result)?.is_some()
            }
        };
        let last = self.places[place].order.last().copied();
        let cap = last.filter(|_| written).and_then(|no| self.book.get(no).cap);
        match cap {
            Some(cap) if !open.contains(&cap) => Err(format!("{place} wrote under {cap}, which is not open")),
            _ => self.looks_alike(place, &verdict, written),
        }
    }

    /// What writes data changes nothing that is older.
    fn looks_alike(&self, place: usize, before: &Verdict, written: bool) -> Checked {
        if !written {
            return Ok(());
        }
        let after = self.places[place].verdict(&self.book);
        let changed = self.places[place]
            .order
            .iter()
            .find(|no| before.has(**no) && before.is_void(**no) != after.is_void(**no));
        changed.map_or(Ok(()), |no| Err(format!("data changed whether {no} counts at {place}")))
    }

    pub(crate) fn kv_key(&mut self) -> String {
        format!("k{}", self.dice.below(5))
    }

    fn authorize(&mut self, place: usize) -> Checked {
        let (_, open) = self.own(place);
        let key = self.any_writer();
        let role = if self.dice.chance(60) { Role::Admin } else { Role::Writer };
        let admin = self.best_admin(&open);
        let allowed = admin.is_some();
        let there = &self.places[place];
        let result = match there.channel() {
            Some(channel) => channel.authorize(key, role).map_err(Box::<dyn std::error::Error>::from),
            None => by_hand(
                there,
                Kind::Grant,
                admin.map(|no| self.book.get(no).id),
                Vec::new(),
                grant(&key, role),
            ),
        };
        let what = format!("authorize {} as {role}", self.name(&key));
        self.wrote(place, &what, allowed, result.map_err(Boxed))?;
        Ok(())
    }

    /// Of grants, the one that may grant and lies nearest to the genesis.
    fn best_admin(&self, open: &[No]) -> Option<No> {
        let admin = |no: &&No| self.book.grant(**no).is_some_and(|(_, role)| role == Role::Admin);
        let best = open.iter().copied().filter(|no| admin(&no)).min_by_key(|no| self.book.depth(*no))?;
        (self.book.depth(best) < DEPTH_MAX).then_some(best)
    }

    /// A grant to be ended, among these: often one above somebody who has revoked, so that the revocation falls, or
    /// one that was put to use.
    pub(crate) fn any_target(&mut self, set: &BTreeSet<No>, under: &[No]) -> Option<No> {
        let is_grant = |no: &No| matches!(self.book.get(*no).what, What::Grant { .. });
        let below = |no: &No| self.book.chain(*no).iter().any(|above| under.contains(above));
        let targets: Vec<No> = set.iter().copied().filter(is_grant).filter(below).collect();
        let revokes = |no: &No| matches!(self.book.get(*no).what, What::Revoke { .. });
        let above_revokes: BTreeSet<No> =
            set.iter().copied().filter(revokes).flat_map(|no| self.book.chain(no)).collect();
        let used: BTreeSet<No> = set.iter().filter_map(|no| self.book.get(*no).cap).collect();
        let child = |no: &No| self.book.get(*no).cap.is_some_and(|cap| under.contains(&cap));
        let good: Vec<No> = match self.dice.below(10) {
            0..3 => targets.iter().copied().filter(|no| above_revokes.contains(no)).collect(),
            3..8 => targets.iter().copied().filter(|no| used.contains(no) && child(no)).collect(),
            _ => Vec::new(),
        };
        let from = if good.is_empty() { targets } else { good };
        self.dice.pick(&from).copied()
    }

    /// Somebody's revocation that is to fall: the grant that it was made under, and what to keep of that, up to just
    /// before it. Often what it had revoked is kept, and so comes back.
    pub(crate) fn overruled(&mut self, set: &BTreeSet<No>, under: &[No]) -> Option<(No, No)> {
        let just_before = |no: &No| {
            let (fact, cap) = (self.book.get(*no), self.book.get(*no).cap?);
            let What::Revoke { target, .. } = fact.what else { return None };
            let prev = fact.prev.filter(|prev| target != cap && self.book.get(*prev).cap == Some(cap))?;
            let may = self.book.chain(cap).iter().any(|above| under.contains(above));
            may.then_some((cap, prev, self.book.reaches(prev, target)))
        };
        let all: Vec<(No, No, bool)> = set.iter().filter_map(just_before).collect();
        let kept: Vec<(No, No, bool)> = all.iter().copied().filter(|(_, _, kept)| *kept).collect();
        let from = if kept.is_empty() || self.dice.chance(20) { all } else { kept };
        self.dice.pick(&from).map(|(cap, prev, _)| (*cap, *prev))
    }

    /// Some of what acts under a grant, in many ways.
    pub(crate) fn any_keep(&mut self, target: No, order: &[No]) -> Vec<No> {
        let under: Vec<No> =
            order.iter().copied().filter(|no| self.book.get(*no).cap == Some(target)).collect();
        let mut keep = BTreeSet::new();
        let some = match self.dice.below(10) {
            0..3 => 0,
            3..5 => 1,
            5..9 => 1 + self.dice.place(4),
            _ => 16,
        };
        for _ in 0..some {
            keep.extend(self.dice.pick(&under).copied());
        }
        keep.into_iter().take(16).collect()
    }

    fn revoke(&mut self, place: usize) -> Checked {
        let (before, open) = self.own(place);
        let set = self.has(place);
        let under = if self.dice.chance(85) { open.clone() } else { vec![0] };
        let overruled = self.overruled(&set, &under).filter(|_| self.dice.chance(60));
        let target = overruled.map(|(target, _)| target).or_else(|| self.any_target(&set, &under));
        let Some(target) = target else { return Ok(()) };
        let above = self.book.chain(target).into_iter().find(|no| open.contains(no));
        let here = self.dice.chance(40) && overruled.is_none() && self.places[place].channel().is_some();
        let keep = match overruled {
            Some((_, keep)) => vec![keep],
            None if here => Vec::new(),
            None => self.any_keep(target, &self.places[place].order.clone()),
        };
        let (id, ids) = (self.book.get(target).id, self.book.ids(keep.iter().copied()));
        let there = &self.places[place];
        let result = match there.channel() {
            Some(channel) => {
                let keep = if here { Keep::Here } else { Keep::Only(ids) };
                let revoked = channel.revoke(&id, keep);
                if let Err(Error::Forked { branches }) = revoked {
                    // Nothing was written: somebody has to choose.
                    return if branches > 16 { Ok(()) } else { Err(format!("{branches} branches are few")) };
                }
                revoked.map(drop).map_err(Box::<dyn std::error::Error>::from)
            }
            None => {
                let links = [&ids[..], &[id]].concat();
                let above = above.map(|no| self.book.get(no).id);
                by_hand(there, Kind::Revoke, above, links, revoke(&id, ids)).map(drop)
            }
        };
        let keeps = if here { "what is here".to_owned() } else { format!("{keep:?}") };
        let what = format!("revoke {target}, keeping {keeps}");
        let done = self.wrote(place, &what, above.is_some(), result.map_err(Boxed))?;
        match done {
            Some(((), after)) if here => self.keeps_all(place, &before, &after),
            _ => Ok(()),
        }
    }

    /// What is here goes on counting.
    fn keeps_all(&self, place: usize, before: &Verdict, after: &Verdict) -> Checked {
        match self.places[place].order.iter().find(|no| before.counts(**no) && !after.counts(**no)) {
            None => Ok(()),
            Some(no) => Err(format!("what was here was to be kept at {place}, and {no} does not count")),
        }
    }

    /// One admin revokes what it granted, and one above it does not agree.
    fn quarrel(&mut self) -> Checked {
        let a = self.any_place();
        let b = self.any_place();
        if !self.is_online(a) || !self.is_online(b) || a == b {
            return Ok(());
        }
        self.revoke(a)?;
        self.look_at_changed(false)?;
        self.sync(a, b)?;
        self.look_at_changed(false)?;
        self.revoke(b)
    }

    fn resign(&mut self, place: usize) -> Checked {
        let (_, mut open) = self.own(place);
        open.retain(|no| *no != 0);
        let allowed = !open.is_empty();
        let there = &self.places[place];
        let result = match there.channel() {
            Some(channel) => channel.resign().map(drop).map_err(Box::<dyn std::error::Error>::from),
            None => {
                let id = open.first().map(|no| self.book.get(*no).id);
                let (links, value) = (id.into_iter().collect(), id.map(|id| revoke(&id, Vec::new())));
                by_hand(there, Kind::Revoke, id, links, value.unwrap_or_default()).map(drop)
            }
        };
        let done = self.wrote(place, "resign", allowed, result.map_err(Boxed))?;
        let key = self.places[place].key();
        match done {
            Some((_, after)) if self.places[place].channel().is_some() => {
                let left = after.open(&self.book, &key);
                if left.is_empty() { Ok(()) } else { Err(format!("{place} resigned, and {left:?} are open")) }
            }
            _ => Ok(()),
        }
    }

    /// Hands over to another key, and goes on with it.
    fn rotate(&mut self, place: usize) -> Checked {
        let (_, open) = self.own(place);
        let Some(channel) = self.places[place].channel().cloned() else { return Ok(()) };
        let used: Vec<u8> = self.places.iter().map(|place| place.writer).collect();
        let free: Vec<(u8, WriterId)> =
            self.writers.iter().copied().filter(|(n, _)| !used.contains(n)).collect();
        let Some((next, key)) = self.dice.pick(&free).copied() else { return Ok(()) };
        let allowed = self.best_admin(&open).is_some();
        let result = channel.rotate(key);
        drop(channel);
        let what = format!("rotate to writer {next}");
        if self.wrote(place, &what, allowed, result)?.is_some() {
            self.mix.restarts += 1;
            self.places[place].restart(next);
        }
        Ok(())
    }

    fn restart(&mut self, place: usize) {
        self.say(|| format!("{place} is opened again"));
        self.mix.restarts += 1;
        let writer = self.places[place].writer;
        self.places[place].restart(writer);
    }

    // ---- how they hear of each other ----

    fn meet(&mut self) -> Checked {
        let a = self.any_place();
        let b = (a + 1 + self.dice.place(self.places.len() - 1)) % self.places.len();
        if self.is_online(a) && self.is_online(b) {
            self.sync(a, b)?;
        }
        Ok(())
    }

    /// A few of the things that there are, from wherever: of somebody's log, or of what nobody has yet.
    fn hear(&mut self, place: usize) -> Checked {
        if !self.is_online(place) {
            return Ok(());
        }
        let lacks = self.lacks(place);
        if lacks.is_empty() {
            return Ok(());
        }
        let wanted: Vec<usize> = if self.dice.chance(50) {
            let end = 1 + self.dice.place(lacks.len());
            lacks[..end].to_vec()
        } else {
            (0..=self.dice.below(3)).filter_map(|_| self.dice.pick(&lacks).copied()).collect()
        };
        self.deliver(place, &wanted)
    }

    /// All that one has, for another, on a stick.
    fn export(&mut self, place: usize) -> Checked {
        let to = (place + 1 + self.dice.place(self.places.len() - 1)) % self.places.len();
        if self.places[place].order.is_empty() {
            return Ok(());
        }
        let mut bytes = Vec::new();
        let from = self.places[place].log();
        from.export(&mut bytes)
            .map_err(|error| format!("{place} cannot be exported: {}", reasons(&error)))?;
        self.say(|| format!("all of {place} goes to {to}"));
        let there = &mut self.places[to];
        let imported = there.log().import(&bytes[..]);
        there.absorb(&self.book)?;
        imported.map_err(|error| format!("{to} refuses an export: {}", reasons(&error)))?;
        Ok(())
    }
}

/// Makes a node of the policy where there is no channel to do it.
fn by_hand(
    place: &Place,
    kind: Kind,
    cap: Option<NodeId>,
    links: Vec<NodeId>,
    value: bytes::Bytes,
) -> Result<NodeId, Box<dyn std::error::Error>> {
    let cap = cap.ok_or("nothing to act under")?;
    let act = Act { kind, cap: Some(cap), links, value };
    Ok(place.log().act(|_| Ok::<_, hyperlog::Error>(act))?.id)
}

/// An error of any kind.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Boxed(Box<dyn std::error::Error>);
