//! The line that is being typed.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use saga::TEXT_BYTES_MAX;

/// Lines that are remembered, in memory only.
const REMEMBERED: usize = 200;
/// Room for a command before the longest text.
const BYTES_MAX: usize = TEXT_BYTES_MAX + 64;
/// Joins what stands beside it into one sign.
const JOINER: char = '\u{200d}';

/// A line with a cursor, and those that were sent before.
#[derive(Debug, Default)]
pub(crate) struct Edit {
    text: String,
    /// A place between two signs, in bytes.
    cursor: usize,
    before: Vec<String>,
    /// Which of those is looked at, from the last, and what was typed until then.
    looking: Option<(usize, String)>,
}

impl Edit {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Inserts at the cursor. Line ends stay, and are shown as `⏎`: what is pasted is one message. Whether all of it had room.
    pub(crate) fn insert(&mut self, text: &str) -> bool {
        let clean: String = text.replace("\r\n", "\n").replace('\r', "\n");
        let clean: String = clean.chars().filter(|c| *c == '\n' || *c == '\t' || !c.is_control()).collect();
        if self.text.len() + clean.len() > BYTES_MAX {
            return false;
        }
        self.text.insert_str(self.cursor, &clean);
        self.cursor += clean.len();
        true
    }

    pub(crate) fn left(&mut self) {
        self.cursor = before(&self.text, self.cursor);
    }

    pub(crate) fn right(&mut self) {
        self.cursor = after(&self.text, self.cursor);
    }

    pub(crate) fn home(&mut self) {
        self.cursor = 0;
    }

    pub(crate) fn end(&mut self) {
        self.cursor = self.text.len();
    }

    /// To the start of the word before.
    pub(crate) fn word_left(&mut self) {
        let head = self.text[..self.cursor].trim_end();
        self.cursor = head.rfind(char::is_whitespace).map_or(0, |at| after(&self.text, at));
    }

    /// To the end of the next word.
    pub(crate) fn word_right(&mut self) {
        let tail = &self.text[self.cursor..];
        let start = tail.len() - tail.trim_start().len();
        let end = tail[start..].find(char::is_whitespace).map_or(tail.len(), |at| start + at);
        self.cursor += end;
    }

    pub(crate) fn backspace(&mut self) {
        let end = self.cursor;
        self.left();
        self.text.drain(self.cursor..end);
    }

    pub(crate) fn delete(&mut self) {
        self.text.drain(self.cursor..after(&self.text, self.cursor));
    }

    pub(crate) fn delete_word(&mut self) {
        let end = self.cursor;
        self.word_left();
        self.text.drain(self.cursor..end);
    }

    pub(crate) fn delete_to_start(&mut self) {
        self.text.drain(..self.cursor);
        self.cursor = 0;
    }

    pub(crate) fn delete_to_end(&mut self) {
        self.text.truncate(self.cursor);
    }

    /// Takes the line to be done, and remembers it.
    pub(crate) fn take(&mut self) -> String {
        let text = std::mem::take(&mut self.text);
        (self.cursor, self.looking) = (0, None);
        if !text.trim().is_empty() && self.before.last() != Some(&text) {
            self.before.push(text.clone());
            if self.before.len() > REMEMBERED {
                self.before.remove(0);
            }
        }
        text
    }

    /// Puts a line back that could not be sent.
    pub(crate) fn put_back(&mut self, text: String) {
        if self.text.is_empty() {
            self.text = text;
            self.end();
        }
    }

    /// Looks at an older line.
    pub(crate) fn up(&mut self) {
        let place = self.looking.as_ref().map_or(0, |(place, _)| place + 1);
        if let Some(line) = self.before.iter().rev().nth(place).cloned() {
            let typed = std::mem::replace(&mut self.text, line);
            match &mut self.looking {
                Some((at, _)) => *at = place,
                None => self.looking = Some((0, typed)),
            }
            self.end();
        }
    }

    /// Looks at a newer line, and after the newest at what was typed before.
    pub(crate) fn down(&mut self) {
        match self.looking.take() {
            None => return,
            Some((0, typed)) => self.text = typed,
            Some((place, typed)) => {
                if let Some(line) = self.before.iter().rev().nth(place - 1) {
                    self.text.clone_from(line);
                }
                self.looking = Some((place - 1, typed));
            }
        }
        self.end();
    }

