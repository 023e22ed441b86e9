//! In a terminal, by lines and on the whole screen.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::vt::Vt;
use super::{DEADLINE, Talker, saga, talker};
use crate::place::Place;
use crate::terminal::terminal;

/// Somebody at a terminal.
struct Person {
    child: Child,
    hand: File,
    /// Our end of what the program has.
    terminal: File,
    screen: Arc<Mutex<Vt>>,
}

const UP: &str = "\x1b[A";
const PAGE_UP: &str = "\x1b[5~";
const WHEEL_UP: &str = "\x1b[<64;5;5M";
const CTRL_END: &str = "\x1b[1;5F";
const CTRL_C: &str = "\x03";

impl Person {
    /// Starts it in a session of its own, so that the terminal is its own, too.
    fn sits(columns: u16, rows: u16, command: &Command) -> Self {
        let (person, terminal): (OwnedFd, File) = terminal();
        tcsetwinsize(&person, size(columns, rows)).unwrap();
        let mut own = Command::new("setsid");
        own.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => own.env(name, value),
                None => own.env_remove(name),
            };
        }
        let end = || terminal.try_clone().unwrap();
        let child = own.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let hand = File::from(person);
        let screen = Arc::new(Mutex::new(Vt::new(columns.into(), rows.into())));
        let (mut eye, seen) = (hand.try_clone().unwrap(), Arc::clone(&screen));
        thread::spawn(move || {
            let mut some = [0; 4096];
            while let Ok(len @ 1..) = eye.read(&mut some) {
                seen.lock().unwrap().hear(&some[..len]);
            }
        });
        Self { child, hand, terminal, screen }
    }

    fn types(&mut self, keys: &str) {
        self.hand.write_all(keys.as_bytes()).unwrap();
    }

    fn rows(&self) -> Vec<String> {
        self.screen.lock().unwrap().text()
    }

    #[track_caller]
    fn sees_that(&self, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
        let start = Instant::now();
        loop {
            let rows = self.rows();
            if is_so(&rows) {
                return rows;
            }
            assert!(start.elapsed() < DEADLINE, "in vain: {what}\n{}", rows.join("\n"));
            thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    #[track_caller]
    fn sees(&self, text: &str) -> Vec<String> {
        self.sees_that(text, |rows| rows.iter().any(|row| row.contains(text)))
    }

    fn resizes(&mut self, columns: u16, rows: u16) {
        self.screen.lock().unwrap().resize(columns.into(), rows.into());
        tcsetwinsize(&self.hand, size(columns, rows)).unwrap();
    }

    /// Waits for its end, which leaves the terminal as it was found: as a person can type in it.
    #[track_caller]
    fn ended(mut self) -> Option<i32> {
        let start = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(start.elapsed() < DEADLINE, "it does not end\n{}", self.rows().join("\n"));
            thread::sleep(std::time::Duration::from_millis(5));
        };
        let modes = tcgetattr(&self.terminal).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG), "{modes:?}");
        self.sees_that("the screen given back", |_| !self.screen.lock().unwrap().is_taken());
        code
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// How often a text is in sight.
fn count(rows: &[String], text: &str) -> usize {
    rows.iter().filter(|row| row.contains(text)).count()
}

/// Ben, who may write to the channel of somebody who has it open with an open door at this port.
fn ben(place: &Place, port: u16) -> Talker {
    let key = std::fs::read_to_string(place.path().join("chat/ana/last")).unwrap();
    let address = format!("127.0.0.1:{port}");
    let mut ben = Talker::of("ben", talker(place, "ben").args(["--join", key.trim(), "--connect", &address]));
    ben.hears("done", |value| value["text"] == "you may write now");
    ben
}

fn at_a_port(place: &Place, more: &[&str]) -> (Command, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = saga(place, "ana");
    command.args(["--door", "open", "--listen", &format!("127.0.0.1:{port}")]).args(more);
    (command, port)
}

#[test]
fn by_lines_what_comes_does_not_break_what_is_being_typed() {
    let place = Place::new();
    let (command, port) = at_a_port(&place, &[]);
    let mut ana = Person::sits(80, 24, &command);
    ana.sees("channel ana, key ");
    ana.sees("saga --name NAME --join ");
    ana.sees("the recovery key is in ");
    let mut ben = ben(&place, port);
    ana.sees("may write now");
    ana.types("half a li");
    ana.sees("> half a li");
    ben.writes("from ben");
    ana.sees(": from ben");
    let rows = ana.sees("> half a li");
    assert_eq!(count(&rows, "half a li"), 1);
    ana.types("ne\r");
    let rows = ana.sees(": half a line");
    assert_eq!(count(&rows, "half a line"), 1, "shown once: {rows:#?}");
    ben.reads("half a line");
    // A paste is one message.
    ana.types("\x1b[200~one\ntwo\x1b[201~");
    ana.sees("two");
    ana.types("\r");
    ben.reads("one⏎two");
    ana.sees(": one⏎two");
    // What a terminal without brackets pastes is a message a line, and all of them arrive.
    ana.types("p1\rp2\rp3\rp4\r");
    for text in ["p1", "p2", "p3", "p4"] {
        ben.reads(text);
    }
    ana.types(&format!("{}\r", "日本語".repeat(20)));
    ben.reads(&"日本語".repeat(20));
    ana.types("/members\r");
    let rows = ana.sees("writes, here");
    assert_eq!(count(&rows, "日本語"), 2, "two rows of one message: {rows:#?}");
    ana.types(CTRL_C);
    ben.hears("leave", |value| value["name"] == "ana");
    assert_eq!(ana.ended(), Some(0));
}

