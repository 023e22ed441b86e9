//! What a session did, for people and for programs.

use replicate::{Difference, Fork, Report, SyncError};
use serde_json::{Value, json};

use super::Names;
use crate::channel::Turned;
use crate::cli::say;
use crate::show;

/// Says on standard error what was done. Why it failed, if it did, is said by who returns the failure.
pub(super) fn tell(synced: &Result<Report, SyncError>, turned: Option<&Turned>, names: &Names, json: bool) {
    let (report, error) = match synced {
        Ok(report) => (report, None),
        Err(error) => (&*error.report, Some(error)),
    };
    if json {
        let mut object = to_json(report, error);
        if let Some(turned) = turned {
            object["standing"] = turned.to_json();
        }
        return say(&show::json_line(&object));
    }
    if let Some(peer) = report.peer.as_ref().filter(|peer| !peer.metadata.is_empty()) {
        say(&format!("the other side says: {}", show::one_line(&String::from_utf8_lossy(&peer.metadata))));
    }
    if error.is_none() {
        say(&summary(report, names));
    }
    for fork in &report.forks {
        say(&format!("fork: {}", fork_line(fork)));
    }
    turned.into_iter().flat_map(Turned::lines).for_each(|line| say(&line));
}

/// Whether a session that completed left both logs equal, or knows why they differ.
pub(super) fn is_explained(report: &Report) -> bool {
    report.equal || !report.differences.is_empty() && !report.differences.contains(&Difference::Unexplained)
}

fn summary(report: &Report, names: &Names) -> String {
    let Report { received, sent, filled, bytes_received, bytes_sent, .. } = report;
    let received = show::count(*received, names.one, names.many);
    let filled = if *filled > 0 { format!(", {} values that were missing", filled) } else { String::new() };
    let verdict = if report.equal {
        "both logs are equal".to_owned()
    } else {
        let reasons: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
        format!("the logs differ: {}", reasons.join("; "))
    };
    let seconds = report.time.as_secs_f64();
    format!(
        "received {received}{filled}, sent {sent}; {verdict} ({bytes_received} bytes in, {bytes_sent} out, {seconds:.2} s)"
    )
}

fn to_json(report: &Report, error: Option<&SyncError>) -> Value {
    let differences: Vec<String> = report.differences.iter().map(ToString::to_string).collect();
    let peer = report.peer.as_ref().map(|peer| {
        json!({
            "mode": peer.mode.to_string(), "live": peer.live, "entries": peer.entries, "writers": peer.writers,
            "metadata": show::value_json(&peer.metadata),
        })
    });
    json!({
        "complete": report.complete,
        "equal": report.equal,
        "differences": differences,
        "received": report.received,
        "sent": report.sent,
        "duplicates": report.duplicates,
        "filled": report.filled,
        "bytes_received": report.bytes_received,
        "bytes_sent": report.bytes_sent,
        "forks": report.forks.iter().map(fork_json).collect::<Vec<_>>(),
        "live": report.live,
        "seconds": report.time.as_secs_f64(),
        "peer": peer,
        "error": error.map(|error| error.cause.to_string()),
    })
}

fn fork_line(fork: &Fork) -> String {
    let Fork { writer, seq, lower, higher } = fork;
    format!(
        "writer {} has two entries {seq}: {} and {}",
        show::hex(writer),
        show::hex(lower),
        show::hex(higher)
    )
}

fn fork_json(fork: &Fork) -> Value {
    let Fork { writer, seq, lower, higher } = fork;
    json!({ "writer": show::hex(writer), "seq": seq, "lower": show::hex(lower), "higher": show::hex(higher) })
}
