//! The view, brought up to the log before it is read.

use std::io::{self, Write};

use hyperlog::Topic;
use hyperlog_index::Rebuild;
use serde_json::json;

use super::Kv;
use crate::cli::say;
use crate::error::Failure;
use crate::progress::Progress;
use crate::show;

/// Catches up, and says why if that means to begin anew.
pub(super) fn catch_up(kv: &Kv) -> Result<(), Failure> {
    let is_channel = kv.log().topic() != Topic::OPEN;
    if let Some(why) = kv.index().rebuild() {
        // Values that come or go would be a reason, too, and are not what happens in a channel.
        let why = match why {
            Rebuild::Epoch if is_channel => "writes were voided, or count again".to_owned(),
            why => why.to_string(),
        };
        say(&format!("building the view anew: {why}"));
    }
    let (indexed, nodes) = (kv.index().last().0, kv.log().last().0);
    if indexed < nodes {
        tracing::info!(indexed, nodes, "catching up");
    }
    let mut bar = None;
    let done = kv.index().ready_with(|told| show_step(&mut bar, told.done, told.total));
    Ok(done.map_err(hyperkv::Error::from)?)
}

/// Builds the view anew, and says of how many nodes.
pub(super) fn reindex(kv: &Kv, json: bool) -> Result<(), Failure> {
    let mut bar = None;
    kv.reindex(|told| show_step(&mut bar, told.done, told.total))?;
    drop(bar);
    let nodes = kv.index().last().0;
    if json {
        writeln!(io::stdout(), "{}", show::json_line(&json!({ "nodes": nodes })))?;
    } else {
        say(&format!("built the view anew from {}", show::count(nodes, "node", "nodes")));
    }
    Ok(())
}

/// What is done in one step needs no bar.
fn show_step(bar: &mut Option<Progress>, done: u64, total: u64) {
    if bar.is_some() || done < total {
        bar.get_or_insert_with(|| Progress::new("nodes indexed", total)).set_of(done, total);
    }
}