#[test]
fn by_lines_a_line_that_may_not_be_sent_comes_back_with_an_arrow() {
    let place = Place::new();
    let mut ana = Talker::founds(&place, "ana", "ask");
    ana.writes("for all who can read");
    let (key, address) = (ana.key(), ana.address().to_string());
    let mut command = saga(&place, "ben");
    command.args(["--listen", "127.0.0.1:0", "--join", &key, "--connect", &address]);
    let mut ben = Person::sits(90, 24, &command);
    ben.sees(": for all who can read");
    ben.sees("* ana~");
    ben.types("let me in\r");
    ben.sees("not sent: you may only read here; ana~");
    let label = ana.hears("request", |_| true);
    ana.says(&format!("/invite {}", label["fingerprint"].as_str().unwrap()));
    ben.sees("you may write now");
    ben.types(UP);
    ben.sees_that("the line again", |rows| count(rows, "> let me in") == 2);
    ben.types("\r");
    ana.reads("let me in");
    // Also where it is not asked for by a key.
    kill_process(Pid::from_child(&ben.child), Signal::TERM).unwrap();
    ana.hears("leave", |value| value["name"] == "ben");
    assert_eq!(ben.ended(), Some(0));
}

#[test]
fn on_the_whole_screen_one_talks_scrolls_and_resizes_and_gets_the_terminal_back() {
    let place = Place::new();
    let (command, port) = at_a_port(&place, &["--tui"]);
    let mut ana = Person::sits(80, 24, &command);
    ana.sees(" | nobody else here | door open | admin");
    assert!(ana.screen.lock().unwrap().is_taken());
    let mut ben = ben(&place, port);
    ana.sees(" | 1 other here | ");
    ana.sees("● ben~");
    for n in 0..60 {
        ben.says(&format!("message {n}."));
    }
    ben.reads("message 59.");
    ana.sees("message 59.");
    ana.types(PAGE_UP);
    let rows = ana.sees("Esc: to the end");
    assert!(count(&rows, "message 59.") == 0 && count(&rows, "message 30.") == 1, "{rows:#?}");
    ben.writes("the newest");
    let rows = ana.sees("1 new below");
    assert_eq!((count(&rows, "message 30."), count(&rows, "the newest")), (1, 0), "what one reads stays");
    ana.types(CTRL_END);
    ana.sees("the newest");
    ana.types(WHEEL_UP);
    ana.sees_that("the wheel", |rows| count(rows, "the newest") == 0);
    ana.types("\x1b");
    ana.sees("the newest");
    // Typing, wide characters, and a cursor where it belongs.
    ana.types("日本 x");
    ana.sees("> 日本 x");
    ana.sees_that("the cursor", |_| ana.screen.lock().unwrap().cursor() == (8, 23));
    ana.resizes(40, 10);
    let rows = ana.sees_that("a small screen", |rows| rows.len() == 10 && rows[9] == "> 日本 x");
    assert_eq!(count(&rows, "│"), 0, "no room for people: {rows:#?}");
    ana.sees("the newest");
    ana.resizes(120, 40);
    ana.sees_that("a large screen", |rows| {
        rows.len() == 40 && rows[39] == "> 日本 x" && count(rows, "│") == 38
    });
    ana.types("\x1b[200~\na\nb\x1b[201~\r");
    ben.reads("日本 x⏎a⏎b");
    ana.sees(": 日本 x⏎a⏎b");
    ana.types("/nonsense\r");
    ana.sees("! there is no command /nonsense");
    ana.types(CTRL_C);
    ben.hears("leave", |value| value["name"] == "ana");
    let screen = Arc::clone(&ana.screen);
    assert_eq!(ana.ended(), Some(0));
    assert!(screen.lock().unwrap().text().iter().all(String::is_empty), "nothing is left on the screen");
}

#[test]
fn on_the_whole_screen_what_may_not_be_sent_stays_where_it_was_typed() {
    let place = Place::new();
    let mut ana = Talker::founds(&place, "ana", "ask");
    ana.writes("for all who can read");
    let (key, address) = (ana.key(), ana.address().to_string());
    let mut command = saga(&place, "ben");
    command.args(["--tui", "--listen", "127.0.0.1:0", "--join", &key, "--connect", &address]);
    let mut ben = Person::sits(80, 24, &command);
    ben.sees("1 other here");
    ben.sees(": for all who can read");
    ben.types("let me in\r");
    ben.sees("! not sent: you may only read here; ");
    ben.sees_that("the line", |rows| rows[23] == "> let me in");
    let asks = ana.hears("request", |_| true);
    ana.says(&format!("/invite {}", asks["fingerprint"].as_str().unwrap()));
    ben.sees("| may write");
    ben.types("\r");
    ana.reads("let me in");
    kill_process(Pid::from_child(&ben.child), Signal::TERM).unwrap();
    ana.hears("leave", |value| value["name"] == "ben");
    assert_eq!(ben.ended(), Some(0));
}

#[test]
fn help_tells_every_option_and_fits_a_terminal() {
    let place = Place::new();
    for help in ["--help", "-h"] {
        let text = crate::place::run(saga(&place, "ana").arg(help), b"").done();
        assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
        for option in [
            "--name",
            "--join",
            "--new",
            "--connect",
            "--listen",
            "--no-lan",
            "--door",
            "--dir",
            "--tui",
            "--json",
        ] {
            assert!(text.contains(option), "{option}: {text}");
        }
    }
}
