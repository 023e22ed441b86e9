//! What is on the screen: lines in their order, which rows of them are in sight, people, and the line that is being typed.
//! Pure: it neither reads the chat nor paints.

use std::collections::{BTreeSet, VecDeque};

use saga::{Door, Person, Position};

use super::super::item::{Item, Said};
use super::super::show;
use super::super::tone::Line;
use super::super::wall::Wall;
use super::edit::Edit;
use super::keys::{Move, Scroll};
use super::wrap;

/// Entries that are kept while nobody looks further up; older ones are read again on the way there.
const KEPT: usize = 2000;
/// Below so many columns people are not shown.
const NARROW: u16 = 60;

/// Something in the pane of messages.
#[derive(Debug)]
struct Entry {
    /// Of a message, where it stands.
    position: Option<Position>,
    day: Option<String>,
    line: Line,
}

/// What is known of the channel.
#[derive(Clone, Debug)]
pub(crate) struct About {
    pub(crate) channel: Option<String>,
    /// The first digits of its key.
    pub(crate) key: String,
    pub(crate) door: Door,
    /// What one may do here.
    pub(crate) role: &'static str,
}

#[derive(Debug)]
pub(crate) struct State {
    wall: Wall,
    pub(crate) about: About,
    pub(crate) people: Vec<Person>,
    pub(crate) edit: Edit,
    columns: u16,
    rows: u16,
    entries: VecDeque<Entry>,
    /// All entries as they are broken into rows now, each with the place of its entry.
    laid: Vec<(usize, Line)>,
    /// Rows below those in sight; 0 follows what comes.
    up: usize,
    /// Messages that came below.
    below: usize,
    /// There is nothing above.
    complete: bool,
    /// People are not wanted in sight.
    alone: bool,
}

impl State {
    pub(crate) fn new(about: About, wall: Wall, columns: u16, rows: u16) -> Self {
        let (entries, laid, people) = (VecDeque::new(), Vec::new(), Vec::new());
        let edit = Edit::default();
        Self {
            wall,
            about,
            people,
            edit,
            columns,
            rows,
            entries,
            laid,
            up: 0,
            below: 0,
            complete: false,
            alone: false,
        }
    }

