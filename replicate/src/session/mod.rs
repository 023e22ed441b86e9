//! One session between two logs, as a state machine: messages in, messages and events out.
//!
//! [`hear`] has a handler for each message, [`say`] decides what comes next, [`clock`] when to give up.

mod clock;
mod hear;
mod say;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::digest::digest;
use crate::error::{Cause, SyncError};
use crate::message::{Bye, Hello, Last, Message, REASON_BYTES_MAX, Takes};
use crate::options::{METADATA_BYTES_MAX, Options, WRITERS_NAMED_MAX};
use crate::point::{Key, Point};
use crate::replica::{About, Decoder, Exchange, News, Replica, Wants};
use crate::report::{Difference, Event, Progress, Report};
use crate::search::Search;
use clock::Clock;

/// One session between two logs: messages in, messages and events out. It reads no clock and touches no wire.
///
/// # The contract
///
/// After every input ([`hear`](Self::hear), [`tick`](Self::tick), [`stop`](Self::stop), [`ended`](Self::ended) ...) call
/// [`say`](Self::say) and [`next_event`](Self::next_event) until there is nothing more. Call `say` only when the wire
/// takes the message, for a bulk message can take a megabyte. Call `tick` at [`deadline`](Self::deadline). A session
/// may become live within `say`: ask for [`news`](Self::news) after it had nothing to say, and then `say` once more.
///
/// It goes through stages: meeting (`Hello`), searching (`Tips`), locating (`Locate`), syncing (`Offer`, `Group`, values,
/// `Sent`, `Stored`), perhaps live, and leaving (`Bye`). What it calls in the log may wait for a disk, so none of this
/// belongs on the thread of an async reactor: the driver behind the feature `tokio` sees to that.
pub struct Session<X: Exchange> {
    log: X,
    options: Options,
    about: About,
    digest: Key,
    decoder: Decoder<X::Group>,
    stage: Stage,
    /// What is said before anything else. At most a handful: everything larger is made when it is taken.
    queue: VecDeque<Message>,
    events: VecDeque<Event>,
    /// Entries go from here to there.
    sends: bool,
    receives: bool,
    /// Both want to go on after the first sync.
    live: bool,
    /// The caller wants to end as soon as the first sync is complete.
    stopping: bool,
    out: Outbound,
    inbound: Inbound,
    /// How many tips the peer says it has.
    peer_tips: u64,
    /// Writers of which the peer listed a tip that is not here, and that are known here.
    parted: BTreeSet<Key>,
    /// Tips of the peer that are here, below other entries: it is told so, for it cannot know.
    passed: Vec<Point>,
    /// Tips that the peer claims, and that are not here: the first of them.
    claims: Vec<Point>,
    bye_said: bool,
    bye_heard: bool,
    /// The other side takes no more.
    muted: bool,
    ack_due: bool,
    pong_due: bool,
    clock: Clock,
    report: Report,
    failed: Option<Cause>,
}

/// Where a session stands.
enum Stage {
    /// `Hello` is awaited.
    Meeting,
    /// Tips are exchanged.
    Searching(Box<Search>),
    /// Samples are exchanged.
    Locating(Locating),
    /// Entries go until both have what they lacked.
    Syncing,
    /// The first sync is complete, and entries go as they come.
    Live,
    /// `Bye` was said.
    Leaving,
    /// It failed, and the peer is told.
    Failed,
}

struct Locating {
    /// Writers to sample.
    writers: std::collections::btree_set::IntoIter<Key>,
    /// What is named next: tips of the peer that are here, then samples of the writer at hand.
    samples: VecDeque<Point>,
    said: bool,
    heard: bool,
    /// Samples that the peer may still send.
    left: u64,
}

/// What goes from here to there.
#[derive(Default)]
struct Outbound {
    /// Entries that the peer lacks.
    offered: Option<u64>,
    offer_said: bool,
    entries: u64,
    acknowledged: u64,
    /// Everything of the snapshot was sent.
    groups_done: bool,
    /// The peer asks for values, or will.
    asked: bool,
    /// It will go on asking after this question.
    asks_more: bool,
    /// Ids of values to answer with; none when no question is open.
    answering: Option<VecDeque<Key>>,
    sent_said: bool,
    last_heard: Option<Last>,
    /// Groups that were sent since this side is to end a live session.
    last_groups: u32,
}

