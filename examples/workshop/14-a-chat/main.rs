//! The check of the fourteenth exercise: `cargo run -p examples --bin workshop-14`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use check::{Result, ensure, same, step};
use exercise::{Message, Saga};
use hyperkv::disk::Folder;
use hyperkv::{HyperKv, Json, Read};
use hyperlog::WriterId;
use hyperlog_writers::{Keep, Role};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;

/// How long anything may take that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long it takes until nothing more is believed to come.
const A_WHILE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    check::run(steps)
}

fn steps() -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let here = temporary.path();

    step(1, "Open a channel, a map over it, and a reader");
    let mut ana = open(here, "ana", None, "ana")?;
    let key = ana.channel.key().to_string();
    println!("   ana founded a channel; its key: {key}");
    let mut ben = open(here, "ben", Some(&key), "ben")?;
    println!("   ben opened it by that key, and may not write yet");
    opened(here, &ana, &ben)?;

    step(2, "Put a message under a key of its own");
    ana.channel.authorize(writer(&ben), Role::Writer)?;
    meet(&ana, &ben)?;
    writes(here, &ana, &ben)?;

    step(3, "Read a message out of a write");
    reads(here)?;

    step(4, "Take what is here already");
    ana = initializes(here, ana, &mut ben)?;

    step(5, "Wait for the next message");
    waits(&mut ana, &mut ben)?;

    step(6, "Authorize a writer, once");
    authorizes(here, &ana, &ben)?;
    apart(here)
}

/// A chat in the folder of that name.
fn open(here: &Path, folder: &str, key: Option<&str>, username: &str) -> Result<Saga> {
    Saga::open(&Folder::open(here.join(folder))?, key, username)
}

fn writer(saga: &Saga) -> WriterId {
    saga.channel.log().writer()
}

fn opened(here: &Path, ana: &Saga, ben: &Saga) -> Result<()> {
    for (name, saga) in [("ana", ana), ("ben", ben)] {
        same("its username", &saga.username.as_str(), &name)?;
        ensure(saga.users.is_empty() && saga.messages.is_empty(), "there are no users and no messages yet")?;
        ensure(
            now().abs_diff(saga.timestamp) < 60_000,
            format!("its timestamp is {}, and now is {}: milliseconds since 1970", saga.timestamp, now()),
        )?;
    }
    let genesis = ana.channel.genesis()?.ok_or("without a key there is no channel yet: found one")?;
    same("the name of ana's channel", &genesis.name.as_str(), &"ana")?;
    let [anas, bens] = [ana, ben].map(|saga| saga.channel.key().to_string());
    same("the key of the channel that ben opened", &bens, &anas)?;
    same("as what ana may write", &ana.channel.role(&writer(ana))?, &Some(Role::Admin))?;
    ensure(
        here.join("ana.recovery").is_file(),
        "the key of the root should be in the file ana.recovery, beside the folder",
    )?;
    ensure(open(here, "cyd", Some("4711"), "cyd").is_err(), "4711 is not the key of a channel")?;
    let before = ana.channel.log().last().0;
    ana.db.put("some key", json!({ "some": "value" }))?;
    same("how many nodes of the channel a put into the map is", &(ana.channel.log().last().0 - before), &1)
}

fn writes(here: &Path, ana: &Saga, ben: &Saga) -> Result<()> {
    let before = ana.channel.log().last().0;
    let text = "is \"anybody\" here?";
    let key = ana.write_message(text)?;
    same("how many writes one message is", &(ana.channel.log().last().0 - before), &1)?;
    let value = ana.db.get(&key)?.one().cloned();
    let value = value.ok_or_else(|| format!("there is nothing under the key that was returned, {key}"))?;
    println!("   ana writes: {value}");
    ensure(key.starts_with("messages/"), format!("the key is {key}: it should begin with messages/"))?;
    let time = value["timestamp"].as_u64();
    let wanted = json!({ "key": key, "message": text, "username": "ana", "timestamp": time });
    same("what lies under the key", &value, &wanted)?;
    let time = time.ok_or("the timestamp should be a number: milliseconds since 1970")?;
    ensure(now().abs_diff(time) < 60_000, format!("its timestamp is {time}, and now is {}", now()))?;
    ensure(
        !key.contains(&time.to_string()),
        format!("the key {key} is made of the time: two may write in the same millisecond"),
    )?;

    let mut keys = BTreeSet::from([key]);
    for _ in 0..4 {
        for saga in [ana, ben] {
            let key = saga.write_message("at the same time, the same words")?;
            ensure(
                keys.insert(key.clone()),
                format!("two messages have the same key, {key}: one hides the other"),
            )?;
        }
    }
    meet(ana, ben)?;
    for saga in [ana, ben] {
        for key in &keys {
            let values = saga.db.get(key)?;
            let author = values.one().and_then(|value| value["username"].as_str().map(str::to_owned));
            ensure(
                author.is_some(),
                format!("{} cannot read the message {key}: {} values", saga.username, values.len()),
            )?;
        }
    }
    println!("   ana and ben write 4 more each at the same time, and meet: both can read all {}", keys.len());
    let cyd = open(here, "cyd", Some(&ana.channel.key().to_string()), "cyd")?;
    meet(ana, &cyd)?;
    let refused =
        cyd.write_message("me too").err().ok_or("cyd may not write, and `write_message` did not say so")?;
    println!("   cyd may not write: {refused}");
    Ok(())
}