    /// As much of the line as has room, with the cursor in it, and the column of the cursor.
    pub(crate) fn seen(&self, columns: usize) -> (String, usize) {
        let shown = |text: &str| text.replace('\n', "⏎").replace('\t', " ");
        let (head, tail) = (shown(&self.text[..self.cursor]), shown(&self.text[self.cursor..]));
        // The cursor takes a column of its own at the end.
        let room = columns.saturating_sub(1);
        let mut start = 0;
        while head[start..].width() > room {
            start = after(&head, start);
        }
        let mut seen = head[start..].to_owned();
        let column = seen.width();
        let mut used = column;
        for c in tail.chars() {
            used += c.width().unwrap_or(0);
            if used > columns {
                break;
            }
            seen.push(c);
        }
        (seen, column)
    }
}

/// Whether a sign goes on with this character: a mark, or what is joined to it.
fn goes_on(before: Option<char>, c: char) -> bool {
    before == Some(JOINER) || (c.width() == Some(0) && c != '\n')
}

/// Where the sign ends that begins here.
fn after(text: &str, from: usize) -> usize {
    let mut chars = text[from..].char_indices();
    let mut last = chars.next().map(|(_, c)| c);
    for (at, c) in chars {
        if !goes_on(last, c) {
            return from + at;
        }
        last = Some(c);
    }
    text.len()
}

/// Where the sign begins that ends here.
fn before(text: &str, from: usize) -> usize {
    let mut at = 0;
    loop {
        let next = after(text, at);
        if next >= from || next == at {
            return at;
        }
        at = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Edit {
        let mut edit = Edit::default();
        assert!(edit.insert(text));
        edit
    }

    #[test]
    fn the_cursor_moves_by_what_is_seen_as_one_sign() {
        let mut edit = typed("ae\u{301}👩\u{200d}👧x");
        edit.left();
        edit.backspace();
        assert_eq!(edit.text(), "ae\u{301}x");
        edit.backspace();
        assert_eq!(edit.text(), "ax");
        edit.home();
        edit.delete();
        edit.delete();
        edit.delete();
        edit.backspace();
        assert_eq!(edit.text(), "");
    }

    #[test]
    fn words_are_skipped_and_deleted_as_in_a_shell() {
        let mut edit = typed("one two  three");
        edit.word_left();
        edit.insert("X");
        assert_eq!(edit.text(), "one two  Xthree");
        edit.delete_to_end();
        edit.delete_word();
        assert_eq!(edit.text(), "one two  ");
        edit.delete_word();
        assert_eq!(edit.text(), "one ");
        edit.home();
        edit.word_right();
        assert_eq!(edit.seen(80), ("one ".into(), 3));
        edit.delete_to_start();
        assert_eq!(edit.text(), " ");
    }

    #[test]
    fn a_paste_is_one_line_and_no_escape_gets_in() {
        let edit = typed("a\r\nb\rc\u{1b}[2Jd");
        assert_eq!(edit.text(), "a\nb\nc[2Jd");
        assert_eq!(edit.seen(80).0, "a⏎b⏎c[2Jd");
        let mut edit = Edit::default();
        assert!(!edit.insert(&"x".repeat(BYTES_MAX + 1)), "what has no room is not cut");
        assert_eq!(edit.text(), "");
    }

    #[test]
    fn the_cursor_is_always_in_sight() {
        let mut edit = typed("日本語 and a long line that does not fit");
        for columns in 1..50 {
            for _ in 0..edit.text().len() {
                let (seen, column) = edit.seen(columns);
                assert!(
                    column < columns.max(1) && seen.width() <= columns.max(column),
                    "{columns} {seen:?} {column}"
                );
                edit.left();
            }
            edit.end();
        }
    }

    #[test]
    fn lines_that_were_sent_come_back_and_so_does_what_was_being_typed() {
        let mut edit = typed("one");
        assert_eq!(edit.take(), "one");
        edit.insert("two");
        edit.take();
        edit.insert("draft");
        edit.up();
        assert_eq!(edit.text(), "two");
        edit.up();
        edit.up();
        assert_eq!(edit.text(), "one");
        edit.down();
        edit.down();
        assert_eq!(edit.text(), "draft");
        edit.down();
        assert_eq!(edit.text(), "draft");
    }
}
