//! What a log may use of the machine. Sizes of the format are constants beside the header, not here.

use std::time::Duration;

/// The bounds of one log, each with its reason. The defaults suit a desktop; tests use tiny ones.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Branches of all writers together, of which at most half are forks: who forks must not keep newcomers out. Each takes
    /// about 230 bytes of memory while the log is open, and in an open log anybody can make new writers.
    pub branches_max: usize,
    /// Entries that a reader fetches at once.
    pub read_entries: usize,
    /// Bytes of rows that a reader fetches at once; it may go over by one entry.
    pub read_bytes: usize,
    /// Bytes of other people's entries that may wait for a sync. They can be fetched again.
    pub unsynced_bytes_max: usize,
    /// How long anything may wait for a sync, and how far the sidecar may lag, where a clock was handed in.
    pub sync_interval: Duration,
    /// Rewrites of the sidecar between two syncs of it, where no clock was handed in.
    pub sidecar_lag_max: u32,
    /// Events that a subscriber may be behind; then it is told how many it missed. Each keeps its entry's
    /// value in memory, of 1 MiB at most.
    pub events_max: usize,
    /// Problems that a check lists; the rest is counted.
    pub problems_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            branches_max: 1 << 18,
            read_entries: 256,
            read_bytes: 1 << 20,
            unsynced_bytes_max: 1 << 20,
            sync_interval: Duration::from_secs(1),
            sidecar_lag_max: 256,
            events_max: 256,
            problems_max: 100,
        }
    }
}
