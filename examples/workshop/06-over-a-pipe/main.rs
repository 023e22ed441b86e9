//! The check of the sixth exercise: `cargo run -p examples --bin workshop-06`. And the program itself:
//! `workshop-06 sync FOLDER [LINE]`.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use check::{Result, ensure, same, step};
use hyperlog::disk::Folder;
use hyperlog::{Hyperlog, Identity, Memory, NodeId, Utf8};
use processes::{Ended, Program};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;
#[path = "../processes.rs"]
mod processes;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.as_slice() {
        [word, folder, line @ ..] if word == "sync" && line.len() < 2 => processes::program(|| {
            let line = line.first().map(|line| line.to_string_lossy());
            exercise::program(Path::new(folder), line.as_deref())
        }),
        [word, folder] if word == "step-2" => processes::program(|| {
            let log = exercise::open(Path::new(folder), None)?;
            exercise::sync(&log).map(drop)
        }),
        _ => check::run(steps),
    }
}

fn steps() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let logs = [folder.path().join("ana"), folder.path().join("ben")];

    step(1, "Open a log in a folder, and append a line");
    for (path, line) in logs.iter().zip(["ana: hello", "ben: hey"]) {
        let log = exercise::open(path, Some(line))?;
        println!("   {line}: {:?} of writer {:?}", log.heads()?, log.writer());
        same("how many nodes the log has", &log.last().0, &1)?;
        drop(log);
        same("how many when it is opened without a line", &exercise::open(path, None)?.last().0, &1)?;
    }

    step(2, "Sync two processes over two pipes");
    println!("   two logs without a common root: neither has a node that the other has");
    for ended in pair(|path| vec!["step-2".as_ref(), path.as_ref()], &logs)? {
        ended.done()?;
    }
    let [ana, ben] = [heads(&logs[0])?, heads(&logs[1])?];
    println!("   both ended; the heads are {ana:?} and {ben:?}");
    same("how many heads ana has: what she wrote, and what ben wrote", &ana.len(), &2)?;
    same("the heads of both", &ana, &ben)?;

    step(3, "Say what a session did");
    let (here, there) = (memory()?, memory()?);
    here.append("one")?;
    here.append("two")?;
    there.append("three")?;
    let said = exercise::summary(&replicate::sync(&here, &there)?);
    println!("   {said}");
    same("what is said of a session", &said.as_str(), &"received 1, sent 2")?;

    step(4, "The whole program");
    whole(&folder.path().join("again"))
}

fn memory() -> Result<Hyperlog<Utf8>> {
    Ok(Hyperlog::open(Memory::new(), Identity::generate())?)
}

/// Twice as `dupsh` runs it, and once with nobody at the other end.
fn whole(folder: &Path) -> Result<()> {
    let logs = [folder.join("ana"), folder.join("ben")];
    println!("   dupsh 'sync ana \"ana: hello\"' 'sync ben \"ben: hey\"'");
    let lines = ["ana: hello", "ben: hey"];
    let first = pair(
        |path| {
            let line = if path.ends_with("ana") { lines[0] } else { lines[1] };
            vec!["sync".as_ref(), path.as_ref(), line.as_ref()]
        },
        &logs,
    )?;
    for ended in &first {
        ended.done()?;
        ended.says("received 1, sent 1")?;
        lines.iter().try_for_each(|line| ended.says(line))?;
    }
    same("the heads of both", &heads(&logs[0])?, &heads(&logs[1])?)?;

    println!("   once more, with nothing new");
    for ended in &pair(|path| vec!["sync".as_ref(), path.as_ref()], &logs)? {
        ended.done()?;
        ended.says("received 0, sent 0")?;
    }
    same("how many nodes ana has after that", &nodes(&logs[0])?, &2)?;

    println!("   and alone: the other side has ended before it said anything");
    let ((reads, no_writer), (no_reader, writes)) = (std::io::pipe()?, std::io::pipe()?);
    drop((no_writer, no_reader));
    let words = ["sync".as_ref(), logs[0].as_os_str()];
    let [ended] = processes::wait([Program::start("ana", &words, reads, writes)?])?;
    ensure(
        !ended.succeeded && !ended.said.is_empty(),
        "the program should fail, and say why: pass the error on with `?`",
    )
}

/// Starts two of the program, each reading what the other writes, and waits for both: what `dupsh` does.
fn pair<'a>(
    words: impl Fn(&'a Path) -> Vec<&'a OsStr>,
    logs: &'a [std::path::PathBuf; 2],
) -> Result<[Ended; 2]> {
    let ((ana_reads, ben_writes), (ben_reads, ana_writes)) = (std::io::pipe()?, std::io::pipe()?);
    let [ana, ben] = logs;
    processes::wait([
        Program::start("ana", &words(ana), ana_reads, ana_writes)?,
        Program::start("ben", &words(ben), ben_reads, ben_writes)?,
    ])
}

/// Not the learner's way to open a log, so that the steps are checked one by one.
fn log(path: &Path) -> Result<Hyperlog<Utf8>> {
    Ok(Hyperlog::open_in(&Folder::open(path)?)?)
}

fn heads(path: &Path) -> Result<Vec<NodeId>> {
    Ok(log(path)?.heads()?)
}

fn nodes(path: &Path) -> Result<u64> {
    Ok(log(path)?.last().0)
}
