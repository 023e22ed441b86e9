//! One end of a wire: drives a session as its contract says.

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::LINGER;
use super::pipe::Pipe;
use crate::error::{Cause, SyncError};
use crate::frame::Frames;
use crate::message::Message;
use crate::replica::{Exchange, News};
use crate::report::Report;
use crate::session::Session;

pub(super) struct End<X: Exchange> {
    /// None once it crashed.
    session: Option<Session<X>>,
    frames: Frames,
    heard: BytesMut,
    /// Something came in since it had nothing to say.
    may_say: bool,
    news: Option<News>,
    muted: bool,
    over_at: Option<Duration>,
}

impl<X: Exchange> std::fmt::Debug for End<X> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("End")
            .field("session", &self.session)
            .field("deadline", &self.deadline())
            .field("may_say", &self.may_say)
            .field("news", &self.news.is_some())
            .field("muted", &self.muted)
            .field("over_at", &self.over_at)
            .finish_non_exhaustive()
    }
}

impl<X: Exchange> End<X> {
    pub(super) fn new(session: Session<X>) -> Self {
        Self {
            session: Some(session),
            frames: Frames::default(),
            heard: BytesMut::new(),
            may_say: true,
            news: None,
            muted: false,
            over_at: None,
        }
    }

    /// Does something to a session that goes on, after which it may have something to say.
    fn input(&mut self, input: impl FnOnce(&mut Session<X>)) {
        if let Some(session) = self.session.as_mut().filter(|session| !session.is_over()) {
            input(session);
            self.may_say = true;
        }
    }

    // ---- what comes in ----

    pub(super) fn hear(&mut self, bytes: &Bytes, now: Duration) {
        let Some(session) = &mut self.session else { return };
        self.heard.extend_from_slice(bytes);
        self.may_say = true;
        let mut count = bytes.len() as u64;
        // Who is over reads on for nobody.
        while !session.is_over() {
            let message = self.frames.decode(&mut self.heard);
            session.read(now, std::mem::take(&mut count), self.frames.progress());
            match message {
                // As a driver does that decodes beside the session.
                Ok(Some(Message::Group(bytes))) => match session.decoder()(bytes) {
                    Ok(group) => session.hear_group(group),
                    Err(error) => session.broke(Cause::from(error)),
                },
                Ok(Some(message)) => session.hear(message, now),
                Ok(None) => return,
                Err(error) => return session.broke(error),
            }
        }
    }

    pub(super) fn hear_end(&mut self) {
        self.input(Session::ended);
    }

    pub(super) fn tick(&mut self, now: Duration) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.input(|session| session.tick(now));
        }
    }

    pub(super) fn stop(&mut self) {
        self.input(Session::stop);
    }

    pub(super) fn abort(&mut self) {
        self.input(Session::abort);
    }

    // ---- what goes out ----

    /// Whether it is to be asked what it has to say: after an input, or when there is news.
    pub(super) fn may_speak(&mut self) -> bool {
        let Some(session) = self.session.as_ref().filter(|session| !session.is_over()) else { return false };
        if session.has_said_all() {
            return false;
        }
        if let Some(news) = &mut self.news
            && let Poll::Ready(()) = news.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.news = None;
            self.may_say = true;
        }
        self.may_say && !self.muted
    }

    /// Says one message, or waits from here on.
    pub(super) fn speak(&mut self, out: &mut Pipe) {
        let Some(session) = &mut self.session else { return };
        // Listening begins before the session is asked, so that nothing is missed in between.
        let news = session.news();
        match session.say() {
            Some(message) => out.say(&mut self.frames, &message),
            // It may have gone live just now.
            None => self.may_say = news.is_none() && session.news().is_some(),
        }
        self.news = news;
        while session.next_event().is_some() {}
    }

    pub(super) fn wrote(&mut self, bytes: u64) {
        if let Some(session) = self.session.as_mut().filter(|_| bytes > 0) {
            session.wrote(bytes);
        }
    }

    pub(super) fn mute(&mut self) {
        self.input(Session::mute);
        self.muted = true;
    }

    // ---- how it ends ----

    pub(super) fn is_over(&self) -> bool {
        self.session.as_ref().is_none_or(Session::is_over)
    }

    pub(super) fn has_said_all(&self) -> bool {
        self.session.as_ref().is_some_and(Session::has_said_all)
    }

    pub(super) fn note_end(&mut self, now: Duration) {
        if self.over_at.is_none() && self.is_over() {
            self.over_at = Some(now);
        }
    }

    /// When it no longer reads what comes: one that failed waits a little.
    pub(super) fn gone_at(&self) -> Option<Duration> {
        let failed = self.session.as_ref().is_some_and(|session| !session.is_complete());
        self.over_at.map(|at| if failed { at + LINGER } else { at })
    }

    pub(super) fn deadline(&self) -> Option<Duration> {
        self.session.as_ref()?.deadline()
    }

    pub(super) fn crash(&mut self, now: Duration) -> Option<Result<Report, SyncError>> {
        self.news = None;
        let over = self.session.take().filter(Session::is_over)?;
        Some(over.finish(now))
    }

    pub(super) fn finish(self, now: Duration) -> Option<Result<Report, SyncError>> {
        self.session.map(|session| session.finish(now))
    }
}
