//! What this side says next.

use super::{Locating, Session, Stage};
use crate::digest::digest;
use crate::error::Cause;
use crate::list::List;
use crate::message::{Ask, Bye, Last, Locate, Message, Sample, Stored};
use crate::point::Point;
use crate::replica::{Exchange, Outgoing, Settled};

/// Groups that a side which ends a live session still sends of what was written.
const LAST_GROUPS_MAX: u32 = 64;

impl<X: Exchange> Session<X> {
    /// The next message; none while there is nothing to say. Call it only when the wire takes the message: what is
    /// large is made here and kept nowhere.
    pub fn say(&mut self) -> Option<Message> {
        let message = match self.try_say() {
            Ok(message) => message,
            Err(cause) => {
                self.fail(cause);
                self.queue.pop_front()
            }
        };
        if let Some(message) = &message {
            tracing::info!(target: "replicate", "-> {message}");
            self.bye_said |= matches!(message, Message::Bye(_));
            if matches!(message, Message::Ping | Message::Pong) {
                self.clock.said_idle_word();
            }
        }
        self.note_debts();
        message
    }

    fn try_say(&mut self) -> Result<Option<Message>, Cause> {
        if let Some(message) = self.queue.pop_front() {
            return Ok(Some(message));
        }
        if self.failed.is_some() || self.bye_said || self.muted {
            return Ok(None);
        }
        if std::mem::take(&mut self.pong_due) {
            return Ok(Some(Message::Pong));
        }
        match &self.stage {
            Stage::Searching(_) => Ok(self.say_tips()),
            Stage::Locating(Locating { said: false, .. }) => self.say_locate().map(Some),
            Stage::Syncing => self.say_syncing(),
            Stage::Live => self.say_live(),
            Stage::Locating(_) | Stage::Meeting | Stage::Leaving | Stage::Failed => Ok(None),
        }
    }

    // ---- searching and locating ----

    fn say_tips(&mut self) -> Option<Message> {
        let Stage::Searching(search) = &mut self.stage else { return None };
        let tips = search.say(self.log.tips())?;
        if search.is_over() {
            self.begin_locating();
        }
        Some(Message::Tips(tips))
    }

    fn say_locate(&mut self) -> Result<Message, Cause> {
        let room = self.options.limits.points_per_message;
        let Stage::Locating(locating) = &mut self.stage else { return Ok(Message::Pong) };
        let mut writers: Vec<(_, List<Sample>)> = Vec::new();
        let mut count = 0;
        while count < room {
            if locating.samples.is_empty() {
                let Some(writer) = locating.writers.next() else { break };
                let mut samples = Vec::new();
                self.log.samples(&writer, &mut samples)?;
                locating.samples = samples.into();
                continue;
            }
            let n = locating.samples.len().min(room - count);
            count += n;
            for Point { writer, seq, prefix } in locating.samples.drain(..n) {
                let sample = Sample { seq, prefix };
                match writers.last_mut() {
                    Some((last, samples)) if *last == writer => samples.0.push(sample),
                    _ => writers.push((writer, List(vec![sample]))),
                }
            }
        }
        let more = count == room;
        locating.said = !more;
        if locating.said && locating.heard {
            self.begin_syncing()?;
        }
        Ok(Message::Locate(Locate { writers: writers.into(), more }))
    }

    // ---- syncing ----

    fn say_syncing(&mut self) -> Result<Option<Message>, Cause> {
        if let Some(message) = self.say_small()? {
            return Ok(Some(message));
        }
        if !self.out.groups_done {
            if let Some(outgoing) = self.log.next_group()? {
                return Ok(Some(self.send(outgoing)));
            }
            self.out.groups_done = true;
        }
        if !self.out.sent_said {
            // The peer may still ask for values.
            let done = !self.out.asked;
            self.out.sent_said = done;
            return Ok(done.then(|| Message::Sent { left_out: self.left_out() }));
        }
        if self.inbound.last_said.is_none() {
            return if self.has_heard_all() { self.settle().map(Some) } else { Ok(None) };
        }
        self.after_first_sync()
    }

