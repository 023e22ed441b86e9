//! A session between two places, and whether it may end as it did.

use std::fmt;

use replicate::sim::{Side, Suffered, Wire};
use replicate::{Cause, Difference, Mode, Report, SyncError};
use scuttleup::LogExchange;

use crate::mix::Mix;
use crate::world::Checked;

pub(crate) type Ended = Option<Result<Report, SyncError>>;

pub(crate) struct Link {
    pub(crate) wire: Wire<LogExchange>,
    pub(crate) places: [usize; 2],
    pub(crate) plan: Plan,
    pub(crate) aborted: [bool; 2],
    pub(crate) crashed: [bool; 2],
    /// How a session had ended on a side that crashed after that.
    pub(crate) before: [Ended; 2],
}

/// What was chosen for a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) modes: [Mode; 2],
    pub(crate) live: [bool; 2],
    /// A side declines a writer.
    pub(crate) declines: bool,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { modes: [a, b], live: [live_a, live_b], declines } = self;
        write!(f, "{a}{}, {b}{}", if *live_a { " live" } else { "" }, if *live_b { " live" } else { "" })?;
        if *declines { f.write_str(", declining a writer") } else { Ok(()) }
    }
}

impl Plan {
    /// Both ways, everything, and on.
    pub(crate) fn keeps_equal(&self) -> bool {
        self.modes == [Mode::Sync; 2] && self.live == [true; 2] && !self.declines
    }
}

impl Link {
    pub(crate) const fn number(side: Side) -> usize {
        match side {
            Side::A => 0,
            Side::B => 1,
        }
    }

    pub(crate) fn sides_at(&self, place: usize) -> impl Iterator<Item = Side> + use<> {
        let places = self.places;
        Side::BOTH.into_iter().filter(move |side| places[Self::number(*side)] == place)
    }

    pub(crate) fn crash(&mut self, side: Side) {
        let n = Self::number(side);
        if !self.crashed[n] {
            self.before[n] = self.wire.crash(side);
            self.crashed[n] = true;
        }
    }

    pub(crate) fn abort(&mut self, side: Side) {
        self.aborted[Self::number(side)] = true;
        self.wire.abort(side);
    }

    /// Counts what it did; says in a word how each side ended. An end that nothing explains is an error.
    pub(crate) fn judge(self, mix: &mut Mix) -> Result<[String; 2], String> {
        let Self { wire, plan, aborted, crashed, before, .. } = self;
        let suffered = wire.suffered();
        mix.cuts += u64::from(suffered.cut);
        mix.cuts_in_groups += u64::from(suffered.cut_in_group);
        let [a, b] = wire.finish();
        let [before_a, before_b] = before;
        let ends = [a.or(before_a), b.or(before_b)];
        let failed = [0, 1].map(|n| crashed[n] || matches!(ends[n], Some(Err(_))));
        for (n, end) in ends.iter().enumerate() {
            count(end, mix);
            let told = Told { suffered, plan, aborted: aborted[n], other_failed: failed[1 - n] };
            told.check(end).map_err(|why| format!("side {n} of a session ({plan}): {why}"))?;
        }
        Ok(ends.map(|end| match end {
            None => "crashed".into(),
            Some(Ok(report)) => format!(
                "ok, sent {}, received {}, twice {}, filled {}{}",
                report.sent,
                report.received,
                report.duplicates,
                report.filled,
                if report.equal { ", equal" } else { "" }
            ),
            Some(Err(error)) => error.cause.to_string(),
        }))
    }
}

fn count(end: &Ended, mix: &mut Mix) {
    let (report, cause) = match end {
        None => return,
        Some(Ok(report)) => (report, None),
        Some(Err(error)) => (&*error.report, Some(&error.cause)),
    };
    mix.received += report.received;
    mix.twice += report.duplicates;
    mix.bytes += report.bytes_received;
    mix.live += u64::from(report.live);
    match cause {
        None => mix.completed += 1,
        Some(Cause::Interrupted { .. }) => mix.interrupted += 1,
        Some(Cause::Silent { .. } | Cause::Stalled { .. }) => mix.stalled += 1,
        Some(_) => {}
    }
}

/// What can explain how one side ended.
struct Told {
    suffered: Suffered,
    plan: Plan,
    aborted: bool,
    other_failed: bool,
}

impl Told {
    fn check(&self, end: &Ended) -> Checked {
        let cause = match end {
            None => return Ok(()),
            Some(Ok(report)) => return check_report(report),
            Some(Err(error)) => &error.cause,
        };
        let is_explained = match cause {
            Cause::Interrupted { .. } => self.suffered.cut || self.other_failed,
            Cause::ByPeer { .. } => self.other_failed,
            Cause::Stalled { .. } | Cause::Silent { .. } => self.suffered.stalled,
            Cause::BothPush => self.plan.modes == [Mode::Push; 2],
            Cause::BothPull => self.plan.modes == [Mode::Pull; 2],
            Cause::Stopped => self.aborted,
            _ => false,
        };
        if is_explained { Ok(()) } else { Err(format!("{}: {cause:?}", with_reasons(cause))) }
    }
}

/// An error with what led to it, in a line.
pub(crate) fn with_reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// A session that completed says why, where the logs are not equal.
fn check_report(report: &Report) -> Checked {
    let odd =
        |difference: &Difference| matches!(difference, Difference::Unexplained | Difference::Claimed(_));
    if !report.complete {
        return Err(format!("ended well, and is not complete: {report:?}"));
    }
    if !report.equal && (report.differences.is_empty() || report.differences.iter().any(odd)) {
        return Err(format!("the logs differ, and should not: {:?}", report.differences));
    }
    Ok(())
}
