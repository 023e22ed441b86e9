//! The check of the fifth exercise: `cargo run -p examples --bin workshop-05`. And the chat itself:
//! `cargo run -p examples --bin workshop-05 -- chat FOLDER NAME [--listen PORT] [--connect HOST:PORT]...`

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use check::{Result, same, step};
use exercise::Said;
use level::Memory;
use peer::{Peer, runtime};
use replicate::{Driver, Options, Session, Stop};
use scuttleup::{Identity, Log, Read, Seq};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

mod chat;
#[path = "../check.rs"]
mod check;
#[cfg_attr(feature = "solution", path = "solution.rs")]
#[expect(unreachable_pub, reason = "an exercise reads like a module for others to use")]
mod exercise;
mod peer;

/// How long anything may take that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(4);

fn main() -> ExitCode {
    match std::env::args_os().nth(1) {
        Some(word) if word == "chat" => chat::run(),
        _ => check::run(steps),
    }
}

fn steps() -> Result<()> {
    let folder = tempfile::tempdir()?;

    step(1, "Open a log in a folder");
    let path = folder.path().join("log");
    let log = open(&path)?;
    let peer = log.writer();
    println!("   it writes as {peer}");
    drop(log);
    let log = open(&path)?;
    same("the writer after closing and opening", &log.writer(), &peer)?;

    step(2, "Append a message as JSON");
    let seq = say(&log, "ana", "logs are \"the\" source of truth")?;
    same("how many entries the log holds", &log.last().0, &1)?;
    let bytes = log.entry(&peer, seq)?;
    println!("   seq {seq}: {}", String::from_utf8_lossy(&bytes));
    let json: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| format!("the entry is not JSON: {error}"))?;
    let wanted = serde_json::json!({ "username": "ana", "message": "logs are \"the\" source of truth" });
    same("the JSON of the entry", &json, &wanted)?;
    drop(log);
    same("how many entries the log holds, closed and opened again", &open(&path)?.last().0, &1)?;

    step(3, "Read messages as they come");
    listens()?;

    step(4, "Sync over a connection, live");
    talks()?;

    step(5, "Accept connections, all at the same time");
    accepts(folder.path())?;

    step(6, "Connect, and connect again");
    distributed(folder.path())
}

fn memory() -> Result<Log> {
    Ok(Log::open(Memory::new(), Identity::generate())?)
}

fn texts(log: &Log) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in log.read(Read::all()) {
        let entry = entry?;
        let bytes = entry.value().bytes().cloned().unwrap_or_default();
        let said: Said = serde_json::from_slice(&bytes)?;
        texts.push(said.message);
    }
    texts.sort();
    Ok(texts)
}

/// Reads from a log that has a message already, and to which more is appended: first something that is none.
fn listens() -> Result<()> {
    let log = memory()?;
    say(&log, "ana", "good morning")?;
    let mut heard = Vec::new();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    runtime()?.block_on(async {
        let listening = exercise::listen(&log, |said| {
            println!("   heard: {}: {}", said.username, said.message);
            heard.push(said.message);
            let _ = tell.send(());
        });
        let appending = async {
            told.recv().await;
            log.append("no JSON, and somebody wrote it all the same")?;
            log.append(r#"{"username": "ben"}"#)?;
            say(&log, "ben", "good day")?;
            told.recv().await;
            Ok::<(), Box<dyn Error>>(())
        };
        tokio::select! {
            listened = listening => Err(match listened {
                Ok(()) => "`listen` ended: read live, then it waits for more".into(),
                Err(error) => format!("`listen` ended: {error}; anybody may write what is no message: skip it").into(),
            }),
            // What is not heard in time is told below.
            appended = tokio::time::timeout(PATIENCE, appending) => appended.unwrap_or(Ok(())),
        }
    })?;
    same("what was heard", &heard, &["good morning", "good day"].map(str::to_owned).to_vec())
}

/// The error of the exercise, which may go from thread to thread, as ours, which need not.
fn boxed(error: Box<dyn Error + Send + Sync>) -> Box<dyn Error> {
    error
}

fn open(path: &Path) -> Result<Log> {
    exercise::open(path).map_err(boxed)
}

fn say(log: &Log, username: &str, message: &str) -> Result<Seq> {
    exercise::say(log, username, message).map_err(boxed)
}

/// A connection to oneself.
async fn connected() -> Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let one = TcpStream::connect(listener.local_addr()?).await?;
    Ok((one, listener.accept().await?.0))
}