    // ---- sizes ----

    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        (self.columns, self.rows) = (columns, rows);
        self.lay();
    }

    /// Shows people or not: without them, keys can be copied out of the messages.
    pub(crate) fn toggle_people(&mut self) {
        self.alone = !self.alone;
        self.lay();
    }

    /// Columns for people, with the line beside them; none where there is no room.
    pub(crate) fn people_columns(&self) -> u16 {
        if self.alone || self.columns < NARROW { 0 } else { (self.columns / 3).min(32) }
    }

    /// Rows for messages: all but those of the status and the input.
    pub(crate) const fn message_rows(&self) -> u16 {
        self.rows.saturating_sub(if self.rows > 3 { 2 } else { 1 })
    }

    const fn page(&self) -> usize {
        self.message_rows() as usize
    }

    // ---- entries ----

    /// Shows items, where they belong: messages by their position, which is the same everywhere, and all else at the end.
    pub(crate) fn show(&mut self, items: &[Item]) {
        let laid = self.laid.len();
        // What happens above those in sight does not move them.
        let in_sight = self.last_in_sight();
        let (mut moved, mut came) = (false, 0);
        for item in items {
            match item {
                Item::Said(said) => {
                    came += 1;
                    moved |= self.insert(said) >= in_sight;
                }
                item => {
                    for line in show::lines(item, &self.wall) {
                        self.entries.push_back(Entry { position: None, day: None, line });
                        moved = true;
                    }
                }
            }
        }
        self.forget();
        self.lay();
        if self.up > 0 {
            if moved {
                self.up += self.laid.len().saturating_sub(laid);
                self.below += came;
            }
            self.clamp();
        }
    }

    /// Puts a message where it belongs. Returns its place.
    fn insert(&mut self, said: &Said) -> usize {
        let message = &said.message;
        let position = message.position;
        let after = |entry: &Entry| entry.position.is_some_and(|other| other > position);
        // Nearly always it is the last.
        let last =
            self.entries.iter().rposition(|entry| entry.position.is_some_and(|other| other <= position));
        let from = last.map_or(0, |last| last + 1);
        if last.and_then(|last| self.entries.get(last)).is_some_and(|entry| entry.position == Some(position))
        {
            return from;
        }
        let next = self.entries.iter().skip(from).position(after);
        let place = next.map_or(self.entries.len(), |next| from + next);
        let (time, day) = (self.wall.time(message.shown), self.wall.day(message.shown));
        self.entries.insert(place, Entry { position: Some(position), day, line: show::said(said, &time) });
        place
    }

    /// Shows older messages above all others. None means that there are no more.
    pub(crate) fn show_older(&mut self, older: &[Said]) {
        self.complete = older.is_empty();
        for said in older.iter().rev() {
            let (time, day) = (self.wall.time(said.message.shown), self.wall.day(said.message.shown));
            let (position, line) = (Some(said.message.position), show::said(said, &time));
            self.entries.push_front(Entry { position, day, line });
        }
        self.lay();
    }

    /// Messages are not what they were: these are the last of them. All else stays where it is between them.
    pub(crate) fn replace(&mut self, last: &[Said]) {
        let positions: BTreeSet<Position> = last.iter().map(|said| said.message.position).collect();
        self.entries.retain(|entry| entry.position.is_none_or(|position| positions.contains(&position)));
        self.complete = false;
        for said in last {
            self.insert(said);
        }
        self.lay();
    }

    fn forget(&mut self) {
        while self.up == 0 && self.entries.len() > KEPT {
            self.entries.pop_front();
            self.complete = false;
        }
    }

    /// The first message here, if those before it are asked for: the top is in sight and there are more.
    pub(crate) fn wants_older(&self) -> Option<Position> {
        let at_top = self.up > 0 && self.up + self.page() >= self.laid.len();
        let first = self.entries.iter().find_map(|entry| entry.position);
        first.filter(|_| at_top && !self.complete)
    }

    // ---- rows ----

    fn lay(&mut self) {
        // Beside the line between them stays a gap.
        let gap = u16::from(self.people_columns() > 0);
        let columns = usize::from(self.columns - self.people_columns() - gap);
        self.laid.clear();
        let mut day: Option<&String> = None;
        for (place, entry) in self.entries.iter().enumerate() {
            if let Some(next) = &entry.day
                && day != Some(next)
            {
                self.laid.push((place, show::day(next)));
                day = Some(next);
            }
            self.laid.extend(wrap::rows(&entry.line, columns).into_iter().map(|row| (place, row)));
        }
        self.clamp();
    }

    fn clamp(&mut self) {
        self.up = self.up.min(self.laid.len().saturating_sub(self.page()));
        if self.up == 0 {
            self.below = 0;
        }
    }

    /// The place after that of the last entry in sight.
    fn last_in_sight(&self) -> usize {
        let row = self.laid.len().saturating_sub(self.up + 1);
        self.laid.get(row).map_or(0, |(place, _)| place + 1)
    }

    /// The rows in sight, from the top.
    pub(crate) fn in_sight(&self) -> impl Iterator<Item = &Line> {
        let end = self.laid.len().saturating_sub(self.up);
        let start = end.saturating_sub(self.page());
        self.laid.iter().take(end).skip(start).map(|(_, row)| row)
    }

    /// Whether older rows are in sight, and how many messages came below since.
    pub(crate) fn scrolled(&self) -> Option<usize> {
        (self.up > 0).then_some(self.below)
    }

    pub(crate) fn scroll(&mut self, scroll: Scroll) {
        // A row of the page before stays in sight.
        let page = self.page().saturating_sub(1).max(1);
        self.up = match scroll {
            Scroll::PageUp => self.up + page,
            Scroll::PageDown => self.up.saturating_sub(page),
            Scroll::Rows(rows) => self.up.saturating_add_signed(isize::from(rows)),
            Scroll::Top => usize::MAX,
            Scroll::Bottom => 0,
        };
        self.clamp();
    }

    pub(crate) fn edit(&mut self, how: Move) {
        let edit = &mut self.edit;
        match how {
            Move::Left => edit.left(),
            Move::Right => edit.right(),
            Move::WordLeft => edit.word_left(),
            Move::WordRight => edit.word_right(),
            Move::Home => edit.home(),
            Move::End => edit.end(),
            Move::Up => edit.up(),
            Move::Down => edit.down(),
            Move::Backspace => edit.backspace(),
            Move::Delete => edit.delete(),
            Move::DeleteWord => edit.delete_word(),
            Move::DeleteToStart => edit.delete_to_start(),
            Move::DeleteToEnd => edit.delete_to_end(),
        }
    }
}
