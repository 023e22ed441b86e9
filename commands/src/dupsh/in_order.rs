//! Ends in the order in which they came, as Linux can tell it.
//!
//! A command that fails often takes the other with it, which reads an end of input in the middle of
//! something. Then the first failure is the cause, and the second one says little. Threads that wait for one
//! command each wake in any order; what an epoll has seen it keeps in a queue. What is left is the moment in
//! which the system itself has closed the pipes of a process and not yet called it ended.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::pair::Event;

#[derive(Debug)]
pub(super) struct InOrder {
    queue: Arc<OwnedFd>,
    /// A process whose file was closed would be forgotten.
    watched: Vec<OwnedFd>,
}

impl InOrder {
    pub(super) fn new(events: SyncSender<Event>) -> io::Result<Self> {
        let queue = Arc::new(epoll::create(CreateFlags::CLOEXEC)?);
        let told = Arc::clone(&queue);
        thread::Builder::new().name("wait".into()).spawn(move || tell(&told, &events))?;
        Ok(Self { queue, watched: Vec::new() })
    }

    pub(super) fn watch(&mut self, pid: Pid) -> io::Result<()> {
        let process = pidfd_open(pid, PidfdFlags::empty())?;
        let data = EventData::new_u64(pid.as_raw_nonzero().get().unsigned_abs().into());
        epoll::add(&*self.queue, &process, data, EventFlags::IN | EventFlags::ONESHOT)?;
        self.watched.push(process);
        Ok(())
    }
}

/// Tells of each end once, until nobody listens.
fn tell(queue: &OwnedFd, events: &SyncSender<Event>) {
    let mut ended = Vec::with_capacity(2);
    while retry_on_intr(|| epoll::wait(queue, spare_capacity(&mut ended), None)).is_ok() {
        let pids = ended.drain(..).filter_map(|event: epoll::Event| i32::try_from(event.data.u64()).ok());
        for pid in pids.filter_map(Pid::from_raw) {
            if events.send(Event::Ended(pid)).is_err() {
                return;
            }
        }
    }
}
