//! On the whole screen: messages, people, a status, and the line that is being typed.
//!
//! A paste is one message; its line ends are shown as `⏎`. The mouse is taken for its wheel: to select text, hold Shift.

mod draw;
mod edit;
mod keys;
#[cfg(test)]
mod snapshots;
mod state;
mod wrap;

use std::io;
use std::thread;

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::sync::mpsc::Sender;

use super::input;
use super::item::Item;
use super::news::{Happening, News};
use super::room::Room;
use super::terminal;
use super::wall::Wall;
use crate::error::Failure;
use keys::Wish;
use state::{About, State};

/// Messages that are read at once on the way up.
const PAGE: usize = 200;
/// What is looked at before it is painted again.
const AT_ONCE: usize = 64;

/// Runs until it is to end.
pub(crate) fn run(room: &mut Room, news: &mut News, first: Vec<Item>) -> Result<(), Failure> {
    terminal::take().map_err(Failure::Terminal)?;
    let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout())).map_err(Failure::Terminal)?;
    let size = terminal.size().map_err(Failure::Terminal)?;
    let state = State::new(about(room), Wall::here(), size.width, size.height);
    let mut screen = Screen { epoch: room.saga().channel().log().epoch(), room, state, repaint: false };
    screen.state.show(&first);
    screen.state.show(&screen.room.welcome()?);
    screen.state.people = screen.room.saga().people()?;
    let sender = news.sender();
    let hear = move || hear(&sender);
    thread::Builder::new().name("keys".into()).spawn(hear).map_err(Failure::Thread)?;
    loop {
        if std::mem::take(&mut screen.repaint) {
            terminal.clear().map_err(Failure::Terminal)?;
        }
        terminal.draw(|frame| draw::draw(frame, &screen.state)).map_err(Failure::Terminal)?;
        let Some(happening) = news.next(None) else { return Ok(()) };
        if screen.take(happening)? {
            return Ok(());
        }
        for _ in 1..AT_ONCE {
            let Some(happening) = news.try_next() else { break };
            if screen.take(happening)? {
                return Ok(());
            }
        }
    }
}

/// Hears keys, the mouse and other sizes, until nobody listens.
fn hear(tell: &Sender<Happening>) {
    while let Ok(event) = crossterm::event::read() {
        if tell.blocking_send(Happening::Screen(event)).is_err() {
            return;
        }
    }
    let _ = tell.blocking_send(Happening::NoMoreLines);
}

fn about(room: &Room) -> About {
    About {
        channel: room.channel_name(),
        key: crate::show::short(&room.saga().key().to_string()),
        door: room.saga().door(),
        role: room.role_word(),
    }
}

struct Screen<'a> {
    room: &'a mut Room,
    state: State,
    /// As of when messages count.
    epoch: u64,
    repaint: bool,
}

impl Screen<'_> {
    /// Whether it is to end.
    fn take(&mut self, happening: Happening) -> Result<bool, Failure> {
        match happening {
            Happening::Stored => self.stored()?,
            Happening::Event(event) => {
                let items = self.room.event(event)?;
                self.state.show(&items);
                self.state.people = self.room.saga().people()?;
            }
            Happening::Screen(event) => {
                return self.wish(keys::wish(event, self.state.edit.text().is_empty()));
            }
            Happening::Unusable(why) => self.state.show(&[Item::Wrong(why)]),
            Happening::Typed { .. } => {}
            Happening::NoMoreLines | Happening::End => return Ok(true),
        }
        Ok(false)
    }

    fn stored(&mut self) -> Result<(), Failure> {
        let epoch = self.room.saga().channel().log().epoch();
        let mut items = self.room.new_messages()?;
        // On a screen one scrolls to what was too much at once.
        let is_gap = items.iter().any(|item| matches!(item, Item::Skipped(_)));
        items.retain(|item| !matches!(item, Item::Skipped(_)));
        items.extend(self.room.standing()?);
        self.state.show(&items);
        if std::mem::replace(&mut self.epoch, epoch) != epoch || is_gap {
            // Some that were shown may count no more.
            self.state.replace(&self.room.history(None, PAGE)?);
        }
        self.state.people = self.room.saga().people()?;
        self.state.about = about(self.room);
        Ok(())
    }

    fn wish(&mut self, wish: Wish) -> Result<bool, Failure> {
        match wish {
            Wish::Insert(text) => {
                if !self.state.edit.insert(&text) {
                    let why = input::too_long(self.state.edit.text().len() + text.len());
                    self.state.show(&[Item::Wrong(why)]);
                }
            }
            Wish::Edit(how) => self.state.edit(how),
            Wish::Send => return self.send(),
            Wish::Scroll(scroll) => {
                self.state.scroll(scroll);
                if let Some(first) = self.state.wants_older() {
                    self.state.show_older(&self.room.history(Some(first), PAGE)?);
                }
            }
            Wish::Resize { columns, rows } => self.state.resize(columns, rows),
            Wish::People => self.state.toggle_people(),
            Wish::Repaint => self.repaint = true,
            Wish::Quit => return Ok(true),
            Wish::Nothing => {}
        }
        Ok(false)
    }

    fn send(&mut self) -> Result<bool, Failure> {
        let line = self.state.edit.take();
        let done = self.room.perform(input::read(&line));
        if done.quit {
            return Ok(true);
        }
        self.state.scroll(keys::Scroll::Bottom);
        if let [Item::NotSent { .. }] = done.items.as_slice() {
            self.state.edit.put_back(line);
        }
        let items: Vec<Item> = done.items.into_iter().flat_map(as_answer).collect();
        self.state.show(&items);
        self.stored()?;
        Ok(false)
    }
}

/// What was asked for is shown where it was asked for, and a message of the history belongs elsewhere, too.
fn as_answer(item: Item) -> Vec<Item> {
    match item {
        Item::History(said) => said.into_iter().map(Item::Said).collect(),
        item => vec![item],
    }
}
