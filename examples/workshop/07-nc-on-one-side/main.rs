//! The check of the seventh exercise: `cargo run -p examples --bin workshop-07`. And the program itself:
//! `workshop-07 sync FOLDER [LINE] [--mode MODE] [--live]`.

use std::fs;
use std::io::{PipeReader, PipeWriter};
use std::path::Path;
use std::process::ExitCode;

use check::{Result, ensure, same, step};
use hyperlog::disk::Folder;
use hyperlog::{Hyperlog, Identity, Memory, Utf8};
use processes::{Ended, Program};
use replicate::{Cause, Difference, Report, SyncError, sync_with};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;
#[path = "../processes.rs"]
mod processes;
mod program;
mod wire;

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(word) if word == "sync" => processes::program(program::run),
        _ => check::run(steps),
    }
}

fn steps() -> Result<()> {
    step(1, "Choose what is asked of a session");
    chooses()?;

    step(2, "Say whether the logs are equal now, or why not");
    judges()?;

    let folder = tempfile::tempdir()?;
    step(3, "Name the forks that showed up");
    finds_forks(folder.path())?;

    step(4, "Say why a session ended early");
    ends_early(folder.path())
}

fn memory(seed: u8) -> Result<Hyperlog<Utf8>> {
    let log = Hyperlog::open(Memory::new(), Identity::from_seed(&[seed; 32]))?;
    log.append(format!("of {seed}"))?;
    Ok(log)
}

type Synced = std::result::Result<Report, SyncError>;

/// Two logs with one node each, synced as is wished on both sides. The first report is that of the first.
fn synced(one: (&str, bool), other: (&str, bool)) -> Result<(Synced, Synced)> {
    let [one, other] = [exercise::options(one.0, one.1)?, exercise::options(other.0, other.1)?];
    Ok(sync_with(&memory(1)?, one, &memory(2)?, other))
}

fn chooses() -> Result<()> {
    for (mode, sent, received) in [("sync", 1, 1), ("push", 1, 0), ("pull", 0, 1)] {
        let report = synced((mode, false), ("sync", false))?.0?;
        println!("   {mode}: sent {}, received {}", report.sent, report.received);
        same(
            &format!("what was sent and received with {mode}"),
            &(report.sent, report.received),
            &(sent, received),
        )?;
        ensure(!report.live, "nobody asked for a live session")?;
    }
    ensure(
        synced(("sync", true), ("sync", true))?.0?.live,
        "both asked for a live session, and it was none",
    )?;
    ensure(
        !synced(("sync", true), ("sync", false))?.0?.live,
        "who does not want a live session need not have one",
    )?;
    println!("   live: if both want it");
    let error =
        exercise::options("upwards", false).err().ok_or("upwards is no mode, and was taken for one")?;
    println!("   upwards: {error}");
    Ok(())
}

fn judges() -> Result<()> {
    let equal = synced(("sync", false), ("sync", false))?.0?;
    let pushed = synced(("push", false), ("sync", false))?.0?;
    let mut meanwhile = pushed.clone();
    meanwhile.differences.push(Difference::WrittenThere);
    for (what, report, wanted) in [
        ("after a sync", equal, "equal"),
        ("after a push", pushed, "different: entries went one way only"),
        (
            "after a push, when the other side was written to meanwhile",
            meanwhile,
            "different: entries went one way only; the other side got entries from elsewhere meanwhile",
        ),
    ] {
        let verdict = exercise::verdict(&report);
        println!("   {what}: {verdict}");
        same(&format!("the verdict {what}"), &verdict.as_str(), &wanted)?;
    }
    Ok(())
}

/// Somebody copies a folder, and writes in both. Over the network, because it usually is.
fn finds_forks(folder: &Path) -> Result<()> {
    let [desk, lap] = ["desk", "lap"].map(|name| folder.join(name));
    let log = Hyperlog::<Utf8>::open_in(&Folder::open(&desk)?)?;
    let writer = log.writer();
    log.append("written before the folder was copied")?;
    drop(log);
    println!("   cp -r desk lap: the key goes with it, and both are the writer {writer:?}");
    copy(&desk, &lap)?;

    let lines = ["at the desk", "on the lap"];
    let ended = over_network([&desk, &lap], lines, None)?;
    for ended in &ended {
        ended.done()?;
        ended.says("equal")?;
        ended.says(&format!("writer {writer:?} wrote 2 twice"))?;
        lines.iter().try_for_each(|line| ended.says(line))?;
    }
    println!("   both branches are kept, and both sides know");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for file in fs::read_dir(from)? {
        let file = file?;
        if file.file_type()?.is_dir() {
            copy(&file.path(), &to.join(file.file_name()))?;
        } else {
            fs::copy(file.path(), to.join(file.file_name()))?;
        }
    }
    Ok(())
}

/// Two programs, each beside an `nc`. The one that listens is always played, since every `nc` wants to be told the port in a
/// way of its own.
fn over_network(logs: [&Path; 2], lines: [&str; 2], cut_after: Option<u64>) -> Result<[Ended; 2]> {
    let (desk, reads, writes) = start("desk", logs[0], lines[0])?;
    let address = wire::listen(reads, writes, cut_after)?;
    let (lap, reads, writes) = start("lap", logs[1], lines[1])?;
    // An `nc` whose connection is cut may keep that to itself.
    let nc = wire::connect(address, reads, writes, cut_after.is_none())?;
    let which = if nc.is_some() { "the real nc" } else { "nc, played" };
    println!("   desk | nc -l, played | the network | {which} | lap");
    processes::wait([desk, lap])
}

/// Starts the program, and returns what it writes to and reads from.
fn start(name: &'static str, log: &Path, line: &str) -> Result<(Program, PipeReader, PipeWriter)> {
    let ((its_input, writes), (reads, its_output)) = (std::io::pipe()?, std::io::pipe()?);
    let words = ["sync".as_ref(), log.as_os_str(), line.as_ref()];
    Ok((Program::start(name, &words, its_input, its_output)?, reads, writes))
}

fn ends_early(folder: &Path) -> Result<()> {
    let (one, _) = synced(("push", false), ("push", false))?;
    let mut error = one.err().ok_or("two that only push cannot sync")?;
    let reason = exercise::reason(&error);
    println!("   push against push: {reason}");
    same("the reason", &reason.as_str(), &"both sides only push: nobody receives (received 0, sent 0)")?;
    error.cause = Cause::Stopped;
    error.report.received = 3;
    same("the reason of another", &exercise::reason(&error).as_str(), &"stopped here (received 3, sent 0)")?;

    println!("   over the network, and somebody pulls the cable");
    let logs = [&*folder.join("desk"), &*folder.join("lap")];
    for ended in over_network(logs, ["late", "later"], Some(20))? {
        ensure(!ended.succeeded, format!("{} should have failed", ended.name))?;
        let says = ended.said.contains("the connection ended in the middle");
        ensure(says, format!("{} should have said that the connection ended", ended.name))?;
    }
    println!("   and puts it back");
    for ended in over_network(logs, ["too late", "much too late"], None)? {
        ended.done()?;
        ["late", "later", "too late", "much too late"].iter().try_for_each(|line| ended.says(line))?;
    }
    println!("   nothing was lost");
    Ok(())
}
