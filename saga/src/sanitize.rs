//! Words of strangers, made fit to be shown in a terminal.
//!
//! A text can move the cursor, rewrite the screen, reverse the line or pile marks on a letter. What is dropped here cannot be
//! seen anyway, or is there to deceive.

use unicode_width::UnicodeWidthChar;

/// Longest name, in Unicode scalar values.
pub const NAME_CHARS_MAX: usize = 32;

/// Marks without a width of their own that may follow one letter.
const MARKS_MAX: usize = 4;

/// Stands for the end of a line, so that no text can look like several.
const END_OF_LINE: char = '⏎';

/// Stands between a name and a fingerprint, so no name has it.
pub const SEPARATOR: char = '~';

/// A text as it may be shown: on one line, without control characters, without what turns the direction of writing, and with at
/// most four marks on a letter. O(length). What is clean stays as it is.
#[must_use]
pub fn sanitize(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut marks = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match c {
            '\r' if chars.peek() == Some(&'\n') => continue,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => END_OF_LINE,
            '\t' => ' ',
            c if is_harmful(c) => continue,
            c => c,
        };
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        if marks <= MARKS_MAX {
            clean.push(c);
        }
    }
    clean
}

/// A name as it may be shown: as a text, without spaces at its ends or twice inside, without what has no width, without the
/// `~` that stands before a fingerprint, and cut after 32 characters. None when nothing is left.
#[must_use]
pub fn sanitize_name(name: &str) -> Option<String> {
    // Cut first: a name of a megabyte is not worth cleaning.
    let start: String = name.chars().take(8 * NAME_CHARS_MAX).collect();
    let clean: String = sanitize(&start).replace(END_OF_LINE, " ");
    let seen = clean.chars().filter(|c| *c != SEPARATOR && c.width() != Some(0));
    let seen: String = seen.map(|c| if is_blank(c) { ' ' } else { c }).collect();
    let words: Vec<&str> = seen.split(' ').filter(|word| !word.is_empty()).collect();
    let name: String = words.join(" ").chars().take(NAME_CHARS_MAX).collect();
    let name = name.trim_end();
    (!name.is_empty()).then(|| name.to_owned())
}

/// What two names have in common that could be taken for each other: all but the case.
pub(crate) fn in_looks(name: &str) -> String {
    name.to_lowercase()
}

/// What has a width and is seen as nothing, spaces among them.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
}

/// Control characters, what sets the direction of writing, and what is never seen.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_moves_the_cursor_or_turns_the_line_is_dropped() {
        assert_eq!(sanitize("a\u{1b}[2Jb\u{7}\u{9b}31mc\u{7f}"), "a[2Jb31mc");
        assert_eq!(sanitize("ab\u{202e}cd\u{2066}e\u{feff}f\u{e0041}"), "abcdef");
        assert_eq!(sanitize("one\r\ntwo\nthree\u{2028}four\tfive"), "one⏎two⏎three⏎four five");
    }

    #[test]
    fn marks_do_not_pile_up() {
        let pile = format!("e{}x", "\u{301}".repeat(100));
        assert_eq!(sanitize(&pile), format!("e{}x", "\u{301}".repeat(4)));
    }

    #[test]
    fn what_is_clean_stays() {
        for text in ["hello, world", "héllo", "日本語 👩‍👩‍👧", "שלום", "a~b"] {
            assert_eq!(sanitize(text), text);
        }
    }

    #[test]
    fn a_name_is_short_and_has_no_separator_and_nothing_unseen() {
        assert_eq!(sanitize_name("  ana \n\t ben  ").as_deref(), Some("ana ben"));
        assert_eq!(sanitize_name("a\u{200d}na~k3f7q2ab").as_deref(), Some("anak3f7q2ab"));
        assert_eq!(sanitize_name("\u{202e}~ \u{1b}\u{feff}\u{2800}\u{3164}"), None);
        assert_eq!(sanitize_name("ana\u{2800}").as_deref(), Some("ana"));
        assert_eq!(sanitize_name(&"x".repeat(100)).map(|name| name.len()), Some(NAME_CHARS_MAX));
    }

    proptest! {
        #[test]
        fn no_text_keeps_what_is_harmful(text in any::<String>()) {
            let clean = sanitize(&text);
            prop_assert!(!clean.chars().any(|c| is_harmful(c) || c.is_control()));
            prop_assert_eq!(sanitize(&clean), clean);
        }

        #[test]
        fn no_name_keeps_what_deceives(name in any::<String>()) {
            if let Some(clean) = sanitize_name(&name) {
                prop_assert!((1..=NAME_CHARS_MAX).contains(&clean.chars().count()));
                prop_assert!(!clean.contains(SEPARATOR) && clean.trim() == clean);
                let again = sanitize_name(&clean);
                prop_assert_eq!(again, Some(clean));
            }
        }
    }
}
