//! Two logs in one process, face to face: no wire, no runtime, no clock.

use std::time::Duration;

use bytes::BytesMut;

use crate::error::{Cause, SyncError};
use crate::frame::Frames;
use crate::options::Options;
use crate::replica::{Exchange, Replica};
use crate::report::Report;
use crate::session::Session;

/// Syncs two logs of one process: afterwards both have what either had. The report is that of `a`.
///
/// It runs the real session on both sides, frame by frame.
///
/// # Errors
///
/// [`SyncError`], which says why and what was done until then.
pub fn sync<A: Replica, B: Replica>(a: &A, b: &B) -> Result<Report, SyncError> {
    sync_with(a, Options::default(), b, Options::default()).0
}

/// As [`sync`], with options for each side; returns the report of each. Live sessions end when nothing is left to say.
pub fn sync_with<A: Replica, B: Replica>(
    a: &A,
    options_a: Options,
    b: &B,
    options_b: Options,
) -> (Result<Report, SyncError>, Result<Report, SyncError>) {
    let (a, b) =
        match (Session::new(a, options_a, Duration::ZERO), Session::new(b, options_b, Duration::ZERO)) {
            (Ok(a), Ok(b)) => (a, b),
            (a, b) => return (Err(failed(a.err())), Err(failed(b.err()))),
        };
    let (mut a, mut b) = (End::new(a), End::new(b));
    let mut stopped = false;
    loop {
        let talked = a.tell(&mut b) | b.tell(&mut a);
        if talked {
            continue;
        }
        if stopped || (a.session.is_over() && b.session.is_over()) {
            break;
        }
        // Whoever waits here waits for ever, but for a live session that may end now.
        stopped = true;
        a.session.stop();
        b.session.stop();
    }
    (a.finish(), b.finish())
}

fn failed(cause: Option<Cause>) -> SyncError {
    SyncError {
        report: Box::default(),
        cause: cause.unwrap_or(Cause::Interrupted { owes: "could not begin" }),
    }
}

struct End<X: Exchange> {
    session: Session<X>,
    frames: Frames,
    wire: BytesMut,
}

impl<X: Exchange> End<X> {
    fn new(session: Session<X>) -> Self {
        Self { session, frames: Frames::default(), wire: BytesMut::new() }
    }

    /// Says one message to the other end; false when there is none.
    fn tell<Y: Exchange>(&mut self, other: &mut End<Y>) -> bool {
        while self.session.next_event().is_some() {}
        let Some(message) = self.session.say() else { return false };
        let before = other.wire.len();
        self.frames.encode(&message, &mut other.wire);
        let bytes = (other.wire.len() - before) as u64;
        self.session.wrote(bytes);
        other.hear(bytes);
        true
    }

    fn hear(&mut self, mut bytes: u64) {
        loop {
            let message = self.frames.decode(&mut self.wire);
            self.session.read(Duration::ZERO, std::mem::take(&mut bytes), self.frames.progress());
            match message {
                Ok(Some(message)) => self.session.hear(message, Duration::ZERO),
                Ok(None) => return,
                Err(error) => return self.session.broke(error),
            }
        }
    }

    fn finish(mut self) -> Result<Report, SyncError> {
        if !self.session.is_over() {
            self.session.ended();
        }
        self.session.finish(Duration::ZERO)
    }
}