    /// What is short, and what the peer waits for.
    fn say_small(&mut self) -> Result<Option<Message>, Cause> {
        if std::mem::take(&mut self.ack_due) {
            return Ok(Some(self.ack()));
        }
        if let (Some(entries), false) = (self.out.offered, self.out.offer_said) {
            self.out.offer_said = true;
            self.progress();
            return Ok(Some(Message::Offer { entries }));
        }
        if let Some(message) = self.answer()? {
            return Ok(Some(message));
        }
        self.ask_next()
    }

    fn ack(&self) -> Message {
        Message::Stored(Stored { entries: self.inbound.entries, last: None })
    }

    fn send(&mut self, Outgoing { bytes, entries }: Outgoing) -> Message {
        self.out.entries += entries;
        self.progress();
        Message::Group(bytes)
    }

    fn has_heard_all(&self) -> bool {
        self.inbound.sent_heard && (!self.inbound.asks || self.inbound.asked_all && !self.inbound.open)
    }

    /// Everything that came is made durable, and the peer is told.
    fn settle(&mut self) -> Result<Message, Cause> {
        let Settled { tips, entries } = self.log.settle(self.receives)?;
        let elsewhere = entries.saturating_sub(self.about.entries).saturating_sub(self.report.received);
        let last = Last { digest: digest(&tips), elsewhere };
        self.inbound.last_said = Some(last);
        self.complete()?;
        Ok(Message::Stored(Stored { entries: self.inbound.entries, last: Some(last) }))
    }

    /// Both have said all there is to say of the snapshot.
    fn after_first_sync(&mut self) -> Result<Option<Message>, Cause> {
        if !self.live || self.bye_heard {
            return Ok(Some(self.leave()));
        }
        if self.out.last_heard.is_none() {
            return Ok(None);
        }
        self.stage = Stage::Live;
        self.report.live = true;
        self.say_live()
    }

    pub(super) const fn is_ending(&self) -> bool {
        self.stopping || self.bye_heard
    }

    fn leave(&mut self) -> Message {
        self.stage = Stage::Leaving;
        Message::Bye(Bye::default())
    }

    // ---- live ----

    fn say_live(&mut self) -> Result<Option<Message>, Cause> {
        if std::mem::take(&mut self.ack_due) {
            return Ok(Some(self.ack()));
        }
        // Who ends it says first what was written until now; but who writes without end ends, too.
        let may_send = self.sends && !self.bye_heard && self.out.last_groups < LAST_GROUPS_MAX;
        let outgoing = if may_send { self.log.next_live()? } else { None };
        if let Some(outgoing) = outgoing {
            self.out.last_groups += u32::from(self.stopping);
            return Ok(Some(self.send(outgoing)));
        }
        Ok(self.is_ending().then(|| self.leave()))
    }

    // ---- values ----

    /// Answers a question of the peer, a value at a time.
    fn answer(&mut self) -> Result<Option<Message>, Cause> {
        let Some(ids) = &mut self.out.answering else { return Ok(None) };
        while let Some(id) = ids.pop_front() {
            if let Some(value) = self.log.value(&id)? {
                return Ok(Some(Message::Value { id, value }));
            }
        }
        self.out.answering = None;
        self.out.asked = self.out.asks_more;
        Ok(Some(Message::Answered))
    }

    fn ask_next(&mut self) -> Result<Option<Message>, Cause> {
        if !self.inbound.asks || self.inbound.open || self.inbound.asked_all {
            return Ok(None);
        }
        let ids = std::mem::take(&mut self.inbound.to_ask);
        self.inbound.to_ask = self.log.wanted_values(self.options.limits.ids_per_ask)?;
        let more = !self.inbound.to_ask.is_empty();
        self.inbound.asked = ids.iter().copied().collect();
        (self.inbound.open, self.inbound.asked_all) = (true, !more);
        Ok(Some(Message::Ask(Ask { ids: ids.into(), more })))
    }
}
