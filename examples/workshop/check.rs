//! What the checks of all exercises share: they say which step is missing and why, without a backtrace.
#![expect(clippy::disallowed_methods, reason = "the watch over a step that hangs is a thread that sleeps")]

use std::error::Error;
use std::fmt::Debug;
use std::panic::{self, PanicHookInfo, UnwindSafe};
use std::process::{self, ExitCode};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The step that runs; only grows.
static STEP: AtomicU32 = AtomicU32::new(0);

/// What the first panic was about: the hook knows the place, whoever catches the panic does not.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// How long a step may take. They take milliseconds; a disk may be slow.
const STEP_TIME: Duration = Duration::from_secs(10);

/// Runs a check, and says at the end what is missing.
pub(crate) fn run(steps: fn() -> Result<()>) -> ExitCode {
    thread::spawn(watch);
    match attempt(steps) {
        None => {
            println!("\ndone");
            ExitCode::SUCCESS
        }
        Some(missing) => {
            eprintln!("\n{missing}");
            ExitCode::FAILURE
        }
    }
}

/// Runs something of the exercise, and returns what is missing, if anything is.
pub(crate) fn attempt(work: impl FnOnce() -> Result<()> + UnwindSafe) -> Option<String> {
    panic::set_hook(Box::new(keep));
    match panic::catch_unwind(work) {
        Ok(Ok(())) => None,
        // A panic elsewhere, on a thread or in a task, is why the rest went wrong.
        Ok(Err(error)) => {
            Some(kept().unwrap_or_else(|| format!("step {} is not right yet: {}", now(), chain(&*error))))
        }
        Err(_) => Some(kept().unwrap_or_else(|| format!("step {} panicked", now()))),
    }
}

/// Begins a step.
pub(crate) fn step(number: u32, title: &str) {
    STEP.store(number, Ordering::Relaxed);
    println!("\n{number}. {title}");
}

/// Goes on if `is_right`, and says what is wrong if not.
pub(crate) fn ensure(is_right: bool, wrong: impl Into<String>) -> Result<()> {
    if is_right { Ok(()) } else { Err(wrong.into().into()) }
}

/// Goes on if `found` is what was wanted.
pub(crate) fn same<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Result<()> {
    ensure(found == wanted, format!("{what}\n  found:  {found:?}\n  wanted: {wanted:?}"))
}

fn now() -> u32 {
    STEP.load(Ordering::Relaxed)
}

/// An error with what caused it.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Keeps what the first panic says, in place of printing it.
fn keep(panic: &PanicHookInfo<'_>) {
    let said = panic.payload_as_str().unwrap_or("no reason given");
    let place =
        panic.location().map(|place| format!("\n  at {}:{}", place.file(), place.line())).unwrap_or_default();
    let text = match said.strip_prefix("not yet implemented") {
        Some(todo) => match todo.trim_start_matches(": ").split_once(": ") {
            Some((number, what)) => format!("step {number} is not done yet: {what}{place}"),
            None => format!("step {} is not done yet{place}", now()),
        },
        // In a process of its own no step has begun.
        None if now() == 0 => format!("panicked: {said}{place}"),
        None => format!("step {} panicked: {said}{place}", now()),
    };
    is_missing(text);
}

/// Says what is missing, here or in another process. What is said first is why the rest went wrong.
pub(crate) fn is_missing(text: String) {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
}

fn kept() -> Option<String> {
    PANIC.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Ends the program when a step does not end: nothing else could say so.
fn watch() {
    let mut before = now();
    loop {
        thread::sleep(STEP_TIME);
        let step = now();
        if step == before {
            let seconds = STEP_TIME.as_secs();
            eprintln!("\nstep {step} did not end within {seconds} seconds: it waits for what never comes");
            process::exit(1);
        }
        before = step;
    }
}
