//! What keys mean.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Insert(String),
    Edit(Move),
    Send,
    Scroll(Scroll),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// Show people, or not.
    People,
    /// Paint everything anew.
    Repaint,
    Quit,
    Nothing,
}

/// What happens to the line that is being typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    Backspace,
    Delete,
    DeleteWord,
    DeleteToStart,
    DeleteToEnd,
}

/// Through the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scroll {
    PageUp,
    PageDown,
    /// Some rows, up if positive.
    Rows(i16),
    Top,
    Bottom,
}

/// Rows of a turn of the wheel.
const WHEEL: i16 = 3;

/// What an event means. On an empty line Ctrl-D ends, as in a shell.
pub(crate) fn wish(event: Event, is_empty: bool) -> Wish {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => of_key(key, is_empty),
        Event::Paste(text) => Wish::Insert(text),
        Event::Resize(columns, rows) => Wish::Resize { columns, rows },
        Event::Mouse(mouse) => match mouse.kind {
            MouseEventKind::ScrollUp => Wish::Scroll(Scroll::Rows(WHEEL)),
            MouseEventKind::ScrollDown => Wish::Scroll(Scroll::Rows(-WHEEL)),
            _ => Wish::Nothing,
        },
        _ => Wish::Nothing,
    }
}

fn of_key(key: KeyEvent, is_empty: bool) -> Wish {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    match key.code {
        KeyCode::Char(c) if control && !alt => of_control(c, is_empty),
        KeyCode::Char('b') if alt => Wish::Edit(Move::WordLeft),
        KeyCode::Char('f') if alt => Wish::Edit(Move::WordRight),
        // Where AltGr makes characters it comes with both.
        KeyCode::Char(c) if alt == control => Wish::Insert(c.into()),
        KeyCode::Enter => Wish::Send,
        KeyCode::Left if control || alt => Wish::Edit(Move::WordLeft),
        KeyCode::Right if control || alt => Wish::Edit(Move::WordRight),
        KeyCode::Home if control => Wish::Scroll(Scroll::Top),
        KeyCode::End if control => Wish::Scroll(Scroll::Bottom),
        KeyCode::Up if control => Wish::Scroll(Scroll::Rows(1)),
        KeyCode::Down if control => Wish::Scroll(Scroll::Rows(-1)),
        KeyCode::Backspace if control || alt => Wish::Edit(Move::DeleteWord),
        KeyCode::Left => Wish::Edit(Move::Left),
        KeyCode::Right => Wish::Edit(Move::Right),
        KeyCode::Home => Wish::Edit(Move::Home),
        KeyCode::End => Wish::Edit(Move::End),
        KeyCode::Up => Wish::Edit(Move::Up),
        KeyCode::Down => Wish::Edit(Move::Down),
        KeyCode::Backspace => Wish::Edit(Move::Backspace),
        KeyCode::Delete => Wish::Edit(Move::Delete),
        KeyCode::PageUp => Wish::Scroll(Scroll::PageUp),
        KeyCode::PageDown => Wish::Scroll(Scroll::PageDown),
        KeyCode::F(2) => Wish::People,
        KeyCode::Esc => Wish::Scroll(Scroll::Bottom),
        _ => Wish::Nothing,
    }
}

const fn of_control(c: char, is_empty: bool) -> Wish {
    match c {
        'c' => Wish::Quit,
        'd' if is_empty => Wish::Quit,
        'd' => Wish::Edit(Move::Delete),
        'a' => Wish::Edit(Move::Home),
        'e' => Wish::Edit(Move::End),
        'b' => Wish::Edit(Move::Left),
        'f' => Wish::Edit(Move::Right),
        'p' => Wish::Edit(Move::Up),
        'n' => Wish::Edit(Move::Down),
        'h' => Wish::Edit(Move::Backspace),
        'w' => Wish::Edit(Move::DeleteWord),
        'u' => Wish::Edit(Move::DeleteToStart),
        'k' => Wish::Edit(Move::DeleteToEnd),
        'l' => Wish::Repaint,
        'j' | 'm' => Wish::Send,
        _ => Wish::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode, modifiers: KeyModifiers) -> Wish {
        wish(Event::Key(KeyEvent::new(code, modifiers)), false)
    }

    #[test]
    fn keys_mean_what_they_mean_in_a_shell() {
        assert_eq!(key(KeyCode::Char('x'), KeyModifiers::NONE), Wish::Insert("x".into()));
        assert_eq!(key(KeyCode::Char('X'), KeyModifiers::SHIFT), Wish::Insert("X".into()));
        assert_eq!(
            key(KeyCode::Char('@'), KeyModifiers::CONTROL | KeyModifiers::ALT),
            Wish::Insert("@".into())
        );
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Wish::Quit);
        assert_eq!(key(KeyCode::Char('d'), KeyModifiers::CONTROL), Wish::Edit(Move::Delete));
        assert_eq!(key(KeyCode::Char('w'), KeyModifiers::CONTROL), Wish::Edit(Move::DeleteWord));
        assert_eq!(key(KeyCode::PageUp, KeyModifiers::NONE), Wish::Scroll(Scroll::PageUp));
        let release = KeyEvent::new_with_kind(KeyCode::Char('x'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(wish(Event::Key(release), false), Wish::Nothing, "a key counts once");
        let control_d = KeyEvent::new(KeyCode::Char('d'), KeyModifiers::CONTROL);
        assert_eq!(wish(Event::Key(control_d), true), Wish::Quit);
    }
}
