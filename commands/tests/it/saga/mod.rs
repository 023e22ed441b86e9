//! The chat: real processes that talk to each other over real sockets.

mod apart;
mod doors;
mod founding;
mod hostile;
mod killed;
mod lan;
mod screen;
mod talk;
mod vt;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::place::Place;

/// For what should take a moment, on a machine that is busy.
const DEADLINE: Duration = Duration::from_secs(40);

/// `saga` in a place, without the local network.
fn saga(place: &Place, name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_saga"));
    command.arg("--dir").arg(place.path().join("chat")).args(["--no-lan", "--name", name]);
    command.env("TZ", "UTC").env_remove("NO_COLOR").env_remove("RUST_LOG");
    command
}

/// The same, with pipes and JSON, on a port of this machine alone.
fn talker(place: &Place, name: &str) -> Command {
    let mut command = saga(place, name);
    command.args(["--json", "--listen", "127.0.0.1:0"]);
    command
}

/// Somebody who talks through pipes, in JSON.
struct Talker {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    /// What was heard and not asked for yet.
    heard: Vec<Value>,
    said: Option<JoinHandle<String>>,
    name: String,
}

/// How it ended.
#[derive(Debug)]
struct Ended {
    code: Option<i32>,
    stderr: String,
    heard: Vec<Value>,
}

impl Talker {
    /// Founds a channel.
    fn founds(place: &Place, name: &str, door: &str) -> Self {
        Self::of(name, talker(place, name).args(["--door", door]))
    }

    /// Joins a channel that somebody has open.
    fn joins(place: &Place, name: &str, other: &mut Self) -> Self {
        let (key, address) = (other.key(), other.address().to_string());
        Self::of(name, talker(place, name).args(["--join", &key, "--connect", &address]))
    }

    fn of(name: &str, command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut stderr = child.stderr.take().unwrap();
        let said = thread::spawn(move || {
            let mut said = String::new();
            let _ = stderr.read_to_string(&mut said);
            said
        });
        let stdin = child.stdin.take();
        Self { child, stdin, lines, heard: Vec::new(), said: Some(said), name: name.into() }
    }

    /// What it was told of a kind, once: waits for it.
    #[track_caller]
    fn hears(&mut self, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            if let Some(place) = self.heard.iter().position(|value| value["type"] == what && is_it(value)) {
                return self.heard.remove(place);
            }
            let left = DEADLINE.saturating_sub(start.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => self.heard.push(serde_json::from_str(&line).unwrap()),
                Err(_) => {
                    let said =
                        if self.child.try_wait().unwrap().is_some() { self.stderr() } else { String::new() };
                    panic!("{}: no {what}: {:#?}\n{said}", self.name, self.heard);
                }
            }
        }
    }

    /// Whether it was told of such a thing until now.
    fn heard(&mut self, is_it: impl Fn(&Value) -> bool) -> bool {
        self.heard.extend(self.lines.try_iter().map(|line| serde_json::from_str::<Value>(&line).unwrap()));
        self.heard.iter().any(is_it)
    }

    /// Waits for a message.
    #[track_caller]
    fn reads(&mut self, text: &str) -> Value {
        self.hears("message", |value| value["text"] == text)
    }

    fn says(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Says something, and waits until it is acknowledged.
    #[track_caller]
    fn writes(&mut self, text: &str) {
        self.says(text);
        self.reads(text);
    }

    /// What the channel was called when it was opened.
    #[track_caller]
    fn channel(&mut self) -> Value {
        let channel = self.hears("channel", |_| true);
        self.heard.push(channel.clone());
        channel
    }

    fn key(&mut self) -> String {
        self.channel()["key"].as_str().unwrap().to_owned()
    }

    /// `ben~abcdefgh`.
    fn label(&mut self) -> String {
        let channel = self.channel();
        format!("{}~{}", channel["username"].as_str().unwrap(), channel["fingerprint"].as_str().unwrap())
    }

    fn writer(&mut self) -> String {
        self.channel()["writer"].as_str().unwrap().to_owned()
    }

    fn address(&mut self) -> SocketAddr {
        let listening = self.hears("listening", |_| true);
        self.heard.push(listening.clone());
        listening["addresses"][0].as_str().unwrap().parse().unwrap()
    }

    /// Everything that was said, in the order in which it is shown.
    fn history(&mut self) -> Vec<String> {
        self.says("/history 1000");
        self.says("/key");
        self.hears("key", |_| true);
        let (history, others) =
            std::mem::take(&mut self.heard).into_iter().partition(|value| value["type"] == "history");
        self.heard = others;
        let history: Vec<Value> = history;
        history.iter().map(|value| value["text"].as_str().unwrap().to_owned()).collect()
    }

    fn tell(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn stderr(&mut self) -> String {
        self.said.take().map(|said| said.join().unwrap()).unwrap_or_default()
    }

    /// Lets it come to an end of its input, and waits for its own.
    fn ends(mut self) -> Ended {
        drop(self.stdin.take());
        self.ended()
    }

    /// Waits for its end.
    #[track_caller]
    fn ended(mut self) -> Ended {
        let start = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(start.elapsed() < DEADLINE, "{} does not end", self.name);
            thread::sleep(Duration::from_millis(5));
        };
        let stderr = self.stderr();
        self.heard.extend(self.lines.iter().map(|line| serde_json::from_str::<Value>(&line).unwrap()));
        Ended { code, stderr, heard: std::mem::take(&mut self.heard) }
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    #[track_caller]
    fn well(self) -> Vec<Value> {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self.heard
    }
}

/// Runs it once, feeding it lines, until it ends well.
#[track_caller]
fn once(command: &mut Command, input: &str) -> Vec<Value> {
    let mut talker = Talker::of("once", command);
    talker.stdin.as_mut().unwrap().write_all(input.as_bytes()).unwrap();
    talker.ends().well()
}

/// The texts of messages, in the order in which they were told.
fn texts(values: &[Value]) -> Vec<&str> {
    values
        .iter()
        .filter(|value| value["type"] == "message")
        .filter_map(|value| value["text"].as_str())
        .collect()
}

/// Two who may both write.
fn ana_and_ben(place: &Place) -> (Talker, Talker) {
    let mut ana = Talker::founds(place, "ana", "open");
    let mut ben = Talker::joins(place, "ben", &mut ana);
    let writer = ben.writer();
    ana.hears("admitted", |value| value["writer"] == *writer);
    ben.hears("done", |value| value["text"] == "you may write now");
    (ana, ben)
}
