//! What somebody types: a message, or a command.

use saga::{Door, Role, TEXT_BYTES_MAX};

/// Messages that `/history` shows if not told how many, and that a start shows.
pub(crate) const HISTORY: usize = 20;
/// Messages that `/history` shows at most.
const HISTORY_MAX: usize = 10_000;

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    Message(String),
    Command(Command),
    /// Nothing but space.
    Nothing,
    /// It cannot be done, and why.
    Wrong(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Members,
    Invite { who: String, role: Role },
    Remove { who: String },
    Name { name: String },
    History { count: usize },
    Requests,
    Key,
    Connect { address: String },
    Door { door: Option<Door> },
    Help,
    Quit,
}

/// Each command, how it is called, and what for.
pub(crate) const COMMANDS: [(&str, &str); 11] = [
    ("/members", "who may write, and who is here"),
    ("/invite KEY|NAME [admin]", "let somebody write; as admin, invite as well"),
    ("/remove NAME", "somebody writes no more; reading goes on"),
    ("/name NEW", "be called something else"),
    ("/history [N]", "the last N messages"),
    ("/requests", "who asks to write"),
    ("/key", "the key of the channel, and how others join"),
    ("/connect HOST:PORT", "connect to somebody, and go on trying"),
    ("/door [open|ask|invite]", "what happens with those who connect"),
    ("/help", "these lines; to say a line that begins with /, begin with //"),
    ("/quit", "say goodbye"),
];

/// Reads a line. A line that begins with `/` is a command, and one that begins with `//` says what follows the first.
pub(crate) fn read(line: &str) -> Typed {
    if line.trim().is_empty() {
        return Typed::Nothing;
    }
    let Some(rest) = line.strip_prefix('/') else { return message(line) };
    if rest.starts_with('/') {
        return message(rest);
    }
    let (word, rest) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    command(word, rest.trim()).map_or_else(Typed::Wrong, Typed::Command)
}

fn message(text: &str) -> Typed {
    if text.len() > TEXT_BYTES_MAX {
        return Typed::Wrong(too_long(text.len()));
    }
    Typed::Message(text.to_owned())
}

/// Why a text is not sent, and what to do.
pub(crate) fn too_long(len: usize) -> String {
    format!("not sent: a message has at most {TEXT_BYTES_MAX} bytes, this one has {len}: split it")
}

fn command(word: &str, rest: &str) -> Result<Command, String> {
    let needs = |what: &str| {
        if rest.is_empty() { Err(format!("/{word} needs {what}: see /help")) } else { Ok(rest.to_owned()) }
    };
    let alone = |command| {
        if rest.is_empty() { Ok(command) } else { Err(format!("/{word} takes nothing after it")) }
    };
    match word {
        "members" => alone(Command::Members),
        "invite" => needs("a name or a key").map(|who| invite(&who)),
        "remove" => Ok(Command::Remove { who: needs("a name or a key")? }),
        "name" => Ok(Command::Name { name: needs("a name")? }),
        "history" if rest.is_empty() => Ok(Command::History { count: HISTORY }),
        "history" => match rest.parse() {
            Ok(count @ 1..=HISTORY_MAX) => Ok(Command::History { count }),
            _ => Err(format!("/history takes a number from 1 to {HISTORY_MAX}")),
        },
        "requests" => alone(Command::Requests),
        "key" => alone(Command::Key),
        "connect" => Ok(Command::Connect { address: needs("HOST:PORT")? }),
        "door" if rest.is_empty() => Ok(Command::Door { door: None }),
        "door" => match rest.parse() {
            Ok(door) => Ok(Command::Door { door: Some(door) }),
            Err(error) => Err(error.to_string()),
        },
        "help" => alone(Command::Help),
        "quit" => alone(Command::Quit),
        _ => Err(format!(
            "there is no command /{}: /help lists them; to say this, begin with //",
            word.chars().take(32).collect::<String>()
        )),
    }
}

/// Names can have spaces, so `admin` is a role only at the end and after something else.
fn invite(rest: &str) -> Command {
    match rest.rsplit_once(char::is_whitespace) {
        Some((who, "admin")) => Command::Invite { who: who.trim_end().to_owned(), role: Role::Admin },
        _ => Command::Invite { who: rest.to_owned(), role: Role::Writer },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_message_unless_it_begins_with_a_slash() {
        assert_eq!(read("hello /quit"), Typed::Message("hello /quit".into()));
        assert_eq!(read("  indented"), Typed::Message("  indented".into()));
        assert_eq!(read("//x"), Typed::Message("/x".into()));
        assert_eq!(read("///x"), Typed::Message("//x".into()));
        assert_eq!(read(" \t"), Typed::Nothing);
        assert_eq!(read("/quit"), Typed::Command(Command::Quit));
        assert!(matches!(read("/"), Typed::Wrong(_)));
        assert!(matches!(read("/quit now"), Typed::Wrong(_)));
        assert!(matches!(read("/Quit"), Typed::Wrong(why) if why.contains("/help")));
    }

    #[test]
    fn names_may_have_spaces_and_admin_is_a_role_only_after_one() {
        let invite = |who: &str, role| Typed::Command(Command::Invite { who: who.into(), role });
        assert_eq!(read("/invite ben"), invite("ben", Role::Writer));
        assert_eq!(read("/invite  ana maria  admin "), invite("ana maria", Role::Admin));
        assert_eq!(read("/invite admin"), invite("admin", Role::Writer));
        assert!(matches!(read("/invite"), Typed::Wrong(_)));
    }

    #[test]
    fn numbers_and_doors_are_checked_before_anything_happens() {
        assert_eq!(read("/history"), Typed::Command(Command::History { count: HISTORY }));
        assert_eq!(read("/history 5"), Typed::Command(Command::History { count: 5 }));
        for wrong in ["/history 0", "/history x", "/history 99999999999999999999", "/door ajar"] {
            assert!(matches!(read(wrong), Typed::Wrong(_)), "{wrong}");
        }
        assert_eq!(read("/door open"), Typed::Command(Command::Door { door: Some(Door::Open) }));
        assert_eq!(read("/door"), Typed::Command(Command::Door { door: None }));
    }

    #[test]
    fn every_command_is_in_the_help_and_the_help_tells_of_no_other() {
        for (call, _) in COMMANDS {
            let word = call.split(' ').next().unwrap_or_default();
            let wrong = |line: &str| matches!(read(line), Typed::Wrong(why) if why.contains("no command"));
            assert!(!wrong(word), "{word}");
        }
    }

    #[test]
    fn what_is_too_long_is_told_so() {
        assert!(matches!(read(&"x".repeat(TEXT_BYTES_MAX)), Typed::Message(_)));
        assert!(matches!(read(&"x".repeat(TEXT_BYTES_MAX + 1)), Typed::Wrong(_)));
    }
}
