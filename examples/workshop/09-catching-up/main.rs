//! The check of the ninth exercise: `cargo run -p examples --bin workshop-09`.

use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;

use check::{Result, ensure, same, step};
use exercise::{Tally, Votes};
use hyperlog::{Hyperlog, Identity, Level, Memory, Utf8};
use hyperlog_index::{Index, Rebuild};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    step(1, "Count a vote");
    let log = log()?;
    let mut found = Tally::new();
    for dish in ["chili", "soup", "chili"] {
        exercise::count(&mut found, &log.append(dish)?);
    }
    println!("   {found:?}");
    same("the tally", &found, &tally(&[("chili", 2), ("soup", 1)]))?;
    let gone = log.append("a dish that is taken back")?.id;
    log.del(&gone)?;
    exercise::count(&mut found, &log.get(&gone)?);
    same("the tally after a vote without a value", &found, &tally(&[("chili", 2), ("soup", 1)]))?;

    step(2, "Open the index");
    let (level, log) = (Memory::new(), self::log()?);
    log.append("chili")?;
    log.append("soup")?;
    let votes = exercise::open(&log, level.clone())?;
    same("the sub-levels of the level", &level.subs()?, &vec!["index/votes".into()])?;
    reads(&votes, &[("chili", 1), ("soup", 1)])?;

    step(3, "See how far it is");
    let ben = self::log()?;
    stands(&log, &votes, 0, "after a read")?;
    log.append("soup")?;
    stands(&log, &votes, 1, "after a vote")?;
    stands(&log, &votes, 1, "after another look")?;
    reads(&votes, &[("chili", 1), ("soup", 2)])?;
    stands(&log, &votes, 0, "after a read")?;
    ben.append("chili")?;
    ben.append("beans")?;
    let report = replicate::sync(&log, &ben)?;
    println!("   a sync brought {} votes", report.received);
    stands(&log, &votes, 2, "after a sync")?;
    let all = [("beans", 1), ("chili", 2), ("soup", 2)];
    reads(&votes, &all)?;
    stands(&log, &votes, 0, "after a read")?;

    step(4, "Throw the rows away");
    exercise::forget(&votes)?;
    println!("   thrown away: {:?}", votes.rebuild());
    stands(&log, &votes, 5, "with its rows thrown away")?;
    same("why it is built anew", &votes.rebuild(), &Some(Rebuild::Asked))?;
    reads(&votes, &all)?;
    stands(&log, &votes, 0, "after a read")?;

    step(5, "Open the index in a database of its own");
    beside(&log, &all)?;

    step(6, "Keep it warm");
    warm()
}

/// Opens the view in a folder, then again, then again without the folder.
fn beside(log: &Hyperlog<Utf8>, all: &[(&str, u64)]) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("votes");
    let votes = exercise::open_beside(log, &path)?;
    stands(log, &votes, 5, "when it is new")?;
    reads(&votes, all)?;
    drop(votes);
    let votes = exercise::open_beside(log, &path)?;
    stands(log, &votes, 0, "closed and opened again")?;
    drop(votes);
    std::fs::remove_dir_all(&path)?;
    println!("   the folder is deleted");
    let votes = exercise::open_beside(log, &path)?;
    stands(log, &votes, 5, "without its folder")?;
    reads(&votes, all)
}

/// Somebody votes each time that the view has caught up. Nobody reads.
fn warm() -> Result<()> {
    const DISHES: [&str; 3] = ["chili", "soup", "chili"];
    let [first, rest @ ..] = DISHES;
    let log = log()?;
    log.append(first)?;
    let votes = exercise::open(&log, Memory::new())?;
    let (tell, told) = mpsc::channel();
    let mut seen = Vec::new();
    let kept = thread::scope(|scope| {
        let voting = log.clone();
        scope.spawn(move || {
            for dish in rest {
                // What was not voted for is not seen, and that is told below.
                if told.recv().is_err() || voting.append(dish).is_err() {
                    break;
                }
            }
        });
        // Moved in here, so that it is dropped however the exercise ends, and the thread ends, too.
        let tell = tell;
        exercise::keep_warm(&votes, DISHES.len() as u64, &mut |last| {
            // Who tells more than that is wrong already, and may go on for long.
            if seen.len() <= DISHES.len() {
                println!("   told: {last}; the view has looked at {}", votes.last());
                seen.push((last, votes.last().0));
            }
            // After the last vote nobody listens.
            let _ = tell.send(());
        })
    });
    kept?;
    same(
        "what was told, and how far the view was then: it should wait for more",
        &seen,
        &vec![(1, 1), (2, 2), (3, 3)],
    )?;
    same("the tally", &votes.value()?, &tally(&[("chili", 2), ("soup", 1)]))
}

fn log() -> Result<Hyperlog<Utf8>> {
    Ok(Hyperlog::open(Memory::new(), Identity::generate())?)
}

fn tally(votes: &[(&str, u64)]) -> Tally {
    votes.iter().map(|(dish, votes)| ((*dish).to_owned(), *votes)).collect()
}

fn reads(votes: &Index<Votes>, wanted: &[(&str, u64)]) -> Result<()> {
    let found = votes.value()?;
    println!("   read: {found:?}");
    same("the tally that is read", &found, &tally(wanted))
}

fn stands(log: &Hyperlog<Utf8>, votes: &Index<Votes>, wanted: u64, when: &str) -> Result<()> {
    let (before, behind) = (votes.last(), exercise::behind(log, votes));
    println!("   {when}: it is at change {before} of {}, {behind} behind", log.last());
    ensure(votes.last() == before, "`behind` made the view look: it should only say how far it is")?;
    same(&format!("how far it is behind, {when}"), &behind, &wanted)
}
