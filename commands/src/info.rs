//! What is in a log.

use std::io::{self, Write};

use hyperlog::Hyperlog;
use hyperlog::disk::Folder;
use serde_json::json;

use crate::error::Failure;
use crate::show;

/// Says it.
pub(crate) fn run(folder: &Folder, log: &Hyperlog, json: bool) -> Result<(), Failure> {
    let (nodes, writers, heads) = (log.last().0, log.writers(), log.heads()?.len());
    let forks = log.forks()?;
    let caught_up = log.check_caught_up();
    let mut out = io::stdout().lock();
    if json {
        let info = json!({
            "dir": folder.path().to_string_lossy(),
            "writer": log.writer().to_string(),
            "nodes": nodes,
            "writers": writers,
            "heads": heads,
            "forks": forks.len(),
            "needs_catch_up": caught_up.is_err(),
        });
        return Ok(writeln!(out, "{}", show::json_line(&info))?);
    }
    writeln!(out, "folder   {}", show::one_line(&folder.path().to_string_lossy()))?;
    writeln!(out, "writer   {}", log.writer())?;
    writeln!(out, "nodes    {nodes}")?;
    writeln!(out, "writers  {writers}")?;
    writeln!(out, "heads    {heads}")?;
    writeln!(out, "forks    {}", forks.len())?;
    for fork in &forks {
        writeln!(out, "         {}", fork_line(fork))?;
    }
    if let Err(error) = caught_up {
        writeln!(out, "behind   {error}")?;
    }
    Ok(())
}

/// A fork for people.
pub(crate) fn fork_line(fork: &hyperlog::Fork) -> String {
    format!("writer {} has two entries {}: {} and {}", fork.writer, fork.seq, fork.lower, fork.higher)
}
