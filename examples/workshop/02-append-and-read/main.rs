//! The check of the second exercise: `cargo run -p examples --bin workshop-02 -- [FOLDER]`.
//!
//! The log stays in its folder from one run to the next: beside the program, unless another is named.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use check::{Result, ensure, same, step};
use level::Memory;
use scuttleup::{Identity, Log, Seq};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

/// Lines that are shown of a log that grew over many runs.
const SHOWN: usize = 5;

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    let path = folder()?;

    step(1, "Open a log in a folder");
    println!("   the folder is {}", path.display());
    let log = exercise::open(&path)?;
    let (peer, before) = (log.writer(), log.last().0);
    println!("   entries so far: {before}; it writes as {peer}");
    drop(log);
    let log = exercise::open(&path)?;
    println!("   closed and opened again, it writes as {}", log.writer());
    same("the peer after closing and opening", &log.writer(), &peer)?;

    step(2, "Append a message");
    let seq = exercise::append(&log, "hello world")?;
    println!("   it got seq {seq}");
    same("how many entries the log holds now", &log.last().0, &(before + 1))?;
    let stored = log.entry(&peer, seq)?;
    same("the value under that seq", &String::from_utf8_lossy(&stored).as_ref(), &"hello world")?;

    step(3, "Read the whole log");
    let lines = exercise::read(&log)?;
    if lines.len() > SHOWN {
        println!("   ...");
    }
    lines.iter().skip(lines.len().saturating_sub(SHOWN)).for_each(|line| println!("   {line}"));
    same("how many lines were read", &(lines.len() as u64), &(before + 1))?;
    let seqs: Vec<Seq> = lines.iter().map(|line| line.seq).collect();
    same("the seqs, oldest first", &seqs, &(1..=before + 1).map(Seq).collect())?;
    ensure(lines.iter().all(|line| line.peer == peer), format!("every line should name the peer {peer:?}"))?;
    same("the last line", &lines.last().map(|line| line.entry.as_str()), &Some("hello world"))?;

    let many = Log::open(Memory::new(), Identity::generate())?;
    many.append_batch(["one", "two", "three"])?;
    let values: Vec<String> = exercise::read(&many)?.into_iter().map(|line| line.entry).collect();
    println!("   another log: {values:?}");
    same("the entries of a log with three", &values, &["one", "two", "three"].map(str::to_owned).to_vec())?;

    step(4, "Read live, while another thread appends");
    live()?;

    println!("\nRun this again: the next entry has seq {}, and the same peer.", seq.0 + 1);
    Ok(())
}

/// Reads live from a log that has an entry already, and to which another thread appends. That one waits with each
/// message until the one before was seen, so whoever does not read live gets one.
fn live() -> Result<()> {
    const MESSAGES: [&str; 3] = ["good morning", "good day", "good night"];
    let [first, rest @ ..] = MESSAGES;
    let log = Log::open(Memory::new(), Identity::generate())?;
    log.append(first)?;
    let (tell, told) = mpsc::channel();
    let mut seen = Vec::new();
    let read = thread::scope(|scope| {
        let appending = log.clone();
        scope.spawn(move || {
            for message in rest {
                // What was not appended is not seen, and that is told below.
                if told.recv().is_err() || appending.append(message).is_err() {
                    break;
                }
            }
        });
        // Moved in here, so that it is dropped however the reader ends, and the thread ends, too.
        let tell = tell;
        exercise::read_live(&log, MESSAGES.len() as u64, &mut |line| {
            println!("   seen: {line}");
            seen.push(line.entry);
            // After the last message nobody listens.
            let _ = tell.send(());
        })
    });
    read?;
    same("the messages that were seen: it should wait for more", &seen, &MESSAGES.map(str::to_owned).to_vec())
}

/// The folder that was named, or one beside the program.
fn folder() -> Result<PathBuf> {
    match std::env::args_os().nth(1) {
        Some(folder) => Ok(folder.into()),
        None => Ok(std::env::current_exe()?.with_file_name("workshop-02-log")),
    }
}
