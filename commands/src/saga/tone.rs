//! Lines of spans, each in a tone. A terminal and the screen paint tones, a pipe leaves them out.

use saga::sanitize;

/// How a part of a line is to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    /// Of less weight.
    Dim,
    Strong,
    /// A name: one of [`COLOURS`], by its key.
    Name(u8),
    Good,
    /// Look twice.
    Warn,
    Bad,
}

/// Colours of names.
pub(crate) const COLOURS: u8 = 6;

/// A part of a line. Whatever it is made of is fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

pub(crate) type Line = Vec<Span>;

pub(crate) fn span(tone: Tone, text: impl AsRef<str>) -> Span {
    Span { tone, text: sanitize(text.as_ref()) }
}

/// A line without tones.
pub(crate) fn plain(line: &Line) -> String {
    line.iter().map(|span| span.text.as_str()).collect()
}

/// A line for a terminal.
pub(crate) fn ansi(line: &Line) -> String {
    let paint = |span: &Span| {
        let code = match span.tone {
            Tone::Plain => return span.text.clone(),
            Tone::Dim => "2".to_owned(),
            Tone::Strong => "1".into(),
            Tone::Name(n) => format!("1;3{}", 1 + n % COLOURS),
            Tone::Good => "32".into(),
            Tone::Warn => "33".into(),
            Tone::Bad => "31".into(),
        };
        if span.text.is_empty() { String::new() } else { format!("\x1b[{code}m{}\x1b[0m", span.text) }
    };
    line.iter().map(paint).collect()
}