/// Writes of all kinds, and whether they are messages.
fn reads(here: &Path) -> Result<()> {
    let saga = open(here, "reads", None, "dan")?;
    let good = json!({ "key": "messages/1", "message": "hi", "username": "dan", "timestamp": 5 });
    let with = |field: &str, value: Value| {
        let mut changed = good.clone();
        changed[field] = value;
        changed
    };
    let mut without = good.clone();
    without.as_object_mut().ok_or("it is an object")?.remove("username");
    let others = [
        ("names/1", with("key", json!("names/1")), "a write of another key"),
        ("messages/2", good.clone(), "a message that says it has another key"),
        ("messages/1", without, "a message without a username"),
        ("messages/1", with("message", json!(["hi"])), "a message that is a list"),
        ("messages/1", with("timestamp", json!("yesterday")), "a message with a time in words"),
        ("messages/1", json!("hi"), "a text"),
        ("messages/1", json!(null), "a null"),
    ];
    saga.db.put("messages/1", good.clone())?;
    for (key, value, _) in &others {
        saga.db.put(key, value.clone())?;
    }
    saga.db.del("messages/1")?;
    saga.db.with_encoding::<hyperlog::Binary>().put("messages/1", vec![0xff])?;
    let mut found = Vec::new();
    for written in saga.db.writes(Read::all()) {
        found.push(Saga::read(&written?));
    }
    let wanted: Message = serde_json::from_value(good)?;
    println!("   {wanted:?}");
    let what = others.iter().map(|(_, _, what)| *what).chain(["a delete", "what is no JSON"]);
    let mut found = found.into_iter();
    same("what was made of a message", &found.next().flatten(), &Some(wanted))?;
    for (found, what) in found.zip(what) {
        same(&format!("what was made of {what}"), &found, &None)?;
    }
    println!(
        "   anybody who may write may put anything there: {} other writes are no message",
        others.len() + 2
    );
    Ok(())
}

/// Ana closes the chat and opens it again; returns hers.
fn initializes(here: &Path, ana: Saga, ben: &mut Saga) -> Result<Saga> {
    ben.initialize()?;
    let found = ben.messages.len();
    ensure(
        found > 0,
        "ben has no messages: a reader that is not live ends with what was there when it was made",
    )?;
    same("how many messages ben has", &found, &9)?;
    let key = ana.channel.key().to_string();
    drop(ana);
    let mut ana = open(here, "ana", Some(&key), "ana")?;
    ensure(ana.messages.is_empty(), "there are messages before `initialize`")?;
    ana.initialize()?;
    println!("   ana closes the chat, and opens it again: {} messages are there", ana.messages.len());
    same("how many messages ana has", &ana.messages.len(), &9)?;
    same(
        "who wrote them",
        &ana.users,
        &BTreeMap::from([(writer(&ana), "ana".to_owned()), (writer(ben), "ben".to_owned())]),
    )?;
    let first = ana.messages.first().map(|message| message.message.as_str());
    same("the first of them", &first, &Some("is \"anybody\" here?"))?;
    ana.initialize()?;
    same("how many there are when the same reader is asked once more", &ana.messages.len(), &9)?;
    Ok(ana)
}

/// Messages of one's own and of others, with other things in between.
fn waits(ana: &mut Saga, ben: &mut Saga) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    ana.write_message("one of my own")?;
    hears(&runtime, ana, "ana", "one of my own")?;
    ben.write_message("one of ben's")?;
    meet(ana, ben)?;
    hears(&runtime, ana, "ben", "one of ben's")?;
    hears(&runtime, ben, "ben", "one of ben's")?;
    hears(&runtime, ben, "ana", "one of my own")?;
    meet(ana, ben)?;
    hears_nothing(&runtime, ana)?;

    ben.db.put("names/ben", json!({ "username": "benjamin" }))?;
    ben.db.put("messages/nonsense", json!("nonsense"))?;
    meet(ana, ben)?;
    hears_nothing(&runtime, ana)?;
    ben.write_message("after some nonsense")?;
    meet(ana, ben)?;
    hears(&runtime, ana, "ben", "after some nonsense")?;
    println!("   ana hears each once; what is no message she does not hear");

    let (log, ana_is) = (ana.channel.log().clone(), writer(ana));
    let later = async {
        tokio::time::sleep(A_WHILE).await;
        ben.write_message("while you waited")?;
        replicate::sync(&log, ben.channel.log())?;
        Ok::<(), Box<dyn std::error::Error>>(())
    };
    let (heard, written) = runtime.block_on(async { tokio::join!(timeout(PATIENCE, ana.next()), later) });
    written?;
    let heard = heard.map_err(|_| "`next` waited, and did not hear what came meanwhile")??;
    same("what was heard", &heard.message.as_str(), &"while you waited")?;
    println!("   {}: {}, at once", heard.username, heard.message);
    same("how many messages ana has in all", &ana.messages.len(), &13)?;
    same("the last of them", &ana.messages.last(), &Some(&heard))?;
    same("how many have written, as ana has it", &ana.users.len(), &2)?;
    same("what ana calls herself", &ana.users.get(&ana_is).map(String::as_str), &Some("ana"))
}

