//! Breaking lines into rows, by the columns that characters take.

use unicode_width::UnicodeWidthChar;

use super::super::tone::{Line, Span, Tone};

/// How far the rows after the first are moved in.
const INDENT: usize = 6;

/// A line as rows of at most so many columns, broken at spaces where there are some.
pub(super) fn rows(line: &Line, columns: usize) -> Vec<Line> {
    let columns = columns.max(1);
    let indent = if columns > 3 * INDENT { INDENT } else { 0 };
    let mut rows = Rows { columns, indent, done: Vec::new(), row: Vec::new(), used: 0, at_start: true };
    for (word, width) in words(line) {
        rows.add(word, width);
    }
    rows.end_row();
    rows.done
}

struct Rows {
    columns: usize,
    indent: usize,
    done: Vec<Line>,
    row: Line,
    used: usize,
    /// Nothing but the indent is in the row.
    at_start: bool,
}

impl Rows {
    fn add(&mut self, word: Line, width: usize) {
        let is_space = word.iter().all(|span| span.text.chars().all(|c| c == ' '));
        if self.used + width <= self.columns {
            // What a row was broken at is not at the start of the next one.
            if !(is_space && self.at_start && !self.done.is_empty()) {
                self.push(word, width);
            }
        } else if is_space {
            self.next_row();
        } else {
            if !self.at_start {
                self.next_row();
            }
            self.cut(&word);
        }
    }

    fn push(&mut self, word: Line, width: usize) {
        self.row.extend(word);
        self.used += width;
        self.at_start = false;
    }

    /// A word that may be longer than a row.
    fn cut(&mut self, word: &Line) {
        for span in word {
            let mut part = String::new();
            for c in span.text.chars() {
                let width = c.width().unwrap_or(0);
                if self.used + width > self.columns && !(self.at_start && part.is_empty()) {
                    self.row.push(Span { tone: span.tone, text: std::mem::take(&mut part) });
                    self.next_row();
                }
                part.push(c);
                self.used += width;
                self.at_start = false;
            }
            self.row.push(Span { tone: span.tone, text: part });
        }
    }

    fn next_row(&mut self) {
        self.end_row();
        if self.indent > 0 {
            self.row.push(Span { tone: Tone::Plain, text: " ".repeat(self.indent) });
        }
        (self.used, self.at_start) = (self.indent, true);
    }

    fn end_row(&mut self) {
        self.done.push(std::mem::take(&mut self.row));
    }
}

/// Words and the spaces between them, each with its width. A word can be of several tones, as a name is.
fn words(line: &Line) -> Vec<(Line, usize)> {
    let mut words: Vec<(Line, usize)> = Vec::new();
    let mut last = None;
    for span in line {
        for c in span.text.chars() {
            let is_space = c == ' ';
            if last != Some(is_space) {
                words.push((Vec::new(), 0));
                last = Some(is_space);
            }
            let Some((word, width)) = words.last_mut() else { continue };
            *width += c.width().unwrap_or(0);
            match word.last_mut() {
                Some(part) if part.tone == span.tone => part.text.push(c),
                _ => word.push(Span { tone: span.tone, text: c.into() }),
            }
        }
    }
    words
}

/// As much of a text as fits, with `…` where something was left out.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let width: usize = text.chars().map(|c| c.width().unwrap_or(0)).sum();
    if width <= columns {
        return text.to_owned();
    }
    let (mut fit, mut used) = (String::new(), 1);
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        fit.push(c);
    }
    if columns > 0 {
        fit.push('…');
    }
    fit
}

#[cfg(test)]
mod tests {
    use super::super::super::tone::{plain, span};
    use super::*;

    fn broken(text: &str, columns: usize) -> Vec<String> {
        rows(&vec![span(Tone::Plain, text)], columns).iter().map(plain).collect()
    }

    #[test]
    fn rows_break_at_spaces_and_within_words_that_are_too_long() {
        assert_eq!(broken("one two three", 8), ["one two ", "three"]);
        assert_eq!(broken("one two  three", 7), ["one two", "three"]);
        assert_eq!(broken("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(broken("", 4), [""]);
        let indented = broken("12:00 ana: a message that is longer than its row", 20);
        assert_eq!(
            indented,
            ["12:00 ana: a message ".trim_end(), "      that is longer", "      than its row"]
        );
    }

    #[test]
    fn no_row_is_wider_than_it_may_be() {
        let text = "日本語のテキスト mixed with ascii, and_a_long_word_that_never_ends_日本語";
        for columns in 2..60 {
            for row in broken(text, columns) {
                let width: usize = row.chars().map(|c| c.width().unwrap_or(0)).sum();
                assert!(width <= columns, "{columns}: {row:?}");
            }
        }
        assert_eq!(broken("日本", 1), ["日", "本"], "what cannot fit is not dropped");
    }

    #[test]
    fn what_does_not_fit_ends_in_dots() {
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(fit("abcd", 3), "ab…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("abcd", 0), "");
    }
}
