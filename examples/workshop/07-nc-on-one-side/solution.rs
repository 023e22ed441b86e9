//! `nc` on one side: what to ask of a session, and how to read what it did.

use hyperlog::WriterId;
use replicate::{Mode, Options, Report, SyncError};

/// `?` turns any error into this one.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What is asked of a session: `mode` is `sync`, `push` or `pull`; one that is `live` goes on after the first sync.
pub fn options(mode: &str, live: bool) -> Result<Options> {
    let mode: Mode = mode.parse()?;
    Ok(Options::default().mode(mode).live(live))
}

/// `equal`, or `different: ` and why, with `; ` between two reasons.
pub fn verdict(report: &Report) -> String {
    if report.equal {
        return "equal".to_owned();
    }
    let reasons: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
    format!("different: {}", reasons.join("; "))
}

/// A line for each fork: `writer 1a2b3c4d wrote 2 twice`.
pub fn forks(report: &Report) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for fork in &report.forks {
        let writer = WriterId::from_bytes(fork.writer)?;
        lines.push(format!("writer {writer:?} wrote {} twice", fork.seq));
    }
    Ok(lines)
}

/// Why a session ended early, and what was done until then: `stopped here (received 3, sent 0)`.
pub fn reason(error: &SyncError) -> String {
    let Report { received, sent, .. } = &*error.report;
    format!("{} (received {received}, sent {sent})", error.cause)
}
