//! Marks of channels: what grants and revocations cost, and what they cost those who only write.

use std::sync::Arc;
use std::time::Instant;

use hyperlog::{
    AdmitError, Asking, Change, Effects, Hyperlog, Identity, Known, Level, LogError, Memory, Node, NodeId,
    Options, Policy, Rows, StoredRows, WriterId,
};
use hyperlog_writers::{Channel, Keep, Role};
use level::Fjall;

use crate::figures::{Wanted, report, rounds, verdict};
use crate::logs::{BATCH, chain, values};
use crate::{Cli, Result};

const GRANTS: usize = 32_768;
const NODES: usize = 100_000;

/// Grants to as many keys, then a revocation of each, taken in from an export; beside the same nodes in a log
/// whose policy looks at nothing.
pub(crate) fn acts(cli: &Cli) -> Result<()> {
    let channel = Channel::<hyperlog::Binary>::found("marks", &identity(0), identity(1), Memory::new())?;
    let keys = (2..).take(GRANTS).map(|n| identity(n).writer());
    let grants =
        keys.map(|key| channel.authorize(key, Role::Writer)).collect::<std::result::Result<Vec<_>, _>>()?;
    for grant in &grants {
        channel.revoke(grant, Keep::Here)?;
    }
    let mut export = Vec::new();
    channel.log().export(&mut export)?;
    let nodes = channel.log().last();
    let topic = channel.key().topic();
    let mut extra = Vec::new();
    let rounds = rounds(cli, |dir| {
        let lawless = Options::default().topic(topic).policy(Arc::new(Lawless));
        let without = import(lawless.open(fjall(dir, "without")?, identity(9))?, &export, nodes)?;
        let with = Channel::open_with(Options::default(), fjall(dir, "with")?, identity(9), channel.key())?;
        let with = import(with.log().clone(), &export, nodes)?;
        extra.push(with - without);
        Ok((nodes.0 as f64 / with, nodes.0 as f64 / without))
    })?;
    report("grants and revocations taken in; raw: the same without the rules", &rounds, &Wanted::Nothing);
    extra.sort_by(f64::total_cmp);
    let extra = extra.get(extra.len() / 2).copied().unwrap_or(f64::NAN);
    println!("65,536 of them: {extra:.2} s for the rules; wanted 1 s: {}", verdict(extra <= 1.0));
    let start = Instant::now();
    let members = channel.members()?.len();
    println!("members: {members} of {GRANTS} grants in {:?}", start.elapsed());
    Ok(())
}

/// A writer who appends in a channel, beside the same in a log that is open to all.
pub(crate) fn data(cli: &Cli) -> Result<()> {
    let values = values(NODES);
    let rounds = rounds(cli, |dir| {
        let open: Hyperlog = Options::default().open(fjall(dir, "open")?, identity(1))?;
        let without = timed(|| chain(&open, &values, BATCH))?;
        let channel: Channel = Channel::found_with(
            Options::default(),
            "marks",
            &identity(0),
            identity(1),
            fjall(dir, "channel")?,
        )?;
        let with = timed(|| chain(channel.log(), &values, BATCH))?;
        Ok((NODES as f64 / with, NODES as f64 / without))
    })?;
    report("batches of 10,000 in a channel; raw: in an open log", &rounds, &Wanted::Nothing);
    Ok(())
}

fn timed(work: impl FnOnce() -> Result<()>) -> Result<f64> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed().as_secs_f64())
}

fn import(log: Hyperlog, export: &[u8], nodes: Change) -> Result<f64> {
    let seconds = timed(|| {
        log.import(export)?;
        Ok(log.flush()?)
    })?;
    assert_eq!(log.last(), nodes, "all of it was taken in");
    Ok(seconds)
}

fn fjall(dir: &std::path::Path, name: &str) -> Result<Arc<dyn Level>> {
    Ok(Arc::new(Fjall::open(dir.join(name))?))
}

fn identity(n: u32) -> Identity {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&n.to_be_bytes());
    Identity::from_seed(&seed)
}

/// A policy that takes everything.
struct Lawless;

impl Policy for Lawless {
    fn kind(&self) -> &'static str {
        hyperlog_writers::KIND
    }

    fn admit(&self, _: &Asking<'_>, _: &Known<'_>) -> std::result::Result<(), AdmitError> {
        Ok(())
    }

    fn store(&self, _: &[Node], _: &mut Rows<'_>) -> std::result::Result<Effects, LogError> {
        Ok(Effects::default())
    }

    fn cap(
        &self,
        _: WriterId,
        _: Option<NodeId>,
        _: &StoredRows,
    ) -> std::result::Result<Option<NodeId>, AdmitError> {
        Ok(None)
    }
}
