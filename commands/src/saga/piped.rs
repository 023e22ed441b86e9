//! With pipes: a message a line, in and out.
//!
//! Messages go to stdout, each once, also over restarts, and everything else to stderr. With `--json` all goes to stdout, one
//! object a line. A line that comes in before one may write waits until one may.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use saga::TEXT_BYTES_MAX;
use tokio::sync::mpsc::Sender;

use super::input::{self, Typed};
use super::item::Item;
use super::news::{Happening, News};
use super::room::Room;
use super::wall::Wall;
use super::{json, show};
use crate::cli::say;
use crate::error::Failure;

/// Messages that wait until one may write.
const HELD_MAX: usize = 1000;
/// After the end of the input: how long those may wait.
const HELD_FOR: Duration = Duration::from_secs(10);
/// After the end of the input: how long to look for somebody who gets what was written.
const MOMENT: Duration = Duration::from_secs(3);
/// After that, and the last message: what is on its way to somebody who is here arrives.
const ON_THE_WAY: Duration = Duration::from_millis(300);

/// How to print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) json: bool,
    pub(crate) from_start: bool,
    /// Somebody may come to whom nobody connected yet.
    pub(crate) company: bool,
}

/// Runs until the end of the input, or until it is to end.
pub(crate) fn run(room: &mut Room, news: &mut News, first: Vec<Item>, way: Way) -> Result<(), Failure> {
    let sender = news.sender();
    let read = move || read_lines(&mut io::stdin().lock(), &sender);
    let mut pipe = Pipe { room, way, wall: Wall::here(), held: VecDeque::new(), written: None };
    pipe.print(&first)?;
    if way.from_start {
        for said in pipe.room.all_again()? {
            pipe.print(&[Item::Said(said)])?;
        }
    }
    pipe.print_new()?;
    thread::Builder::new().name("lines".into()).spawn(read).map_err(Failure::Thread)?;
    pipe.run(news)
}

struct Pipe<'a> {
    room: &'a mut Room,
    way: Way,
    wall: Wall,
    held: VecDeque<String>,
    /// When something was last, which others are to get.
    written: Option<Instant>,
}

impl Pipe<'_> {
    fn run(&mut self, news: &mut News) -> Result<(), Failure> {
        let mut no_more_since = None;
        let mut ends = false;
        while !ends && !no_more_since.is_some_and(|since| self.is_done(since)) {
            // Who comes is heard of as an event; that time passes, by looking again.
            let within = no_more_since.map(|_| Duration::from_millis(50));
            match news.next(within) {
                None => {}
                Some(Happening::Stored) => self.stored()?,
                Some(Happening::Event(event)) => {
                    let items = self.room.event(event)?;
                    self.print(&items)?;
                }
                Some(Happening::Typed { line, .. }) => ends = self.typed(&line)?,
                Some(Happening::Unusable(why)) => self.print(&[Item::Wrong(why)])?,
                Some(Happening::NoMoreLines) => no_more_since = Some(now()),
                Some(Happening::End) => ends = true,
                Some(Happening::Screen(_)) => {}
            }
        }
        // What was acknowledged by nobody else yet.
        self.print_new()?;
        match self.held.len() {
            0 => Ok(()),
            n => Err(Failure::NotSent { messages: n as u64 }),
        }
    }

    /// Whether there is nothing more to wait for, after the end of the input.
    fn is_done(&self, no_more_since: Instant) -> bool {
        let enough = match self.written {
            None => Duration::ZERO,
            Some(_) if !self.room.saga().users().is_empty() => ON_THE_WAY,
            Some(_) if self.way.company => MOMENT,
            Some(_) => Duration::ZERO,
        };
        let last = self.written.map_or(no_more_since, |written| written.max(no_more_since));
        last.elapsed() >= enough && (self.held.is_empty() || no_more_since.elapsed() >= HELD_FOR)
    }

    fn stored(&mut self) -> Result<(), Failure> {
        self.print_new()?;
        let items = self.room.standing()?;
        self.print(&items)?;
        while self.room.may_write()
            && let Some(text) = self.held.pop_front()
        {
            self.send(text)?;
        }
        Ok(())
    }

    /// Whether it is to end.
    fn typed(&mut self, line: &str) -> Result<bool, Failure> {
        match input::read(line) {
            Typed::Message(text) if !self.held.is_empty() && self.held.len() < HELD_MAX => {
                self.held.push_back(text)
            }
            Typed::Message(text) => self.send(text)?,
            typed => {
                let done = self.room.perform(typed);
                self.print(&done.items)?;
                return Ok(done.quit);
            }
        }
        Ok(false)
    }

    fn send(&mut self, text: String) -> Result<(), Failure> {
        let mut done = self.room.perform(Typed::Message(text));
        if done.sent {
            self.written = Some(now());
        }
        if done.early
            && self.held.len() < HELD_MAX
            && let [Item::NotSent { text, why }] = done.items.as_mut_slice()
        {
            let (text, why) = (std::mem::take(text), std::mem::take(why));
            self.held.push_back(text.clone());
            done.items = vec![Item::Waits { text, why }];
        }
        self.print(&done.items)?;
        self.print_new()
    }

    /// Prints what came. Each message counts as printed only once it was, so that none is lost to who is killed.
    fn print_new(&mut self) -> Result<(), Failure> {
        while let Some((message, same_name)) = self.room.next_message()? {
            self.print(same_name.as_slice())?;
            self.print(&[message])?;
        }
        Ok(())
    }

    fn print(&self, items: &[Item]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        for item in items {
            if self.way.json {
                json::lines(item).iter().try_for_each(|line| writeln!(out, "{line}"))?;
                continue;
            }
            match item {
                Item::Said(said) => {
                    writeln!(out, "{}", show::plain(&show::said(said, &self.wall.date(said.message.shown))))?;
                }
                Item::History(messages) => {
                    for said in messages {
                        let line = show::said(said, &self.wall.date(said.message.shown));
                        writeln!(out, "{}", show::plain(&line))?;
                    }
                }
                item => show::lines(item, &self.wall).iter().for_each(|line| say(&show::plain(line))),
            }
        }
        Ok(out.flush()?)
    }
}

