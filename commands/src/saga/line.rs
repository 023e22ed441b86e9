//! Line by line in a terminal: what comes is printed above the line that is being typed, which stays whole.
//!
//! A paste of several lines is one message. The lines that were typed are remembered until the end, in memory only.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc as ways};
use std::thread;

use rustyline::error::ReadlineError;
use rustyline::{Config, DefaultEditor, ExternalPrinter};
use tokio::sync::mpsc::Sender;
use unicode_width::UnicodeWidthChar;

use super::input::{self, Typed};
use super::item::Item;
use super::news::{Happening, News};
use super::room::Room;
use super::show;
use super::terminal;
use super::tone::{self, Line};
use super::wall::Wall;
use crate::error::Failure;

const PROMPT: &str = "> ";
const LINES_REMEMBERED: usize = 1000;

/// Runs until it is to end.
pub(crate) fn run(room: &mut Room, news: &mut News, first: Vec<Item>) -> Result<(), Failure> {
    let config = Config::builder().max_history_size(LINES_REMEMBERED).map_err(failed)?.build();
    let mut editor = DefaultEditor::with_config(config).map_err(failed)?;
    let printer = editor.create_external_printer().map_err(failed)?;
    let entered = Arc::new(AtomicBool::new(false));
    let mut paper = Paper::new(printer, Arc::clone(&entered));
    paper.print(&first)?;
    paper.print(&room.welcome()?)?;
    let (go_on, may_go_on) = ways::sync_channel(1);
    let sender = news.sender();
    let read = move || type_lines(editor, &sender, &may_go_on, &entered);
    thread::Builder::new().name("typing".into()).spawn(read).map_err(Failure::Thread)?;
    let _ = go_on.send(());
    while let Some(happening) = news.next(None) {
        match happening {
            Happening::Stored => {
                paper.print(&room.new_messages()?)?;
                paper.print(&room.standing()?)?;
            }
            Happening::Event(event) => paper.print(&room.event(event)?)?,
            Happening::Typed { line, rows } => {
                let done = room.perform(input::read(&line));
                if done.quit {
                    break;
                }
                // It comes back as everybody sees it.
                paper.take_back(if done.sent { rows } else { 0 })?;
                if done.sent {
                    paper.print(&room.new_messages()?)?;
                }
                paper.print(&done.items)?;
                if let [Item::NotSent { .. }] = done.items.as_slice() {
                    paper.print(&[Item::Done("arrow up brings the line back".into())])?;
                }
                let _ = go_on.send(());
            }
            Happening::NoMoreLines => break,
            Happening::End => {
                // What was being typed stays as it is.
                terminal::restore();
                let _ = writeln!(io::stdout());
                break;
            }
            Happening::Unusable(why) => paper.print(&[Item::Wrong(why)])?,
            Happening::Screen(_) => {}
        }
    }
    terminal::restore();
    Ok(())
}

fn failed(error: ReadlineError) -> Failure {
    Failure::Terminal(io::Error::other(error))
}

/// Reads lines, each once it was said that it may go on: until then the terminal is the other side's.
fn type_lines(
    mut editor: DefaultEditor,
    tell: &Sender<Happening>,
    may_go_on: &ways::Receiver<()>,
    entered: &AtomicBool,
) {
    while may_go_on.recv().is_ok() {
        let typed = match editor.readline(PROMPT) {
            Ok(line) => {
                entered.store(true, Ordering::Release);
                let columns = editor.dimensions().map_or(80, |(columns, _)| usize::from(columns));
                let rows = rows(&line, columns);
                if input::read(&line) != Typed::Nothing {
                    // Only for its own convenience.
                    let _ = editor.add_history_entry(line.as_str());
                }
                Happening::Typed { line, rows }
            }
            Err(ReadlineError::Interrupted) => {
                terminal::begin_to_end();
                Happening::NoMoreLines
            }
            Err(_) => Happening::NoMoreLines,
        };
        let is_last = !matches!(typed, Happening::Typed { .. });
        if tell.blocking_send(typed).is_err() || is_last {
            return;
        }
    }
}

/// How many rows a line takes behind the prompt.
fn rows(line: &str, columns: usize) -> usize {
    let (mut rows, mut column) = (1, PROMPT.len());
    for c in line.chars() {
        let width = c.width().unwrap_or(0);
        if c == '\n' || column + width > columns {
            (rows, column) = (rows + 1, 0);
        }
        column += if c == '\n' { 0 } else { width };
    }
    // The cursor stands behind the end.
    if column >= columns { rows + 1 } else { rows }
}

/// Where items are printed.
struct Paper<P> {
    printer: P,
    wall: Wall,
    colours: bool,
    /// The day of the last message that was printed.
    day: Option<String>,
    /// A line was entered, and nothing has become of it yet.
    entered: Arc<AtomicBool>,
    /// Something was printed behind that line, so that it is not the last one any more.
    covered: bool,
}

impl<P: ExternalPrinter> Paper<P> {
    fn new(printer: P, entered: Arc<AtomicBool>) -> Self {
        let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { printer, wall: Wall::here(), colours, day: None, entered, covered: false }
    }

    fn print(&mut self, items: &[Item]) -> Result<(), Failure> {
        let mut text = String::new();
        for item in items {
            let said = match item {
                Item::Said(said) => std::slice::from_ref(said),
                Item::History(said) => said,
                _ => &[],
            };
            if said.is_empty() {
                show::lines(item, &self.wall).iter().for_each(|line| self.add(&mut text, line));
            }
            for one in said {
                let day = self.wall.day(one.message.shown);
                if day != self.day {
                    let line = show::day(day.as_deref().unwrap_or("some day"));
                    self.add(&mut text, &line);
                    self.day = day;
                }
                self.add(&mut text, &show::said(one, &self.wall.time(one.message.shown)));
            }
        }
        if text.is_empty() {
            return Ok(());
        }
        self.covered |= self.entered.load(Ordering::Acquire);
        self.printer.print(text).map_err(failed)
    }

    fn add(&self, text: &mut String, line: &Line) {
        text.push_str(&if self.colours { tone::ansi(line) } else { tone::plain(line) });
        text.push('\n');
    }

    /// Takes back so many rows of the line that was entered last, if they are the last on the screen.
    fn take_back(&mut self, rows: usize) -> Result<(), Failure> {
        self.entered.store(false, Ordering::Release);
        if std::mem::take(&mut self.covered) || rows == 0 {
            return Ok(());
        }
        let mut out = io::stdout();
        write!(out, "\x1b[{rows}A\r\x1b[J").and_then(|()| out.flush()).map_err(Failure::Output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_the_rows_that_the_terminal_gives_it() {
        assert_eq!(rows("", 10), 1);
        assert_eq!(rows("1234567", 10), 1);
        assert_eq!(rows("12345678", 10), 2, "the cursor stands in the next one");
        assert_eq!(rows("123456789", 10), 2);
        assert_eq!(rows("日本語日", 10), 2);
        assert_eq!(rows("a\nb\nc", 10), 3);
    }
}
