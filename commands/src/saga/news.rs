//! Everything that happens, in one queue: what is typed, what is stored, who comes and goes, and that it is to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyperlog::{News as Heard, Stop};
use saga::{Event, Saga};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::terminal;

/// What may wait to be looked at. Whoever has more waits.
const WAITING: usize = 64;

#[derive(Debug)]
pub(crate) enum Happening {
    /// Something was stored.
    Stored,
    Event(Heard<Event>),
    /// A line was typed, and takes so many rows of the terminal.
    Typed {
        line: String,
        rows: usize,
    },
    /// A line that cannot be used.
    Unusable(String),
    /// There will be no more lines.
    NoMoreLines,
    /// A key, the mouse, another size.
    Screen(crossterm::event::Event),
    /// It is to end.
    End,
}

pub(crate) struct News {
    runtime: Handle,
    happenings: Receiver<Happening>,
    sender: Sender<Happening>,
    /// That something was stored waits already.
    stored: Arc<AtomicBool>,
    stop: Stop,
    tasks: Vec<JoinHandle<()>>,
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("News").finish_non_exhaustive()
    }
}

impl News {
    /// What happens from now on.
    pub(crate) fn of(saga: &Saga, runtime: &Handle) -> Self {
        let (sender, happenings) = mpsc::channel(WAITING);
        let stored = Arc::new(AtomicBool::new(false));
        let (mut waiter, mut events) = (saga.waiter(), saga.events());
        let stop = waiter.stop_handle();
        let (is_waiting, tell) = (Arc::clone(&stored), sender.clone());
        let waits = runtime.spawn(async move {
            while waiter.recv().await {
                if !is_waiting.swap(true, Ordering::AcqRel) && tell.send(Happening::Stored).await.is_err() {
                    return;
                }
            }
        });
        let tell = sender.clone();
        let hears = runtime.spawn(async move {
            while let Some(event) = events.recv().await {
                if tell.send(Happening::Event(event)).await.is_err() {
                    return;
                }
            }
        });
        let signals = runtime.spawn(signals(sender.clone()));
        Self {
            runtime: runtime.clone(),
            happenings,
            sender,
            stored,
            stop,
            tasks: vec![waits, hears, signals],
        }
    }

    pub(crate) fn sender(&self) -> Sender<Happening> {
        self.sender.clone()
    }

    /// Waits for what happens next; none when nothing does within the time.
    pub(crate) fn next(&mut self, within: Option<Duration>) -> Option<Happening> {
        let Self { runtime, happenings, .. } = self;
        let next = match within {
            // The sender that is kept here keeps it open.
            None => runtime.block_on(happenings.recv()),
            Some(within) => {
                runtime.block_on(async { timeout(within, happenings.recv()).await.ok().flatten() })
            }
        };
        self.note(next)
    }

    /// What happened already.
    pub(crate) fn try_next(&mut self) -> Option<Happening> {
        let next = self.happenings.try_recv().ok();
        self.note(next)
    }

    /// From before it is looked at, the next one that is stored is told again.
    fn note(&self, happening: Option<Happening>) -> Option<Happening> {
        if matches!(happening, Some(Happening::Stored)) {
            self.stored.store(false, Ordering::Release);
        }
        happening
    }
}

impl Drop for News {
    fn drop(&mut self) {
        self.stop.stop();
        // The one that hears signals goes on: the next one ends it all at once.
        self.tasks.iter().take(2).for_each(JoinHandle::abort);
    }
}

/// The first signal asks for an end, the next one is obeyed at once.
async fn signals(tell: Sender<Happening>) {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            tracing::warn!("cannot listen for signals: {error}");
            return;
        }
    };
    loop {
        let code = signals.next().await;
        if terminal::is_ending() {
            terminal::restore();
            std::process::exit(code);
        }
        terminal::begin_to_end();
        // Beside this one, which has to hear the next signal.
        let tell = tell.clone();
        drop(tokio::spawn(async move { tell.send(Happening::End).await }));
    }
}

#[cfg(unix)]
struct Signals(Vec<(tokio::signal::unix::Signal, i32)>);

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use std::io::IsTerminal;
        use tokio::signal::unix::{SignalKind, signal};
        // `nohup` takes the terminal away, and then a hangup is not meant for us.
        let hangup = std::io::stdin().is_terminal().then_some(SignalKind::hangup());
        let kinds = [SignalKind::interrupt(), SignalKind::terminate()].into_iter().chain(hangup);
        let listen = |kind: SignalKind| Ok((signal(kind)?, 128 + kind.as_raw_value()));
        kinds.map(listen).collect::<std::io::Result<_>>().map(Self)
    }

    /// Returns the code of a process that a signal ends.
    async fn next(&mut self) -> i32 {
        std::future::poll_fn(|context| {
            for (signal, code) in &mut self.0 {
                if signal.poll_recv(context).is_ready() {
                    return std::task::Poll::Ready(*code);
                }
            }
            std::task::Poll::Pending
        })
        .await
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> i32 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        130
    }
}
