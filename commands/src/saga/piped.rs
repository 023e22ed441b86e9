//! With pipes: a message a line, in and out.
//!
//! Messages go to stdout, each once, also over restarts, and everything else to stderr. With `--json` all goes to stdout, one
//! object a line. A line that comes in before one may write waits until one may.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::input::{self, Typed};
use super::item::Item;
use super::news::{Happening, News};
use super::room::Room;
use super::wall::Wall;
use super::{json, show, stdin, tone};
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
    let read = move || stdin::read_lines(&mut io::stdin().lock(), &sender);
    let mut pipe = Pipe { room, way, wall: Wall::here(), held: VecDeque::new(), written: None, refused: 0 };
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
    /// Lines that were no message, and will be none.
    refused: u64,
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
                Some(Happening::Unusable(why)) => {
                    self.refused += 1;
                    self.print(&[Item::Wrong(why)])?;
                }
                Some(Happening::NoMoreLines) => no_more_since = Some(now()),
                Some(Happening::End) => ends = true,
                Some(Happening::Screen(_)) => {}
            }
        }
        // What was acknowledged by nobody else yet.
        self.print_new()?;
        match (self.held.len() as u64, self.refused) {
            (0, 0) => Ok(()),
            (0, lines) => Err(Failure::Refused { lines }),
            (messages, _) => Err(Failure::NotSent { messages }),
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
        self.refused += done.items.iter().filter(|item| matches!(item, Item::NotSent { .. })).count() as u64;
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
                    writeln!(out, "{}", tone::plain(&show::said(said, &self.wall.date(said.message.shown))))?;
                }
                Item::History(messages) => {
                    for said in messages {
                        let line = show::said(said, &self.wall.date(said.message.shown));
                        writeln!(out, "{}", tone::plain(&line))?;
                    }
                }
                item => show::lines(item, &self.wall).iter().for_each(|line| say(&tone::plain(line))),
            }
        }
        Ok(out.flush()?)
    }
}

#[expect(clippy::disallowed_methods, reason = "waiting for people is a matter of this clock")]
fn now() -> Instant {
    Instant::now()
}
