//! The terminal as it was found, and that it is left so, whichever way out is taken.

use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The program is on its way out.
static ENDING: AtomicBool = AtomicBool::new(false);
/// The whole screen is taken.
static TAKEN: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
static FOUND: OnceLock<rustix::termios::Termios> = OnceLock::new();
#[cfg(not(unix))]
static FOUND: OnceLock<()> = OnceLock::new();

pub(crate) fn is_ending() -> bool {
    ENDING.load(Ordering::Acquire)
}

pub(crate) fn begin_to_end() {
    ENDING.store(true, Ordering::Release);
}

/// Remembers the terminal, and restores it after a panic, too, before that is told. Whichever thread it was, what is left
/// could neither be seen nor ended, so it ends; what was acknowledged is on the disk.
pub(crate) fn remember() {
    #[cfg(unix)]
    if let Ok(found) = rustix::termios::tcgetattr(io::stdin()) {
        let _ = FOUND.set(found);
    }
    #[cfg(not(unix))]
    let _ = FOUND.set(());
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        tell(panic);
        std::process::exit(101);
    }));
}

/// Takes the whole screen.
pub(crate) fn take() -> io::Result<()> {
    use crossterm::event::{EnableBracketedPaste, EnableMouseCapture};
    use crossterm::terminal::EnterAlternateScreen;
    TAKEN.store(true, Ordering::Release);
    crossterm::terminal::enable_raw_mode()?;
    crossterm::execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste)
}

/// Leaves the terminal as it was found. Any number of times, and from any thread.
pub(crate) fn restore() {
    use crossterm::cursor::Show;
    use crossterm::event::{DisableBracketedPaste, DisableMouseCapture};
    use crossterm::terminal::LeaveAlternateScreen;
    if FOUND.get().is_none() {
        return;
    }
    let mut out = io::stdout();
    if TAKEN.swap(false, Ordering::AcqRel) {
        let _ =
            crossterm::execute!(out, DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen, Show);
        let _ = crossterm::terminal::disable_raw_mode();
    } else {
        let _ = crossterm::execute!(out, DisableBracketedPaste, Show);
    }
    let _ = out.flush();
    #[cfg(unix)]
    if let Some(found) = FOUND.get() {
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, found);
    }
}
