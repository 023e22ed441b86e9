//! What happened, as a hash, and in words when somebody wants to read it.

use std::fmt::{self, Write};

/// Everything that happens in a history, in order.
pub(crate) struct Trace {
    hash: u64,
    /// None while nobody reads it.
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(in_words: bool) -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: in_words.then(Vec::new) }
    }

    pub(crate) fn say(&mut self, line: fmt::Arguments<'_>) {
        writeln!(Hasher(&mut self.hash), "{line}").expect("a hash takes everything");
        if let Some(lines) = &mut self.lines {
            lines.push(line.to_string());
        }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

/// FNV-1a over text.
struct Hasher<'a>(&'a mut u64);

impl Write for Hasher<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            *self.0 = (*self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
