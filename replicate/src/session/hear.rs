//! What each message of the other side does.

use std::time::Duration;

use super::{Locating, Session, Stage};
use crate::error::{self, Cause};
use crate::list::List;
use crate::message::{Ask, Bye, Hello, Locate, Message, REASON_BYTES_MAX, Sample, Stored, Takes, Tips};
use crate::options::{IDS_PER_ASK_MAX, KIND_BYTES_MAX, METADATA_BYTES_MAX, WRITERS_NAMED_MAX};
use crate::point::{Key, Point};
use crate::replica::{Exchange, Ingested, Wants};
use crate::report::{Event, Peer};
use crate::search::{Found, Search};

/// Samples that a branch can have at most: a doubling of distances through 64 bits, and the first entry.
const SAMPLES_PER_BRANCH: u64 = 65;

impl<X: Exchange> Session<X> {
    /// A message of the other side.
    pub fn hear(&mut self, message: Message, now: Duration) {
        tracing::info!(target: "replicate", "<- {message}");
        if self.failed.is_some() {
            return;
        }
        if let Err(cause) = self.try_hear(message, now) {
            self.fail(cause);
        }
        self.note_debts();
    }

    /// A group of the other side that was decoded already, by [`decoder`](Self::decoder).
    pub fn hear_group(&mut self, group: X::Group) {
        if self.failed.is_some() {
            return;
        }
        if let Err(cause) = self.group(|_| Ok(group)) {
            self.fail(cause);
        }
        self.note_debts();
    }

    /// Who owes nothing has time again, once it does.
    pub(super) fn note_debts(&mut self) {
        if self.owes().is_none() {
            self.clock.idle();
        }
    }

    fn try_hear(&mut self, message: Message, now: Duration) -> Result<(), Cause> {
        if self.bye_heard {
            return Err(self.unexpected(&message));
        }
        match message {
            Message::Hello(hello) if matches!(self.stage, Stage::Meeting) => self.meet(*hello, now),
            Message::Bye(bye) => self.bye(bye),
            message if matches!(self.stage, Stage::Meeting) => Err(self.unexpected(&message)),
            Message::Tips(tips) if matches!(self.stage, Stage::Searching(_)) => self.tips(tips),
            Message::Locate(locate) if self.is_locating() => self.locate(locate),
            Message::Offer { entries } if self.awaits_offer() => self.offer(entries),
            Message::Group(bytes) => {
                let decoder = self.decoder();
                self.group(|_| decoder(bytes))
            }
            Message::Sent { left_out } if self.awaits_sent() => self.sent(left_out),
            Message::Ask(ask) if self.awaits_ask() => self.ask(ask),
            Message::Value { id, value } if self.inbound.open => self.value(id, value),
            Message::Answered if self.inbound.open => self.answered(),
            Message::Stored(stored) if self.exchanges() => self.stored(stored),
            Message::Ping => {
                self.pong_due = true;
                Ok(())
            }
            Message::Pong | Message::Unknown { .. } => Ok(()),
            message => Err(self.unexpected(&message)),
        }
    }

    fn unexpected(&self, message: &Message) -> Cause {
        Cause::Unexpected { message: message.name(), place: self.stage.name() }
    }

    /// Entries may go.
    const fn exchanges(&self) -> bool {
        matches!(self.stage, Stage::Syncing | Stage::Live | Stage::Leaving)
    }

    const fn is_locating(&self) -> bool {
        matches!(self.stage, Stage::Locating(Locating { heard: false, .. }))
    }

    fn awaits_offer(&self) -> bool {
        self.receives && self.exchanges() && self.inbound.offered.is_none() && !self.inbound.sent_heard
    }

    const fn awaits_sent(&self) -> bool {
        self.exchanges() && !self.inbound.sent_heard
    }

    const fn awaits_ask(&self) -> bool {
        self.exchanges() && self.out.asked && self.out.answering.is_none()
    }

    // ---- meeting ----

    fn meet(&mut self, hello: Hello, now: Duration) -> Result<(), Cause> {
        check_hello(&hello)?;
        if hello.kind != self.about.kind {
            return Err(Cause::OtherKind { theirs: hello.kind, ours: self.about.kind.clone() });
        }
        if hello.discovery_key != self.about.discovery_key {
            return Err(Cause::OtherTopic);
        }
        (self.sends, self.receives) = error::agree(self.options.mode, hello.mode)?;
        self.live = self.options.live && hello.live;
        self.out.asked = hello.asks && self.sends;
        self.inbound.asks = !self.inbound.to_ask.is_empty() && self.receives;
        let peer = Peer {
            metadata: hello.metadata.0.into(),
            mode: hello.mode,
            live: hello.live,
            entries: hello.entries,
            writers: hello.writers,
        };
        self.peer_tips = hello.tips;
        self.report.peer = Some(peer.clone());
        self.events.push_back(Event::Met(peer));
        self.log.agree(&self.options.wants, &Wants::from(&hello.takes));
        self.clock.settled(now);
        if hello.digest == self.digest {
            return self.meet_equal();
        }
        let digests = (&self.digest, &hello.digest);
        let search = Search::new(self.log.tips(), digests, hello.tips, self.options.limits)?;
        self.stage = Stage::Searching(Box::new(search));
        Ok(())
    }

