//! A log synced over standard input and output.

mod follow;
mod report;

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use hyperlog_writers::Channel;
use replicate::{
    Driver, Event, Mode, Options, Progress as Done, Replica, Report, Session, Stop, SyncError, Wants,
};
use scuttleup::WriterId;

pub(crate) use follow::Follower;

use crate::channel::Standing;
use crate::cli::say;
use crate::error::Failure;
use crate::progress::Progress;

/// Which way entries go.
#[derive(Debug, Args)]
pub(crate) struct Way {
    /// Only send
    #[arg(long, conflicts_with = "pull")]
    push: bool,
    /// Only receive
    #[arg(long)]
    pull: bool,
}

impl Way {
    pub(crate) const fn mode(&self) -> Mode {
        match (self.push, self.pull) {
            (true, _) => Mode::Push,
            (_, true) => Mode::Pull,
            _ => Mode::Sync,
        }
    }
}

/// What a sync takes.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// Go on with what comes later, if the other side wants that, too; ends with Ctrl-C
    #[arg(long)]
    live: bool,
    /// With --live: print to standard error what comes, as it comes
    #[arg(long, requires = "live")]
    pub(crate) print: bool,
    /// Take entries of this writer only; may be given again
    #[arg(long, value_name = "WRITER", conflicts_with = "without")]
    only: Vec<WriterId>,
    /// Take no entries of this writer; may be given again
    #[arg(long, value_name = "WRITER")]
    without: Vec<WriterId>,
    /// Tell the other side something, at most 4 KiB
    #[arg(long, value_name = "TEXT")]
    metadata: Option<String>,
}

impl SyncArgs {
    fn options(&self, mode: Mode) -> Options {
        let keys =
            |writers: &[WriterId]| writers.iter().map(|writer| *writer.as_bytes()).collect::<BTreeSet<_>>();
        let wants = match (self.only.as_slice(), self.without.as_slice()) {
            ([], []) => Wants::All,
            ([], without) => Wants::Without(keys(without)),
            (only, _) => Wants::Only(keys(only)),
        };
        let metadata = self.metadata.clone().unwrap_or_default();
        Options::default().mode(mode).live(self.live).wants(wants).metadata(metadata)
    }
}

/// What things are called.
pub(crate) struct Names {
    /// The program and its command, as in `hyperlog replicate`.
    pub(crate) call: &'static str,
    /// An entry of the log.
    pub(crate) one: &'static str,
    /// Several of them.
    pub(crate) many: &'static str,
}

/// Syncs a log over standard input and output, that of a channel where there is one. The report goes to standard error.
pub(crate) fn run<R>(
    log: &R,
    channel: Option<&Channel>,
    mode: Mode,
    args: &SyncArgs,
    names: &'static Names,
    json: bool,
) -> Result<(), Failure>
where
    R: Replica,
    R::Exchange: 'static,
{
    if io::stdin().is_terminal() || io::stdout().is_terminal() {
        return Err(Failure::SyncToTerminal { call: names.call });
    }
    let standing = channel.map(Standing::now).transpose()?;
    let session = Session::new(log, args.options(mode), Duration::ZERO)
        .map_err(|cause| Failure::Session { source: Box::new(cause) })?;
    let synced = over_stdio(session, args.live, names)?;
    let turned = standing.map(|standing| standing.turned()).transpose()?;
    report::tell(&synced, turned.as_ref(), names, json);
    match synced {
        Ok(report) if report::is_explained(&report) => Ok(()),
        Ok(_) => Err(Failure::Unexplained),
        Err(error) => Err(Failure::Sync(Box::new(error))),
    }
}

fn over_stdio<X: replicate::Exchange + 'static>(
    session: Session<X>,
    live: bool,
    names: &'static Names,
) -> Result<Result<Report, SyncError>, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(Failure::Runtime)?;
    let met = Arc::new(AtomicBool::new(false));
    let driver = Driver::new(session);
    on_signals(driver.stop_handle(), live)?;
    let driver = driver.on_event(shower(Arc::clone(&met), names));
    let synced = runtime.block_on(async {
        let (stdin, stdout) = replicate::stdio();
        let mut syncing = std::pin::pin!(driver.run(stdin, stdout));
        tokio::select! {
            synced = &mut syncing => return synced,
            () = tokio::time::sleep(PATIENCE) => {}
        }
        if !met.load(Ordering::Acquire) {
            say("waiting for the other side");
        }
        syncing.await
    });
    // The thread that reads standard input may wait there for ever.
    runtime.shutdown_background();
    Ok(synced)
}

/// After so long a person wants to know what is being waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Shows how far it is, on a terminal.
fn shower(met: Arc<AtomicBool>, names: &'static Names) -> impl FnMut(Event) + Send {
    let mut bar: Option<Progress> = None;
    move |event| match event {
        Event::Met(_) => met.store(true, Ordering::Release),
        Event::Progress(Done { sent, to_send, received, to_receive, .. }) => {
            let total = to_send.unwrap_or(0) + to_receive.unwrap_or(0);
            if total > 0 {
                bar.get_or_insert_with(|| Progress::new(names.many, total)).set_of(sent + received, total);
            }
        }
        Event::Synced { .. } => bar = None,
        _ => {}
    }
}

/// The first signal ends a live session in order, and any other at once; the second always does.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "signals come when they come")]
fn on_signals(stop: Stop, live: bool) -> Result<(), Failure> {
    use signal_hook::consts::{SIGINT, SIGTERM};

    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM]).map_err(Failure::Signals)?;
    std::thread::spawn(move || {
        let mut orderly = live;
        for _ in signals.forever() {
            if std::mem::take(&mut orderly) { stop.stop() } else { stop.abort() }
        }
    });
    Ok(())
}

#[cfg(not(unix))]
fn on_signals(_: Stop, _: bool) -> Result<(), Failure> {
    Ok(())
}