/// What comes from there to here.
#[derive(Default)]
struct Inbound {
    offered: Option<u64>,
    /// Entries that came, here already or not.
    entries: u64,
    /// Of those, entries of which the peer knew that they are here.
    repeated: u64,
    sent_heard: bool,
    left_out: u64,
    /// Values are asked for, or will be.
    asks: bool,
    /// The first ids to ask for.
    to_ask: Vec<Key>,
    /// Ids that were asked for and not answered.
    asked: BTreeSet<Key>,
    /// A question is open.
    open: bool,
    /// The last question was asked.
    asked_all: bool,
    last_said: Option<Last>,
}

impl<X: Exchange> std::fmt::Debug for Session<X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("stage", &self.stage.name()).finish_non_exhaustive()
    }
}

impl Stage {
    const fn name(&self) -> &'static str {
        match self {
            Self::Meeting => "before the handshake",
            Self::Searching(_) => "while tips are compared",
            Self::Locating(_) => "while branches are compared",
            Self::Syncing => "while entries are exchanged",
            Self::Live => "in a live session",
            Self::Leaving => "after the end",
            Self::Failed => "after a failure",
        }
    }
}

impl<X: Exchange> Session<X> {
    /// Begins a session: the log takes a snapshot, which may wait for the disk.
    ///
    /// # Errors
    ///
    /// [`Cause::TooLarge`] for options that do not fit in a handshake, [`Cause::Local`].
    pub fn new<R: Replica<Exchange = X>>(
        replica: &R,
        options: Options,
        now: Duration,
    ) -> Result<Self, Cause> {
        check("metadata", options.metadata.len(), METADATA_BYTES_MAX)?;
        if let Wants::Only(writers) | Wants::Without(writers) = &options.wants {
            check("a list of writers", writers.len(), WRITERS_NAMED_MAX)?;
        }
        let options = Options { limits: options.limits.within_reason(), ..options };
        let mut log = replica.exchange()?;
        // What the other side declines is not known yet, but it is known here whose values are not wanted.
        log.agree(&options.wants, &Wants::All);
        let to_ask =
            if options.mode.receives() { log.wanted_values(options.limits.ids_per_ask)? } else { Vec::new() };
        let (about, decoder, digest) = (log.about(), log.decoder(), digest(log.tips()));
        let mut session = Self {
            log,
            options,
            about,
            digest,
            decoder,
            stage: Stage::Meeting,
            queue: VecDeque::new(),
            events: VecDeque::new(),
            sends: false,
            receives: false,
            live: false,
            stopping: false,
            out: Outbound::default(),
            inbound: Inbound { to_ask, ..Inbound::default() },
            peer_tips: 0,
            parted: BTreeSet::new(),
            passed: Vec::new(),
            claims: Vec::new(),
            bye_said: false,
            bye_heard: false,
            muted: false,
            ack_due: false,
            pong_due: false,
            clock: Clock::new(now),
            report: Report::default(),
            failed: None,
        };
        let hello = session.hello();
        session.queue.push_back(Message::Hello(Box::new(hello)));
        Ok(session)
    }

    fn hello(&self) -> Hello {
        let About { kind, discovery_key, entries, writers } = self.about.clone();
        let Options { mode, live, wants, metadata, .. } = &self.options;
        Hello {
            kind,
            discovery_key,
            mode: *mode,
            live: *live,
            asks: !self.inbound.to_ask.is_empty(),
            digest: self.digest,
            tips: self.log.tips().len() as u64,
            writers,
            entries,
            takes: Takes::from(wants),
            metadata: metadata.to_vec().into(),
        }
    }

    // ---- what the driver tells ----

    /// Bytes came from the wire; `progress` is [`Frames::progress`](crate::Frames::progress).
    pub fn read(&mut self, now: Duration, bytes: u64, progress: u64) {
        self.report.bytes_received += bytes;
        self.clock.read(now, progress);
    }

    /// The wire took bytes.
    pub fn wrote(&mut self, bytes: u64) {
        self.report.bytes_sent += bytes;
        self.clock.wrote(bytes);
    }

