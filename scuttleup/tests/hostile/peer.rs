//! A peer that says what it is told to, and the log that it says it to.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use level::{Level, Memory};
use replicate::{
    Cause, Hello, List, Locate, Message, Mode, Options, Range, Report, Session, SyncError, Takes, Tips, What,
};
use scuttleup::{GroupError, Log, LogExchange, Topic};

use crate::support::{Forged, assert_clean, chain, dump, group, identity, take};

/// A log with something in it, its own and somebody else's.
pub(crate) struct Victim {
    pub(crate) log: Log,
    level: Memory,
}

impl Victim {
    pub(crate) fn new() -> Self {
        let level = Memory::new();
        let log = Log::open(level.clone(), identity(9)).unwrap();
        log.append("mine").unwrap();
        take(&log, group(&chain(8, 2))).unwrap();
        Self { log, level }
    }

    /// A session that has got as far as entries, with a peer that says it has a million.
    pub(crate) fn syncing(&self) -> Session<LogExchange> {
        let mut session = Session::new(&self.log, Options::default(), Duration::ZERO).unwrap();
        for message in [hello(), no_tips(), no_samples(), Message::Offer { entries: 1_000_000 }] {
            drain(&mut session);
            session.hear(message, Duration::ZERO);
        }
        drain(&mut session);
        session
    }

    /// Sends a group: the session ends, says so, and the log is as it was, down to the last byte.
    #[track_caller]
    pub(crate) fn refuses(&self, bytes: impl Into<Bytes>) -> GroupError {
        let before = dump(&self.level as &dyn Level);
        let mut session = self.syncing();
        session.hear(Message::Group(bytes.into()), Duration::ZERO);
        let said = drain(&mut session);
        assert!(matches!(said.last(), Some(Message::Bye(bye)) if bye.reason.is_some()), "{said:?}");
        assert!(session.is_over());
        let error = finish(session).unwrap_err();
        assert_eq!(dump(&self.level as &dyn Level), before, "something was stored, although: {error}");
        self.goes_on();
        match error.cause {
            Cause::Refused(error) => *error.downcast::<GroupError>().unwrap(),
            cause => panic!("another reason: {cause:?}"),
        }
    }

    /// The log is sound and can be written.
    #[track_caller]
    pub(crate) fn goes_on(&self) {
        assert_clean(&self.log);
        let copy = Memory::new();
        level::copy(&self.level, &copy).unwrap();
        Log::open(copy, identity(9)).unwrap().append("still here").unwrap();
    }
}

/// A group of an honest writer that the victim does not know.
pub(crate) fn honest() -> Vec<Forged> {
    chain(1, 3)
}

pub(crate) fn drain(session: &mut Session<LogExchange>) -> Vec<Message> {
    let said = std::iter::from_fn(|| session.say()).collect();
    while session.next_event().is_some() {}
    said
}

pub(crate) fn finish(session: Session<LogExchange>) -> Result<Report, SyncError> {
    session.finish(Duration::ZERO)
}

pub(crate) fn hello() -> Message {
    Message::Hello(Box::new(Hello {
        kind: "scuttleup".into(),
        discovery_key: Topic::OPEN.discovery_key(),
        mode: Mode::Sync,
        live: false,
        asks: false,
        digest: [1; 32],
        tips: 4,
        writers: 1,
        entries: 1_000_000,
        takes: Takes::All,
        metadata: List(Vec::new()),
    }))
}

pub(crate) fn no_tips() -> Message {
    let what = What::List { tips: List(Vec::new()), reply: false };
    Message::Tips(Tips { ranges: List(vec![Range { from: List(Vec::new()), to: None, what }]), more: false })
}

pub(crate) fn no_samples() -> Message {
    Message::Locate(Locate { writers: List(Vec::new()), more: false })
}

/// The reason of a session that failed, with its causes.
pub(crate) fn reason(error: &SyncError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