    /// Nothing is lacking on either side.
    fn meet_equal(&mut self) -> Result<(), Cause> {
        if self.live {
            (0..self.log.tips().len()).for_each(|place| self.log.peer_has_tip(place));
            self.log.plan()?;
        }
        self.out.groups_done = true;
        // Both know that nothing but values can follow, so nobody needs to be told.
        self.out.sent_said = !self.out.asked;
        self.inbound.sent_heard = !self.inbound.asks;
        self.stage = Stage::Syncing;
        Ok(())
    }

    // ---- searching and locating ----

    fn tips(&mut self, tips: Tips) -> Result<(), Cause> {
        let Stage::Searching(search) = &mut self.stage else { return Ok(()) };
        let found = search.hear(self.log.tips(), tips)?;
        if search.is_endless() {
            return Err(Cause::Invalid { message: "Tips", what: "ever more questions" });
        }
        let over = search.is_over();
        for found in found {
            match found {
                Found::Common(places) => places.for_each(|place| self.log.peer_has_tip(place)),
                Found::Theirs(point) => self.peer_has(&point)?,
            }
        }
        if over {
            self.begin_locating();
        }
        Ok(())
    }

    fn peer_has(&mut self, point: &Point) -> Result<(), Cause> {
        if let Ok(place) = self.log.tips().binary_search_by_key(point, |tip| tip.point()) {
            self.log.peer_has_tip(place);
        } else if self.log.peer_named(point)? {
            self.passed.push(*point);
        } else {
            if self.has_writer(&point.writer) {
                self.parted.insert(point.writer);
            }
            if self.claims.len() < self.options.limits.claims_max {
                self.claims.push(*point);
            }
        }
        Ok(())
    }

    fn has_writer(&self, writer: &Key) -> bool {
        let tips = self.log.tips();
        let place = tips.partition_point(|tip| tip.writer < *writer);
        tips.get(place).is_some_and(|tip| tip.writer == *writer)
    }

    pub(super) fn begin_locating(&mut self) {
        let (mut parted, mut passed) = (std::mem::take(&mut self.parted), std::mem::take(&mut self.passed));
        if !self.receives {
            // What is here matters only to who sends.
            (parted, passed) = Default::default();
        }
        let ours = self.log.tips().len() as u64;
        self.stage = Stage::Locating(Locating {
            writers: parted.into_iter(),
            samples: passed.into(),
            said: false,
            heard: false,
            left: self.peer_tips.saturating_mul(SAMPLES_PER_BRANCH).saturating_add(ours),
        });
    }

    fn locate(&mut self, locate: Locate) -> Result<(), Cause> {
        if locate.more && locate.writers.0.is_empty() {
            return Err(Cause::Invalid { message: "Locate", what: "nothing in it" });
        }
        for (writer, List(samples)) in locate.writers.0 {
            // A writer without samples costs as well.
            self.count_samples(samples.len().max(1) as u64)?;
            for Sample { seq, prefix } in samples {
                self.log.peer_named(&Point { writer, seq, prefix })?;
            }
        }
        let Stage::Locating(locating) = &mut self.stage else { return Ok(()) };
        locating.heard = !locate.more;
        if locating.said && locating.heard {
            self.begin_syncing()?;
        }
        Ok(())
    }

    fn count_samples(&mut self, samples: u64) -> Result<(), Cause> {
        let Stage::Locating(locating) = &mut self.stage else { return Ok(()) };
        let left = locating.left.checked_sub(samples);
        locating.left =
            left.ok_or(Cause::Invalid { message: "Locate", what: "more samples than its tips have" })?;
        Ok(())
    }

    /// Both know what the other has.
    pub(super) fn begin_syncing(&mut self) -> Result<(), Cause> {
        if self.sends {
            self.out.offered = Some(self.log.plan()?);
        } else {
            self.out.groups_done = true;
        }
        self.stage = Stage::Syncing;
        Ok(())
    }

    // ---- entries ----

    fn offer(&mut self, entries: u64) -> Result<(), Cause> {
        let has = self.report.peer.as_ref().map_or(0, |peer| peer.entries);
        if entries > has {
            return Err(Cause::MoreThanOffered { offered: has });
        }
        self.inbound.offered = Some(entries);
        self.progress();
        Ok(())
    }