/// The learner's side talks with one that ends in order.
fn talks() -> Result<()> {
    let (ana, ben) = (memory()?, memory()?);
    say(&ana, "ana", "before we met")?;
    say(&ben, "ben", "before we met, too")?;
    runtime()?.block_on(async {
        let (socket, other) = connected().await?;
        let driver = Driver::new(Session::new(&ben, Options::default().live(true), Duration::ZERO)?);
        let stop = driver.stop_handle();
        let (reader, writer) = other.into_split();
        tokio::spawn(driver.run(reader, writer));
        let mut talking = std::pin::pin!(exercise::talk(&ana, socket));
        tokio::select! {
            biased;
            talked = &mut talking => return match talked {
                Ok(report) if !report.live => Err("`talk` ended after the first sync: was the session `live`?".into()),
                Ok(_) => Err("`talk` ended, and nobody had left".into()),
                Err(error) => Err(boxed(error)),
            },
            met = meet(&ana, &ben, &stop) => met?,
        }
        let talked = tokio::time::timeout(PATIENCE, talking).await;
        let report = talked.map_err(|_| "the other side left, and `talk` did not end")?.map_err(boxed)?;
        println!("   the other side left; received {}, sent {}", report.received, report.sent);
        same("how many entries were received, and sent", &(report.received, report.sent), &(2, 2))
    })
}

/// What happens while two talk. At the end ben leaves.
async fn meet(ana: &Log, ben: &Log, stop: &Stop) -> Result<()> {
    let both = |count: u64| move || (ana.last().0, ben.last().0) == (count, count);
    let result = async {
        until(both(2)).await.map_err(|()| "what was in the logs was not swapped: is the session run?")?;
        println!("   both have what was said before they met");
        say(ana, "ana", "and now")?;
        say(ben, "ben", "live")?;
        until(both(4)).await.map_err(|()| "what was said later did not arrive: is the session `live`?")?;
        println!("   and what was said later");
        same("what both have", &texts(ana)?, &texts(ben)?)
    };
    let result = result.await;
    stop.stop();
    result
}

/// Waits until something is so; an error when it takes too long.
#[expect(clippy::disallowed_methods, reason = "what does not come is noticed by the clock")]
async fn until(is_so: impl Fn() -> bool) -> std::result::Result<(), ()> {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > PATIENCE {
            return Err(());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Two peers connect to a third that stands between them. Before them comes somebody who wants something else.
fn accepts(folder: &Path) -> Result<()> {
    let mut relay = Peer::begin("relay", &folder.join("accepting"))?;
    let address = relay.listen("127.0.0.1:0")?;
    relay.block_on(async {
        let mut stranger = TcpStream::connect(&address).await?;
        stranger.write_all(b"GET / HTTP/1.0\r\n\r\n").await
    })?;
    println!("   somebody connects who speaks something else");
    relay.goes_on_for(Duration::from_millis(100))?;
    let (mut ana, mut ben) = (Peer::in_memory("ana")?, Peer::in_memory("ben")?);
    for peer in [&mut ana, &mut ben] {
        let socket = peer.block_on(TcpStream::connect(&address))?;
        peer.talk(socket);
    }
    ana.says("is anybody here?")?;
    let why = "each connection needs a task of its own, or the second waits until the first has left";
    ben.hears(&["ana: is anybody here?"], why)?;
    ben.says("I am")?;
    ana.hears(&["ben: I am"], why)?;
    relay.hears(&["ana: is anybody here?", "ben: I am"], why)
}

/// The whole of it: three peers with a folder each, who come and go.
fn distributed(folder: &Path) -> Result<()> {
    let [relays, anas, bens] = ["relay", "ana", "ben"].map(|name| folder.join(name));
    // An address at which nobody is.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = nobody.local_addr()?.to_string();
    drop(nobody);

    let mut ana = Peer::begin("ana", &anas)?;
    ana.connect(&address);
    ana.says("I am early")?;
    ana.goes_on_for(Duration::from_millis(100))?;

    let mut relay = Peer::begin("relay", &relays)?;
    relay.listen(&address)?;
    relay.hears(&["ana: I am early"], "nobody was there at first: `connect` must try again")?;

    let mut ben = Peer::begin("ben", &bens)?;
    ben.connect(&address);
    ben.hears(&["ana: I am early"], "the relay has it: does `connect` talk?")?;
    ben.says("hello from the other side")?;
    let through = "ana and ben are connected through the relay, which passes on what it gets";
    ana.hears(&["ben: hello from the other side"], through)?;

    println!("   ben leaves, and so does the relay");
    ben.leaves();
    relay.leaves();
    ana.says("nobody hears this now")?;
    ana.says("but they will")?;

    println!("   the relay comes back, then ben");
    let mut relay = Peer::begin("relay", &relays)?;
    relay.listen(&address)?;
    let missed = ["ana: nobody hears this now", "ana: but they will"];
    relay.hears(&missed, "the relay was away: `connect` must connect again after a talk has ended")?;
    let mut ben = Peer::begin("ben", &bens)?;
    ben.connect(&address);
    ben.hears(&missed, "ben was away, and gets what was said when he connects")?;
    ben.says("I was away")?;
    ana.hears(&["ben: I was away"], through)?;

    let all = [
        "ana: I am early",
        "ben: hello from the other side",
        "ana: nobody hears this now",
        "ana: but they will",
        "ben: I was away",
    ];
    relay.hears(&all, through)?;
    for peer in [&mut ana, &mut ben, &mut relay] {
        peer.goes_on_for(Duration::from_millis(200))?;
        peer.heard_once(&all)?;
    }
    println!("   all three heard all five messages, and each of them once");
    same("the seq of what ana says next", &ana.says("bye")?, &Seq(4))
}
