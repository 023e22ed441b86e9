//! `nc` on one side: what to ask of a session, and how to read what it did.
#![expect(unused, clippy::todo, reason = "steps are left to do; remove this line when none is")]

use hyperlog::WriterId;
use replicate::{Mode, Options, Report, SyncError};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is asked of a session: `mode` is `sync`, `push` or `pull`; one that is `live` goes on after the first sync.
pub fn options(mode: &str, live: bool) -> Result<Options> {
    // 1. A `Mode` can be parsed from text. Begin with the default options.
    todo!("1: choose what is asked of a session")
}

/// `equal`, or `different: ` and why, with `; ` between two reasons.
pub fn verdict(report: &Report) -> String {
    // 2. The report says whether both logs are equal, and if not, its differences say why.
    todo!("2: say whether the logs are equal now, or why not")
}

/// A line for each fork: `writer 1a2b3c4d wrote 2 twice`.
pub fn forks(report: &Report) -> Result<Vec<String>> {
    // 3. A fork has the key of the writer, in bytes, and the number. The writer's id is shown short with `{:?}`.
    todo!("3: name the forks that showed up")
}

/// Why a session ended early, and what was done until then: `stopped here (received 3, sent 0)`.
pub fn reason(error: &SyncError) -> String {
    // 4. The error has the cause, and the report as far as it went.
    todo!("4: say why a session ended early")
}