    fn group(
        &mut self,
        decode: impl FnOnce(&Self) -> Result<X::Group, crate::replica::ReplicaError>,
    ) -> Result<(), Cause> {
        let in_sync = !self.inbound.sent_heard && self.inbound.offered.is_some();
        let in_live = self.live && self.out.last_heard.is_some() && self.inbound.last_said.is_some();
        if !self.receives || !self.exchanges() || self.bye_heard || !(in_sync || in_live) {
            return Err(Cause::Unexpected { message: "Group", place: self.stage.name() });
        }
        let group = decode(self)?;
        let ingested = self.log.ingest(group)?;
        self.note(ingested)
    }

    fn note(&mut self, ingested: Ingested) -> Result<(), Cause> {
        let Ingested { stored, duplicates, repeated, filled, forks } = ingested;
        if stored + duplicates == 0 {
            return Err(Cause::Invalid { message: "Group", what: "nothing in it" });
        }
        self.inbound.entries += stored + duplicates;
        self.inbound.repeated += repeated;
        self.report.received += stored;
        self.report.duplicates += duplicates;
        self.report.filled += filled;
        for fork in forks {
            let Err(place) = self.report.forks.binary_search(&fork) else { continue };
            self.events.push_back(Event::Fork(fork));
            if self.report.forks.len() < self.options.limits.forks_listed {
                self.report.forks.insert(place, fork);
            }
        }
        self.ack_due = true;
        self.progress();
        let allowed = self.options.limits.repeated_max.saturating_add(self.out.entries);
        if self.inbound.repeated > allowed {
            return Err(Cause::Wasteful { repeated: self.inbound.repeated });
        }
        match self.inbound.offered {
            Some(offered) if !self.inbound.sent_heard && self.inbound.entries > offered => {
                Err(Cause::MoreThanOffered { offered })
            }
            _ => Ok(()),
        }
    }

    fn sent(&mut self, left_out: u64) -> Result<(), Cause> {
        self.inbound.sent_heard = true;
        self.inbound.left_out = left_out;
        Ok(())
    }

    fn stored(&mut self, Stored { entries, last }: Stored) -> Result<(), Cause> {
        if entries > self.out.entries || entries < self.out.acknowledged {
            return Err(Cause::Invalid { message: "Stored", what: "a number of entries that were not sent" });
        }
        if entries == self.out.acknowledged && last.is_none() {
            return Err(Cause::Invalid { message: "Stored", what: "no news" });
        }
        self.out.acknowledged = entries;
        if matches!(self.stage, Stage::Live) {
            self.clock.idle();
        }
        if last.is_some() {
            if self.out.last_heard.is_some() || !self.out.sent_said || entries != self.out.entries {
                return Err(Cause::Invalid { message: "Stored", what: "an end that is none" });
            }
            self.out.last_heard = last;
            self.complete()?;
        }
        self.progress();
        Ok(())
    }

    // ---- values ----

    fn ask(&mut self, ask: Ask) -> Result<(), Cause> {
        let ids = ask.ids.0.len();
        if ids == 0 || ids > IDS_PER_ASK_MAX {
            return Err(Cause::Invalid { message: "Ask", what: "no ids, or too many" });
        }
        self.out.answering = Some(ask.ids.0.into());
        self.out.asks_more = ask.more;
        Ok(())
    }

    fn value(&mut self, id: Key, value: bytes::Bytes) -> Result<(), Cause> {
        if !self.inbound.asked.remove(&id) {
            return Err(Cause::Invalid { message: "Value", what: "an id that was not asked for" });
        }
        self.report.filled += u64::from(self.log.fill(&id, value)?);
        Ok(())
    }

    fn answered(&mut self) -> Result<(), Cause> {
        self.inbound.open = false;
        self.inbound.asked.clear();
        Ok(())
    }

    // ---- leaving ----

    fn bye(&mut self, Bye { reason }: Bye) -> Result<(), Cause> {
        if let Some(reason) = reason {
            // It is shown to somebody, perhaps on a terminal.
            let reason = reason.chars().filter(|c| is_shown(*c)).take(REASON_BYTES_MAX).collect();
            return Err(Cause::ByPeer { reason });
        }
        if !self.inbound.sent_heard || self.out.last_heard.is_none() {
            return Err(Cause::Unexpected { message: "Bye", place: self.stage.name() });
        }
        self.bye_heard = true;
        if self.muted && !self.report.complete {
            return Err(Cause::Interrupted { owes: "has not taken what was sent to it" });
        }
        Ok(())
    }
}

/// Not what moves a cursor, sets the direction of writing, or is not seen at all.
fn is_shown(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}')
}

fn check_hello(hello: &Hello) -> Result<(), Cause> {
    let invalid = |what| Err(Cause::Invalid { message: "Hello", what });
    if hello.kind.is_empty() || hello.kind.len() > KIND_BYTES_MAX {
        return invalid("a kind of log that has no name");
    }
    if hello.metadata.0.len() > METADATA_BYTES_MAX {
        return invalid("too much metadata");
    }
    match &hello.takes {
        Takes::Only(writers) | Takes::Without(writers) if writers.0.len() > WRITERS_NAMED_MAX => {
            invalid("too many writers")
        }
        _ => Ok(()),
    }
}
