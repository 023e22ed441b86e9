//! Syncing, and printing the keys that change by it.

use hyperkv::{Json, Live, Select};
use replicate::Mode;
use serde_json::Value;

use super::{Program, keep_up, print};
use crate::cli::say;
use crate::error::Failure;
use crate::sync::{self, Follower, Names, SyncArgs};

const NAMES: Names = Names { call: "hyperkv sync", one: "node", many: "nodes" };

impl Program<'_> {
    pub(super) fn sync(&self, mode: Mode, args: &SyncArgs) -> Result<(), Failure> {
        if args.print {
            keep_up::catch_up(&self.kv)?;
        }
        let follower = args.print.then(|| self.follow()).transpose()?;
        let synced = sync::run(&self.kv, self.channel.as_ref(), mode, args, &NAMES, self.common.json);
        if let Some(follower) = follower {
            let mut live = follower.finish()?;
            while let Some(entry) = live.try_next() {
                say(&line(entry?, self.common.json)?);
            }
        }
        synced
    }

    /// Prints keys as they change. What has not been printed at its end is still to be read from what it returns.
    fn follow(&self) -> Result<Follower<Live<Json<Value>>>, Failure> {
        let mut live = self.kv.live(Select::all(), false)?;
        let json = self.common.json;
        Ok(Follower::new(live.stop_handle(), move || {
            // A map that cannot be read is told of at the end.
            let lines = live.by_ref().map_while(|entry| line(entry.ok()?, json).ok());
            lines.for_each(|line| say(&line));
            live
        }))
    }
}

/// An entry as a line; of many values the first, and how many more there are: what a stranger writes is printed each time
/// that he adds to it.
fn line(entry: print::Entry, json: bool) -> Result<String, Failure> {
    let mut line = Vec::new();
    print::start_of_entry(entry, json, &mut line)?;
    Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
}
