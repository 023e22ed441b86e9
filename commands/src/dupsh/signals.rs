//! The signals that ask for an end.

use std::fs::{self, File};
use std::io;
use std::sync::mpsc::SyncSender;
use std::thread;

use rustix::process::{Signal, getpgrp};
use rustix::termios::tcgetpgrp;
use signal_hook::iterator::Signals;

use super::pair::Event;

const ENDING: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

/// Tells of each signal that asks for an end, from now on.
pub(super) fn listen(events: SyncSender<Event>) -> io::Result<()> {
    let ignored = ignored();
    let heard = ENDING.into_iter().filter(|signal| ignored >> (signal.as_raw() - 1) & 1 == 0);
    // Caught, and no more than that: who was started with this one ignored is not told how a child ended.
    let mut signals = Signals::new(heard.chain([Signal::CHILD]).map(Signal::as_raw))?;
    let tell = move || {
        for raw in signals.forever() {
            let signal = ENDING.into_iter().find(|signal| signal.as_raw() == raw);
            if signal.is_some_and(|signal| events.send(Event::Asked(signal)).is_err()) {
                return;
            }
        }
    };
    thread::Builder::new().name("signals".into()).spawn(tell).map(drop)
}

/// The signals that were ignored when we were started, as a set of bits: `nohup` ignores SIGHUP so that what
/// it starts does, too. Only Linux tells; elsewhere none is known.
fn ignored() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}

/// Whether ctrl-C at our terminal reaches us, and with us the commands.
#[expect(clippy::disallowed_methods, reason = "the terminal of a process has this name, and no other")]
pub(super) fn at_a_terminal() -> bool {
    let group = File::open("/dev/tty").and_then(|tty| Ok(tcgetpgrp(tty)?));
    group.is_ok_and(|group| group == getpgrp())
}
