//! Lines that are piped in.

use std::io::{BufRead, Read};

use saga::TEXT_BYTES_MAX;
use tokio::sync::mpsc::Sender;

use super::input;
use super::news::Happening;
use crate::cli::say;

/// Reads lines to the end. A line that cannot be used is told, and the next one is read.
pub(super) fn read_lines(input: &mut dyn BufRead, tell: &Sender<Happening>) {
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
    use std::io;

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
