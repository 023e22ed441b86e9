//! What a terminal shows of the bytes that it gets: as much of one as the programs use.

use unicode_width::UnicodeWidthChar;

#[derive(Debug, Default)]
pub(super) struct Vt {
    columns: usize,
    rows: usize,
    cells: Vec<Vec<char>>,
    row: usize,
    column: usize,
    /// The screen that comes back when the whole of it is given back.
    other: Option<(Vec<Vec<char>>, usize, usize)>,
    /// An escape sequence, or a character, that is not here whole.
    pending: Vec<u8>,
}

/// In the second column of a wide character.
const WIDE: char = '\0';

impl Vt {
    pub(super) fn new(columns: usize, rows: usize) -> Self {
        Self { columns, rows, cells: vec![vec![' '; columns]; rows], ..Self::default() }
    }

    pub(super) fn resize(&mut self, columns: usize, rows: usize) {
        (self.columns, self.rows) = (columns, rows);
        self.cells.resize(rows, Vec::new());
        self.cells.iter_mut().for_each(|row| row.resize(columns, ' '));
        (self.row, self.column) = (self.row.min(rows - 1), self.column.min(columns - 1));
    }

    /// Whether the whole screen is taken.
    pub(super) fn is_taken(&self) -> bool {
        self.other.is_some()
    }

    pub(super) fn cursor(&self) -> (usize, usize) {
        (self.column, self.row)
    }

    /// The rows, without spaces at their ends.
    pub(super) fn text(&self) -> Vec<String> {
        let row = |cells: &Vec<char>| cells.iter().filter(|c| **c != WIDE).collect::<String>();
        self.cells.iter().map(|cells| row(cells).trim_end().to_owned()).collect()
    }

    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.pending.extend_from_slice(bytes);
        let pending = std::mem::take(&mut self.pending);
        let mut rest = pending.as_slice();
        while let Some(&first) = rest.first() {
            let used = match first {
                0x1b => match escape(rest) {
                    Some((used, sequence)) => {
                        self.obey(sequence);
                        used
                    }
                    None => break,
                },
                _ => {
                    let len = match first {
                        0..=0x7f => 1,
                        0xc0..=0xdf => 2,
                        0xe0..=0xef => 3,
                        _ => 4,
                    };
                    let Some(bytes) = rest.get(..len) else { break };
                    std::str::from_utf8(bytes).unwrap().chars().for_each(|c| self.put(c));
                    len
                }
            };
            rest = &rest[used..];
        }
        self.pending = rest.to_vec();
    }

    fn put(&mut self, c: char) {
        match c {
            '\r' => self.column = 0,
            '\n' => self.down(),
            '\u{8}' => self.column = self.column.saturating_sub(1),
            c if c.is_control() => {}
            c => {
                let width = c.width().unwrap_or(0);
                if self.column + width > self.columns {
                    self.column = 0;
                    self.down();
                }
                if width > 0 {
                    self.cells[self.row][self.column] = c;
                }
                if width == 2 {
                    self.cells[self.row][self.column + 1] = WIDE;
                }
                self.column += width;
            }
        }
    }

    fn down(&mut self) {
        if self.row + 1 < self.rows {
            self.row += 1;
        } else {
            self.cells.remove(0);
            self.cells.push(vec![' '; self.columns]);
        }
    }

    fn obey(&mut self, sequence: &[u8]) {
        let Some((&what, parameters)) = sequence.split_last() else { return };
        let text = String::from_utf8_lossy(parameters).into_owned();
        let number = |n: usize| text.split(';').nth(n).and_then(|part| part.parse::<usize>().ok());
        let n = number(0).unwrap_or(1).max(1);
        match what {
            b'A' => self.row = self.row.saturating_sub(n),
            b'B' => self.row = (self.row + n).min(self.rows - 1),
            b'C' => self.column = (self.column + n).min(self.columns - 1),
            b'D' => self.column = self.column.saturating_sub(n),
            b'G' => self.column = (n - 1).min(self.columns - 1),
            b'H' => {
                self.row = (n - 1).min(self.rows - 1);
                self.column = (number(1).unwrap_or(1).max(1) - 1).min(self.columns - 1);
            }
            b'K' => self.clear(self.row, self.column, self.row, self.columns),
            b'J' if number(0) == Some(2) => self.clear(0, 0, self.rows - 1, self.columns),
            b'J' => self.clear(self.row, self.column, self.rows - 1, self.columns),
            b'h' if text == "?1049" && self.other.is_none() => {
                let blank = vec![vec![' '; self.columns]; self.rows];
                self.other = Some((std::mem::replace(&mut self.cells, blank), self.column, self.row));
            }
            b'l' if text == "?1049" => {
                if let Some((cells, column, row)) = self.other.take() {
                    (self.cells, self.column, self.row) = (cells, column, row);
                    self.resize(self.columns, self.rows);
                }
            }
            _ => {}
        }
    }

    fn clear(&mut self, row: usize, column: usize, to_row: usize, to_column: usize) {
        for at in row..=to_row {
            let from = if at == row { column } else { 0 };
            self.cells[at][from.min(to_column)..to_column].fill(' ');
        }
    }
}

/// An escape sequence that is here whole: how long it is, and what it says without its start.
fn escape(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match bytes.get(1)? {
        b'[' => {
            let end = bytes.iter().skip(2).position(|byte| (0x40..=0x7e).contains(byte))? + 3;
            Some((end, &bytes[2..end]))
        }
        b']' => Some((bytes.iter().position(|byte| *byte == 7)? + 1, &[])),
        _ => Some((2, &[])),
    }
}