fn hears(runtime: &Runtime, saga: &mut Saga, by: &str, text: &str) -> Result<()> {
    let name = saga.username.clone();
    let heard = runtime.block_on(async { timeout(PATIENCE, saga.next()).await });
    let heard = heard.map_err(|_| format!("{name} did not hear \"{text}\" of {by}"))??;
    println!("   {name} hears {}: {}", heard.username, heard.message);
    let times = saga.messages.iter().filter(|message| message.key == heard.key).count();
    same(
        "how often that message was taken: the reader that read the history knows how far it is",
        &times,
        &1,
    )?;
    same(&format!("what {name} heard"), &(heard.username.as_str(), heard.message.as_str()), &(by, text))
}

fn hears_nothing(runtime: &Runtime, saga: &mut Saga) -> Result<()> {
    match runtime.block_on(async { timeout(A_WHILE, saga.next()).await }) {
        Err(_) => Ok(()),
        Ok(Ok(heard)) => {
            let again = saga.messages.iter().filter(|message| **message == heard).count() > 1;
            let why = if again { "once more" } else { "and it is no message" };
            Err(format!("{} heard \"{}\", {why}", saga.username, heard.message).into())
        }
        Ok(Err(error)) => Err(format!("`next` ended: {error}; is the reader live?").into()),
    }
}

fn authorizes(here: &Path, ana: &Saga, ben: &Saga) -> Result<()> {
    let key = ana.channel.key().to_string();
    let cyd = open(here, "cyd", Some(&key), "cyd")?;
    let grants = ana.channel.grants()?.len();
    for times in ["a new key", "a known one"] {
        let role = ana.authorize(writer(&cyd))?;
        println!("   ana authorizes {times}: {role}");
        same(&format!("what {times} may do"), &role, &Role::Writer)?;
        same("how many grants there are more", &(ana.channel.grants()?.len() - grants), &1)?;
        same("as what cyd may write", &ana.channel.role(&writer(&cyd))?, &Some(Role::Writer))?;
    }
    same("what ana herself may do", &ana.authorize(writer(ana))?, &Role::Admin)?;
    same("how many grants that took", &(ana.channel.grants()?.len() - grants), &1)?;
    let other = HyperKv::<Json<Value>>::open(hyperkv::Memory::new(), hyperkv::Identity::generate())?;
    ensure(ben.authorize(other.log().writer()).is_err(), "ben is no admin, and `authorize` did not say so")?;
    meet(ana, &cyd)?;
    let key = cyd.write_message("me too")?;
    meet(ana, &cyd)?;
    ensure(ana.db.get(&key)?.one().is_some(), "ana cannot read what cyd wrote")?;
    ana.channel.revoke_key(&writer(&cyd), Keep::Here)?;
    same(
        "what cyd may do who was removed, and is authorized again",
        &ana.authorize(writer(&cyd))?,
        &Role::Writer,
    )?;
    same("as what cyd may write", &ana.channel.role(&writer(&cyd))?, &Some(Role::Writer))
}

/// The whole of it: two who write apart.
fn apart(here: &Path) -> Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut eva = open(here, "eva", None, "ana")?;
    let mut fay = open(here, "fay", Some(&eva.channel.key().to_string()), "ana")?;
    eva.authorize(writer(&fay))?;
    meet(&eva, &fay)?;
    println!("   two who call themselves ana chat, and are offline");
    eva.write_message("who brings bread?")?;
    eva.write_message("I do")?;
    fay.write_message("anybody there?")?;
    meet(&eva, &fay)?;
    for saga in [&mut eva, &mut fay] {
        for _ in 0..3 {
            runtime
                .block_on(async { timeout(PATIENCE, saga.next()).await })
                .map_err(|_| "a message is missing")??;
        }
        hears_nothing(&runtime, saga)?;
        same("how many are called ana", &saga.users.len(), &2)?;
    }
    println!("   they meet. One has: {}", texts(&eva).join(" / "));
    println!("   the other has:      {}", texts(&fay).join(" / "));
    same("what both have, sorted", &sorted(texts(&eva)), &sorted(texts(&fay)))
}

fn texts(saga: &Saga) -> Vec<String> {
    saga.messages.iter().map(|message| message.message.clone()).collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

fn meet(one: &Saga, other: &Saga) -> Result<()> {
    let report = replicate::sync(one.channel.log(), other.channel.log())?;
    ensure(
        report.equal,
        format!("{} and {} synced, and are not equal: {report:?}", one.username, other.username),
    )
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "whoever checks a time has a clock")]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
