//! The check of the twelfth exercise: `cargo run -p examples --bin workshop-12`.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use check::{Result, ensure, same, step};
use level::Memory;
use scuttleup::disk::Folder;
use scuttleup::{Evidence, Header, Identity, Log, Seq, Vouched, WriterId};

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    let (ana, mallory) = (log()?, log()?);
    println!("ana writes as {}, mallory as {}", ana.writer(), mallory.writer());
    ana.append_batch(["ben owes me 10", "and cyd owes me 5"])?;
    let real = export(&ana)?;

    step(1, "Forge an export");
    let more = exercise::forge(&real, b"owes me 10", b"owes me 99");
    same(
        "what became of the text",
        &texts(&more),
        &["ben owes me 99", "and cyd owes me 5"].map(String::from),
    )?;
    same("how many bytes there are", &more.len(), &real.len())?;
    same("how many of them are others", &differing(&real, &more), &2)?;
    println!("   ben owes ana 99 now: 2 of {} bytes were changed", real.len());
    same("what is forged where nothing is found", &exercise::forge(&real, b"nobody", b"mallor"), &real)?;
    let twice = exercise::forge(b"10, 10, 1", b"10", b"99");
    same("what becomes of 10, 10, 1", &String::from_utf8_lossy(&twice).as_ref(), &"99, 99, 1")?;
    mallory.append("I give mallory 100")?;
    let name = forged_name(&mallory, &ana.writer())?;
    println!("   mallory's entry has ana's name on it now: 32 bytes were changed");

    step(2, "Import them, and say why not");
    let cut = real.get(..real.len() - 40).unwrap_or_default().to_vec();
    let says = format!("is not {}'s", ana.writer());
    let of_other = [&real[..], &name].concat();
    refuses("other words", &more, 0, &says)?;
    refuses("another's name", &name, 0, &says)?;
    refuses("cut short", &cut, 0, "cut off")?;
    refuses("ana's own words, and then the ones with her name on them", &of_other, 2, &says)?;
    let ben = log()?;
    same("why ana's own words were refused", &exercise::take(&ben, &real), &None)?;
    println!("   ana's own words: taken, {} entries", ben.last());
    same("how many entries ben has", &ben.last().0, &2)?;

    step(3, "Read what one writer wrote, while a stranger writes, too");
    let stranger = log()?;
    stranger.append("you do not know me")?;
    replicate::sync(&ben, &stranger)?;
    ben.append("I paid already")?;
    stranger.append("still here")?;
    replicate::sync(&ben, &stranger)?;
    replicate::sync(&ben, &ana)?;
    let words = [
        (&ana, ["ben owes me 10", "and cyd owes me 5"].as_slice()),
        (&ben, &["I paid already"]),
        (&stranger, &["you do not know me", "still here"]),
        (&mallory, &[]),
    ];
    for (writer, wanted) in words {
        let found = exercise::written_by(&ana, &writer.writer())?;
        println!("   {:?} wrote {found:?}", writer.writer());
        same("what that writer wrote", &found, &wanted.iter().map(|text| (*text).to_owned()).collect())?;
    }
    println!("   an open log takes words of anybody, each in a log of its own");

    let folder = tempfile::tempdir()?;
    let [laptop, copy] = ["laptop", "copy"].map(|name| folder.path().join(name));

    step(4, "Read all entries under one number");
    let log = Folder::open(&laptop)?.log()?;
    log.append("one")?;
    drop(log);
    copy_folder(&laptop, &copy)?;
    let [laptop, copy] = [Folder::open(&laptop)?.log()?, Folder::open(&copy)?.log()?];
    let dan = laptop.writer();
    println!("   dan copies his folder, key and all, and goes on in both");
    same("who writes in the copy", &copy.writer(), &dan)?;
    laptop.append("two: I vote yes")?;
    copy.append("two: I vote no")?;
    votes(&laptop, &dan, &["two: I vote yes"])?;
    votes(&copy, &dan, &["two: I vote no"])?;
    let (yes, no) = (self::log()?, self::log()?);
    replicate::sync(&laptop, &yes)?;
    replicate::sync(&copy, &no)?;
    println!("   one peer gets the one, another peer the other; then the two peers meet");
    let report = replicate::sync(&yes, &no)?;
    ensure(report.equal && report.forks.len() == 1, "the sync found one fork, and both have all of it")?;
    for peer in [&yes, &no] {
        votes(peer, &dan, &["two: I vote no", "two: I vote yes"])?;
        same("what dan wrote before", &exercise::under(peer, &dan, Seq(1))?, &vec!["one".to_owned()])?;
    }

    step(5, "Collect the evidence of forks");
    let found = exercise::evidence(&yes)?;
    same("of how many forks there is evidence", &found.len(), &1)?;
    let evidence = found.into_iter().next().ok_or("there is none")?;
    same("what it proves", &evidence.proves(), &no.forks()?.first().copied())?;
    same("what the other peer has", &exercise::evidence(&no)?, &vec![evidence.clone()])?;
    same("what there is against ana, ben and the stranger", &exercise::evidence(&ana)?, &vec![])?;
    println!("   both peers have the same: two signed headers with number 2, and no values");

    step(6, "Check evidence, without a log");
    convicts("the evidence", &evidence, &dan, Some(Seq(2)))?;
    convicts("the evidence", &evidence, &ana.writer(), None)?;
    invented(&evidence, &dan, &ana.writer())?;
    println!("   the evidence convicts dan, and nobody else; what was made up convicts nobody");
    Ok(())
}