    /// Calls into the session took so long: that is not the other side's fault.
    pub fn worked(&mut self, time: Duration) {
        self.clock.worked(time);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Duration) {
        if self.is_over() {
            return;
        }
        if self.failed.is_some() {
            if self.clock.gives_up(now) {
                self.queue.clear();
            }
            return;
        }
        let owes = self.owes();
        if let Some(cause) = self.clock.check(now, owes, &self.options.limits) {
            self.fail(cause);
        } else if self.may_ping() && self.clock.ping_is_due(now, &self.options.limits) {
            self.queue.push_back(Message::Ping);
        }
    }

    /// When to call [`tick`](Self::tick) at the latest; none when nothing is waited for but the first byte.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        if self.is_over() {
            return None;
        }
        if self.failed.is_some() {
            return Some(self.clock.last_words_deadline());
        }
        self.clock.deadline(self.owes().is_some(), self.may_ping(), &self.options.limits)
    }

    /// A question after the last word would go unanswered.
    const fn may_ping(&self) -> bool {
        !self.bye_said && !self.muted
    }

    /// Ends the session in order: once the first sync is complete, both sides say goodbye. In a live session what was written until
    /// now goes before it, up to 64 groups.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// Ends the session at once. What was stored stays.
    pub fn abort(&mut self) {
        self.fail(Cause::Stopped);
    }

    /// The stream of the other side ended.
    pub fn ended(&mut self) {
        if !self.bye_heard {
            self.fail(Cause::Interrupted { owes: self.owes().unwrap_or("did not say goodbye") });
        }
    }

    /// The other side takes no more. Why, it may still say: so it is heard to its end.
    pub fn mute(&mut self) {
        self.muted = true;
        self.queue.clear();
        if self.bye_heard && !self.report.complete {
            self.fail(Cause::Interrupted { owes: "has not taken what was sent to it" });
        }
    }

    /// The bytes that came are no frames, or the wire failed.
    pub fn broke(&mut self, cause: impl Into<Cause>) {
        self.fail(cause.into());
    }

    // ---- what the driver asks ----

    /// What happened since it was last asked.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Nothing will be said any more, and nothing is awaited.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let all_said = self.bye_said || (self.muted && self.report.complete);
        (all_said && self.bye_heard) || (self.failed.is_some() && self.queue.is_empty())
    }

    /// Both sides have said goodbye, and nothing went wrong.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.report.complete && self.bye_heard && self.failed.is_none()
    }

    /// Nothing will be said any more: the writing side of the wire can be closed.
    #[must_use]
    pub fn has_said_all(&self) -> bool {
        self.bye_said || self.is_over()
    }

    /// Decodes groups, on any thread, for [`hear_group`](Self::hear_group).
    #[must_use]
    pub fn decoder(&self) -> Decoder<X::Group> {
        Decoder::clone(&self.decoder)
    }

    /// Resolves when a live session may have more to say; none while it is not live.
    #[must_use]
    pub fn news(&self) -> Option<News> {
        matches!(self.stage, Stage::Live).then(|| self.log.news())
    }

    /// How it ended.
    ///
    /// # Errors
    ///
    /// [`SyncError`] when it did not complete, with what was done until then.
    pub fn finish(mut self, now: Duration) -> Result<Report, SyncError> {
        self.report.time = self.clock.time(now);
        self.report.sent = self.out.entries;
        let report = self.report;
        match self.failed {
            Some(cause) => Err(SyncError { report: Box::new(report), cause }),
            None if !self.bye_heard || !report.complete => {
                Err(SyncError { report: Box::new(report), cause: Cause::Stopped })
            }
            None => Ok(report),
        }
    }

    /// What the other side has to do next, if anything: it is held to that.
    fn owes(&self) -> Option<&'static str> {
        match &self.stage {
            Stage::Meeting => Some("has not said hello"),
            Stage::Searching(search) if search.waits() => Some("has not said which tips it has"),
            Stage::Searching(_) => Some("has not read what was sent to it"),
            Stage::Locating(locating) if !locating.heard => Some("has not said where its branches part"),
            Stage::Locating(_) => Some("has not read what was sent to it"),
            Stage::Syncing | Stage::Leaving if !self.inbound.sent_heard => {
                Some("has not sent all that it has")
            }
            Stage::Syncing | Stage::Leaving if self.out.last_heard.is_none() => {
                Some("has not stored what was sent to it")
            }
            Stage::Syncing if self.inbound.last_said.is_none() => Some("has not answered for all values"),
            Stage::Leaving => Some("has not said goodbye"),
            Stage::Live if self.out.acknowledged < self.out.entries => {
                Some("has not stored what was sent to it")
            }
            // There is something to say, or there was nothing to wait for.
            Stage::Syncing => Some("has not read what was sent to it"),
            Stage::Live if self.has_words() => Some("has not read what was sent to it"),
            Stage::Live | Stage::Failed => None,
        }
    }

    /// Something short is to be said, which the wire has not taken.
    fn has_words(&self) -> bool {
        self.is_ending() || self.pong_due || self.ack_due || !self.queue.is_empty()
    }

    // ---- ends ----

    /// Ends the session, and tells the peer why.
    fn fail(&mut self, cause: Cause) {
        if self.failed.is_some() || self.is_over() {
            return;
        }
        tracing::debug!(target: "replicate", %cause, stage = self.stage.name(), "the session ends");
        let hello = self.queue.pop_front().filter(|message| matches!(message, Message::Hello(_)));
        self.queue.clear();
        if let Some(mut reason) = cause.told().filter(|_| !self.bye_said && !self.muted) {
            truncate(&mut reason, REASON_BYTES_MAX);
            // By our hello the other side may see for itself.
            self.queue.extend(hello);
            self.queue.push_back(Message::Bye(Bye { reason: Some(reason) }));
        }
        self.stage = Stage::Failed;
        self.failed = Some(cause);
    }

    /// The first sync is complete: both have stored what was sent.
    fn complete(&mut self) -> Result<(), Cause> {
        let (Some(ours), Some(theirs)) = (self.inbound.last_said, self.out.last_heard) else { return Ok(()) };
        if self.report.complete {
            return Ok(());
        }
        self.report.complete = true;
        self.report.equal = ours.digest == theirs.digest;
        if !self.report.equal {
            self.report.differences = self.differences(&ours, &theirs)?;
        }
        self.events.push_back(Event::Synced { equal: self.report.equal });
        Ok(())
    }

    fn differences(&mut self, ours: &Last, theirs: &Last) -> Result<Vec<Difference>, Cause> {
        let claimed = self.unfulfilled()?;
        let (left_out, declined) = (self.left_out(), self.inbound.left_out);
        let all = [
            (!self.sends || !self.receives).then_some(Difference::OneWay),
            (left_out > 0).then_some(Difference::LeftOut(left_out)),
            (declined > 0).then_some(Difference::Declined(declined)),
            (ours.elsewhere > 0).then_some(Difference::WrittenHere),
            (theirs.elsewhere > 0).then_some(Difference::WrittenThere),
            (claimed > 0).then_some(Difference::Claimed(claimed)),
        ];
        let known: Vec<Difference> = all.into_iter().flatten().collect();
        Ok(if known.is_empty() { vec![Difference::Unexplained] } else { known })
    }

    /// Who plans to send nothing leaves nothing out.
    fn left_out(&self) -> u64 {
        if self.out.offered.is_some() { self.log.left_out() } else { 0 }
    }

    /// Counts the tips that the peer claimed and that have not come.
    fn unfulfilled(&mut self) -> Result<u64, Cause> {
        if !self.receives || self.inbound.left_out > 0 {
            return Ok(0);
        }
        let mut count = 0;
        for point in std::mem::take(&mut self.claims) {
            if !self.log.peer_named(&point)? {
                count += 1;
                self.events.push_back(Event::Claimed { writer: point.writer, seq: point.seq });
                tracing::debug!(target: "replicate", seq = point.seq, "a tip was claimed and did not come");
            }
        }
        Ok(count)
    }

    fn progress(&mut self) {
        let progress = Progress {
            sent: self.out.entries,
            to_send: self.out.offered,
            received: self.inbound.entries,
            to_receive: self.inbound.offered,
            acknowledged: self.out.acknowledged,
        };
        // One that nobody took yet is out of date.
        if let Some(Event::Progress(last)) = self.events.back_mut() {
            *last = progress;
        } else {
            self.events.push_back(Event::Progress(progress));
        }
    }
}

fn check(what: &'static str, size: usize, max: usize) -> Result<(), Cause> {
    if size > max { Err(Cause::TooLarge { what, size, max }) } else { Ok(()) }
}

fn truncate(text: &mut String, max: usize) {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
}
