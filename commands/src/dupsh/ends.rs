//! Who tells that a command has ended.

use std::io;
use std::sync::mpsc::SyncSender;
use std::thread;

use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

#[cfg(target_os = "linux")]
use super::in_order::InOrder;
use super::pair::Event;

/// Tells when commands have ended, and leaves them to be reaped by who sends them signals.
#[derive(Debug)]
pub(super) struct Ends {
    events: SyncSender<Event>,
    #[cfg(target_os = "linux")]
    in_order: io::Result<InOrder>,
}

impl Ends {
    pub(super) fn new(events: SyncSender<Event>) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            in_order: InOrder::new(events.clone()),
            events,
        }
    }

    pub(super) fn watch(&mut self, pid: Pid) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Ok(in_order) = &mut self.in_order
            && in_order.watch(pid).is_ok()
        {
            return Ok(());
        }
        self.watch_alone(pid)
    }

    /// One thread per command, on any Unix. Of two ends in the same moment it is chance which is told first.
    fn watch_alone(&self, pid: Pid) -> io::Result<()> {
        let events = self.events.clone();
        let wait = move || {
            let _ = retry_on_intr(|| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
            // Nobody listens any more when the program is about to exit.
            let _ = events.send(Event::Ended(pid));
        };
        thread::Builder::new().name("wait".into()).spawn(wait).map(drop)
    }
}