fn log() -> Result<Log> {
    Ok(Log::open(Memory::new(), Identity::generate())?)
}

fn export(log: &Log) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    log.export(&mut bytes)?;
    Ok(bytes)
}

/// Which of the texts the bytes hold, as they lie there.
fn texts(bytes: &[u8]) -> [String; 2] {
    let holds = |text: &&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let first = ["ben owes me 99", "ben owes me 10"].into_iter().find(holds);
    let second = ["and cyd owes me 5"].into_iter().find(holds);
    [first, second].map(|text| text.unwrap_or("something else").to_owned())
}

fn differing(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).filter(|(one, other)| one != other).count()
}

/// What somebody wrote, with the name of somebody else on it.
fn forged_name(log: &Log, name: &WriterId) -> Result<Vec<u8>> {
    let bytes = export(log)?;
    let forged = exercise::forge(&bytes, log.writer().as_bytes(), name.as_bytes());
    let holds = |key: &WriterId| forged.windows(32).any(|window| window == key.as_bytes());
    ensure(holds(name) && !holds(&log.writer()), "the entry has still the name of who wrote it")?;
    Ok(forged)
}

/// That somebody who has nothing yet refuses an export, after so many entries of it.
fn refuses(what: &str, bytes: &[u8], entries: u64, wanted: &str) -> Result<()> {
    let log = log()?;
    let why = exercise::take(&log, bytes).ok_or_else(|| format!("{what}: it was refused, so say why"))?;
    println!("   {what}: {why}");
    ensure(why.contains(wanted), format!("{what}: the cause of the error should say \"... {wanted} ...\""))?;
    same(&format!("{what}: how many entries were taken"), &log.last().0, &entries)
}

fn votes(log: &Log, writer: &WriterId, wanted: &[&str]) -> Result<()> {
    let found = exercise::under(log, writer, Seq(2))?;
    println!("   under number 2 there is {found:?}");
    same("what is under number 2", &found, &wanted.iter().map(|text| (*text).to_owned()).collect())
}

fn convicts(what: &str, evidence: &Evidence, writer: &WriterId, wanted: Option<Seq>) -> Result<()> {
    let found = exercise::convicts(evidence, writer);
    same(&format!("what {what} proves of {writer:?}"), &found, &wanted)
}

/// What anybody can make up is no evidence.
fn invented(evidence: &Evidence, guilty: &WriterId, innocent: &WriterId) -> Result<()> {
    let Evidence { lower, higher } = evidence;
    let of = |lower: &Vouched, higher: &Vouched| Evidence { lower: lower.clone(), higher: higher.clone() };
    convicts("one entry, named twice,", &of(lower, lower), guilty, None)?;
    let what = "evidence with another value in one entry";
    let changed = |of: &Vouched| altered(of, |header| header.value_len += 1);
    convicts(what, &of(&changed(lower), higher), guilty, None)?;
    convicts(what, &of(lower, &changed(higher)), guilty, None)?;
    let renamed = |of: &Vouched| altered(of, |header| header.writer = *innocent);
    convicts("evidence with another name on it", &of(&renamed(lower), &renamed(higher)), innocent, None)
}

fn altered(vouched: &Vouched, alter: impl Fn(&mut Header)) -> Vouched {
    let mut vouched = vouched.clone();
    vouched.headers.iter_mut().for_each(alter);
    vouched
}

/// The whole folder, as a file manager copies it.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for item in fs::read_dir(from)? {
        let item = item?;
        let (from, to) = (item.path(), to.join(item.file_name()));
        if item.file_type()?.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}