#[expect(clippy::disallowed_methods, reason = "waiting for people is a matter of this clock")]
fn now() -> Instant {
    Instant::now()
}

/// Reads lines to the end. A line that cannot be used is told, and the next one is read.
fn read_lines(input: &mut dyn BufRead, tell: &Sender<Happening>) {
    loop {
        let happening = next_line(input);
        let is_last = matches!(happening, Happening::NoMoreLines);
        if tell.blocking_send(happening).is_err() || is_last {
            return;
        }
    }
}

/// Room for a command before the longest text.
const LINE_BYTES_MAX: usize = TEXT_BYTES_MAX + 64;

fn next_line(input: &mut dyn BufRead) -> Happening {
    let mut line = Vec::new();
    match (&mut *input).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut line) {
        Ok(0) => return Happening::NoMoreLines,
        Ok(_) => {}
        Err(error) => {
            say(&format!("saga: cannot read standard input: {error}"));
            return Happening::NoMoreLines;
        }
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() > LINE_BYTES_MAX {
        return Happening::Unusable(input::too_long(line.len() + skip_line(input)));
    }
    match String::from_utf8(line) {
        Ok(line) => Happening::Typed { line, rows: 0 },
        Err(_) => Happening::Unusable("not sent: this line is no UTF-8".into()),
    }
}

/// Skips the rest of a line without keeping it. Returns how long it is.
fn skip_line(input: &mut dyn BufRead) -> usize {
    let mut skipped = 0;
    loop {
        let (used, is_end) = match input.fill_buf() {
            Ok([]) | Err(_) => return skipped,
            Ok(buffer) => match buffer.iter().position(|byte| *byte == b'\n') {
                Some(at) => (at + 1, true),
                None => (buffer.len(), false),
            },
        };
        input.consume(used);
        skipped += used - usize::from(is_end);
        if is_end {
            return skipped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_cannot_be_used_do_not_take_others_with_them() {
        let long = "x".repeat(1 << 20);
        let text = [b"one\r\n\xff\xfe\n".as_slice(), long.as_bytes(), b"\ntwo\nlast"].concat();
        let mut input = io::BufReader::with_capacity(100, text.as_slice());
        let mut next = || next_line(&mut input);
        let is =
            |happening, wanted: &str| matches!(happening, Happening::Typed { line, .. } if line == wanted);
        assert!(is(next(), "one"));
        assert!(matches!(next(), Happening::Unusable(why) if why.contains("UTF-8")));
        assert!(matches!(next(), Happening::Unusable(why) if why.contains("1048576")));
        assert!(is(next(), "two"));
        assert!(is(next(), "last"));
        assert!(matches!(next(), Happening::NoMoreLines));
    }
}
