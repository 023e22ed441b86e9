//! Compares a peer with the plain definition, applied to what that peer has stored.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hyperkv::{Select, What as Held};
use hyperlog::{Change, Content, NodeId, WriterId};
use hyperlog_writers::{Channel, Role};

use crate::oracle::{Book, DEL, No, PUT, State, Verdict};
use crate::place::{Place, key};
use crate::world::{Checked, ROOT, World, reasons};

impl World {
    /// Looks at the peers that have stored something since they were last looked at.
    pub(crate) fn look_at_changed(&mut self, thoroughly: bool) -> Checked {
        for place in 0..self.places.len() {
            let there = &self.places[place];
            let stored = there.order.len();
            let known = there.seen.as_ref().map_or(0, Verdict::len);
            if stored != known {
                self.look(place, thoroughly)?;
            } else if thoroughly && stored > 0 && self.dice.chance(30) {
                self.look(place, true)?;
            }
        }
        Ok(())
    }

    pub(crate) fn look(&mut self, place: usize, thoroughly: bool) -> Checked {
        self.mix.checks += 1;
        let verdict = self.places[place].verdict(&self.book);
        self.note_changes(place, &verdict);
        let there = &self.places[place];
        let looked = look(there, &self.book, &self.writers, &verdict, thoroughly);
        let how = if thoroughly { "thoroughly" } else { "briefly" };
        let result = looked.map_err(|why| format!("place {place}, looked at {how}: {why}"));
        self.places[place].seen = Some(verdict);
        result
    }

    fn note_changes(&mut self, place: usize, now: &Verdict) {
        let Some(before) = &self.places[place].seen else { return };
        let effective: BTreeSet<No> = now.effective().collect();
        self.mix.falls += before.effective().filter(|no| !effective.contains(no)).count() as u64;
        for no in 0..self.book.len() {
            self.mix.voided += u64::from(before.counts(no) && now.is_void(no));
            self.mix.restored += u64::from(before.is_void(no) && now.counts(no));
        }
    }
}

fn look(
    place: &Place,
    book: &Book,
    writers: &[(u8, WriterId)],
    verdict: &Verdict,
    thoroughly: bool,
) -> Checked {
    let log = place.log();
    let fault = |error: hyperlog::Error| reasons(&error);
    let void = log.void_between(Change(1), log.last()).map_err(fault)?;
    for (no, change) in place.order.iter().zip(1..) {
        differ(&format!("whether {no} is void"), &verdict.is_void(*no), &void.contains(&Change(change)))?;
    }
    differ("the heads", &verdict.heads(book), &log.heads().map_err(fault)?)?;
    if !thoroughly {
        return Ok(());
    }
    for no in &place.order {
        let is_void = log.is_void(&book.get(*no).id).map_err(fault)?;
        differ(&format!("whether {no} is void, by its id"), &verdict.is_void(*no), &is_void)?;
    }
    if let Some(channel) = place.channel() {
        look_at_channel(channel, book, writers, verdict)?;
    }
    look_at_map(place, book, verdict)
}

fn look_at_channel(
    channel: &Channel<hyperlog::Utf8>,
    book: &Book,
    writers: &[(u8, WriterId)],
    verdict: &Verdict,
) -> Checked {
    let fault = |error: hyperlog_writers::Error| reasons(&error);
    let root = (ROOT, key(ROOT));
    let mut members = BTreeMap::new();
    for (n, key) in writers.iter().chain([&root]) {
        let open = verdict.open(book, key);
        let role = open.iter().filter_map(|no| book.grant(*no)).map(|(_, role)| role).max();
        differ(
            &format!("whether writer {n} is authorized"),
            &role.is_some(),
            &channel.authorized(key).map_err(fault)?,
        )?;
        differ(&format!("the role of writer {n}"), &role, &channel.role(key).map_err(fault)?)?;
        // The genesis makes nobody a member.
        let granted: Vec<No> = open.into_iter().filter(|no| book.get(*no).cap.is_some()).collect();
        let role = granted.iter().filter_map(|no| book.grant(*no)).map(|(_, role)| role).max();
        if let Some(role) = role {
            let mut grants = book.ids(granted);
            grants.sort_unstable();
            members.insert(*key, (role, grants));
        }
    }
    let found: BTreeMap<WriterId, (Role, Vec<NodeId>)> = channel
        .members()
        .map_err(fault)?
        .into_iter()
        .map(|member| (member.key, (member.role, member.grants.iter().map(|grant| grant.id).collect())))
        .collect();
    differ("the members", &members, &found)?;
    look_at_grants(channel, book, verdict)
}

type Granted = (NodeId, WriterId, Role, WriterId, NodeId, usize, State);

fn look_at_grants(channel: &Channel<hyperlog::Utf8>, book: &Book, verdict: &Verdict) -> Checked {
    let expected = |no: No| -> Option<Granted> {
        let ((key, role), cap) = (book.grant(no)?, book.get(no).cap?);
        let fact = book.get(no);
        Some((fact.id, key, role, book.grant(cap)?.0, book.get(cap).id, book.depth(no), verdict.state(no)))
    };
    let mut grants: Vec<Granted> = verdict.grants(book).into_iter().filter_map(expected).collect();
    grants.sort_unstable_by_key(|grant| grant.0);
    let found: Vec<Granted> = channel
        .grants()
        .map_err(|error| reasons(&error))?
        .into_iter()
        .map(|grant| {
            let state = match grant.state {
                hyperlog_writers::State::Open => State::Open,
                hyperlog_writers::State::Revoked => State::Revoked,
                _ => State::Void,
            };
            (grant.id, grant.key, grant.role, grant.by, grant.cap, usize::from(grant.depth), state)
        })
        .collect();
    differ("the grants", &grants, &found)
}

/// What is in the map, and that no value is missing that need not be.
fn look_at_map(place: &Place, book: &Book, verdict: &Verdict) -> Checked {
    let mut absent = BTreeSet::new();
    for (no, change) in place.order.iter().zip(1..) {
        let node = place.log().raw_at(Change(change)).map_err(|error| reasons(&error))?;
        match node.map(|node| node.value) {
            Some(Content::Here(_)) => {}
            Some(Content::Pending) if place.may_lack_values => drop(absent.insert(*no)),
            Some(Content::Unwanted) if place.may_lack_values && verdict.is_void(*no) => {}
            other => {
                return Err(format!("the value of {no} is {other:?}, and void: {}", verdict.is_void(*no)));
            }
        }
    }
    let Some(kv) = place.kv() else { return Ok(()) };
    differ("the map", &verdict.map(book, |no| !absent.contains(&no)), &rows(kv)?)
}

pub(crate) type Rows = BTreeMap<Bytes, BTreeMap<NodeId, Bytes>>;

/// All that a map holds.
pub(crate) fn rows(kv: &hyperkv::HyperKv<hyperlog::Utf8>) -> Result<Rows, String> {
    let fault = |error: hyperkv::Error| reasons(&error);
    let mut rows = Rows::new();
    for entry in kv.list(Select::all()).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let values = entry.values.iter().map(|value| {
            let body = match &value.what {
                Held::Put(text) => [&[PUT], text.as_bytes()].concat(),
                Held::Deleted => vec![DEL],
                Held::Unreadable(why) => why.clone().into_bytes(),
            };
            (value.id, body.into())
        });
        rows.insert(entry.key, values.collect());
    }
    Ok(rows)
}

pub(crate) fn differ<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, found: &T) -> Checked {
    if expected == found { Ok(()) } else { Err(format!("{what}: {found:?} instead of {expected:?}")) }
}
