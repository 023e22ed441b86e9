//! Items for people.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use saga::{ChannelKey, Door, Person, Role, fingerprint};

use super::input::COMMANDS;
use super::item::{Banner, Item, Said, Who};
use super::tone::{COLOURS, Line, Tone, span};
use super::wall::Wall;
use crate::show::{count, short};

/// Name and fingerprint. A name that several have stands out.
pub(crate) fn label(who: &Who) -> Line {
    let name = who.name.as_deref().unwrap_or_default();
    let print = fingerprint(&who.key);
    let print = if name.is_empty() { print } else { format!("{}{print}", saga::SEPARATOR) };
    let mut line = vec![
        span(Tone::Name(who.key.as_bytes()[0] % COLOURS), name),
        span(if who.ambiguous { Tone::Warn } else { Tone::Dim }, print),
    ];
    if who.ambiguous {
        line.push(span(Tone::Warn, "!"));
    }
    line
}

/// As text: `ana~k3f7q2ab`.
pub(crate) fn label_text(who: &Who) -> String {
    let name = who.name.as_deref();
    name.map_or_else(|| fingerprint(&who.key), |name| saga::signed_name(name, &who.key))
}

/// A message: the time here, its author, its text. A `?` says that the author's clock cannot be right.
pub(crate) fn said(said: &Said, time: &str) -> Line {
    let skewed = if said.message.is_skewed() { "?" } else { "" };
    let mut line = vec![span(Tone::Dim, format!("{time}{skewed} "))];
    line.extend(label(&said.by));
    line.push(span(Tone::Plain, ": "));
    line.push(span(Tone::Plain, &said.message.text));
    line
}

/// The line between two days.
pub(crate) fn day(day: &str) -> Line {
    vec![span(Tone::Dim, format!("-- {day} --"))]
}

/// An item, as lines. Messages are without their day.
pub(crate) fn lines(item: &Item, wall: &Wall) -> Vec<Line> {
    let one = |message: &Said| said(message, &wall.time(message.message.shown));
    match item {
        Item::Said(message) => vec![one(message)],
        Item::History(messages) if messages.is_empty() => vec![notice("nothing was said yet")],
        Item::History(messages) => messages.iter().map(one).collect(),
        Item::Skipped(n) => vec![notice(format!("{} more: see /history {n}", messages(*n)))],
        Item::New(n) => vec![notice(format!("{} since last time", messages(*n)))],
        Item::Channel(channel) => banner(channel),
        Item::Key(key, writer) => {
            let mut lines = vec![notice("the key of this channel; whoever has it can read:")];
            lines.push(vec![span(Tone::Strong, key.to_string())]);
            lines.extend(join_lines(key));
            lines.push(notice("your own key, by which an admin can /invite you:"));
            lines.push(vec![span(Tone::Plain, writer.to_string())]);
            lines
        }
        Item::Listening(addresses) => vec![notice(listening(addresses))],
        Item::Joined(who) => vec![about(who, "is here")],
        Item::Left(who) => vec![about(who, "left")],
        Item::Admitted(who) => vec![about(who, "came through the open door, and may write now")],
        Item::Asks { who, was_removed, may_invite } => vec![asks(who, *was_removed, *may_invite)],
        Item::SameName { who } => {
            let mut line = vec![span(Tone::Warn, "* ")];
            line.extend(label(who));
            line.push(span(
                Tone::Warn,
                " has a name that somebody else has, too: look at what follows the ~",
            ));
            vec![line]
        }
        Item::Broke { who, why } => vec![about(who, &format!("lost: {why}"))],
        Item::Net(what) => vec![notice(format!("network: {what}"))],
        Item::Members(people) => members(people),
        Item::Requests { asking, .. } if asking.is_empty() => vec![notice("nobody asks")],
        Item::Requests { asking, may_invite } => {
            asking.iter().map(|(who, was_removed)| asks(who, *was_removed, *may_invite)).collect()
        }
        Item::Door(door) => {
            vec![notice(format!("{}; until you quit, --door sets it anew", door_words(*door)))]
        }
        Item::Help => help(),
        Item::Done(what) => vec![notice(what)],
        Item::Wrong(why) => vec![wrong(why)],
        Item::NotSent { why, .. } => vec![wrong(&format!("not sent: {why}"))],
        Item::Waits { why, .. } => vec![notice(format!("not sent yet: {why}"))],
    }
}

fn notice(text: impl AsRef<str>) -> Line {
    vec![span(Tone::Dim, "* "), span(Tone::Dim, text)]
}

fn wrong(text: &str) -> Line {
    vec![span(Tone::Bad, "! "), span(Tone::Bad, text)]
}

fn messages(n: usize) -> String {
    count(n as u64, "message", "messages")
}

/// Something about somebody.
fn about(who: &Who, what: &str) -> Line {
    let mut line = vec![span(Tone::Dim, "* ")];
    line.extend(label(who));
    line.push(span(Tone::Dim, format!(" {what}")));
    line
}

fn asks(who: &Who, was_removed: bool, may_invite: bool) -> Line {
    let what = if was_removed { "was removed, and asks to join again" } else { "asks to join" };
    let mut line = about(who, what);
    if may_invite {
        line.push(span(Tone::Dim, ": "));
        line.push(span(Tone::Strong, format!("/invite {}", label_text(who))));
    }
    line
}

fn banner(channel: &Banner) -> Vec<Line> {
    let key = short(&channel.key.to_string());
    let first = match &channel.name {
        Some(name) => vec![
            span(Tone::Plain, "channel "),
            span(Tone::Strong, name),
            span(Tone::Plain, format!(", key {key}…")),
            span(Tone::Dim, "  (whoever has the key can read)"),
        ],
        None => vec![span(Tone::Plain, format!("joining a channel, key {key}…: nothing of it is here yet"))],
    };
    let mut lines = vec![first];
    if !channel.joins {
        lines.extend(join_lines(&channel.key));
    }
    if let Some(recovery) = &channel.recovery {
        let recovery = recovery.to_string_lossy();
        lines.push(notice(format!("the recovery key is in {recovery}: keep it elsewhere")));
        lines.push(notice("it is needed when the admins lose their keys, or these are stolen"));
    }
    let mut me = vec![span(Tone::Dim, "* you are ")];
    me.extend(label(&channel.me));
    let role = match channel.role {
        Some(Role::Admin) => format!(", admin; {}", door_words(channel.door)),
        Some(_) => ", and may write".into(),
        None => ", and may read; who is let in by an admin may write".into(),
    };
    me.push(span(Tone::Dim, role));
    lines.push(me);
    lines
}

/// A command line for others, by itself so that it can be copied whole.
fn join_lines(key: &ChannelKey) -> Vec<Line> {
    let command = format!("{} --name NAME --join {key}", program());
    vec![vec![span(Tone::Plain, "others join with:")], vec![span(Tone::Strong, command)]]
}

/// How this program was called, if that is a way to call it from the same folder, as `cargo run` does; else its name.
fn program() -> String {
    let called = std::env::args_os().next().and_then(|called| called.into_string().ok()).unwrap_or_default();
    let is_path = called.contains('/') && !called.starts_with('/');
    let is_plain = called.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    if is_path && is_plain { called } else { "saga".into() }
}

/// Ports are what others need; which of this machine's addresses they reach it by nobody here knows.
fn listening(addresses: &[SocketAddr]) -> String {
    if addresses.is_empty() {
        return "not listening: others cannot connect here".into();
    }
    let of_all = |address: &SocketAddr| address.ip().is_unspecified();
    let named = addresses.iter().filter(|address| !of_all(address)).map(ToString::to_string);
    let ports: BTreeSet<u16> =
        addresses.iter().filter(|address| of_all(address)).map(SocketAddr::port).collect();
    let words = ports.iter().map(|port| format!("port {port}")).chain(named).collect::<Vec<_>>().join(", ");
    match ports.first() {
        Some(port) => format!("listening on {words}; from other networks: --connect HOST:{port}"),
        None => format!("listening on {words}"),
    }
}

pub(crate) fn door_words(door: Door) -> String {
    let what = match door {
        Door::Open => "whoever connects may write",
        Door::Ask => "who connects may ask to write",
        Door::Invite => "who is to write has to be invited by key",
    };
    format!("door {door}: {what}")
}

/// What somebody may do, in a word.
pub(crate) const fn role_word(person: &Person) -> &'static str {
    match person.role {
        Some(Role::Admin) => "admin",
        Some(_) => "writes",
        None => "reads",
    }
}

pub(crate) fn who(person: &Person) -> Who {
    Who { key: person.key, name: person.name.clone(), is_me: person.is_me, ambiguous: person.ambiguous }
}

fn members(people: &[Person]) -> Vec<Line> {
    let line = |person: &Person| {
        let (mark, tone) = if person.online { ("+ ", Tone::Good) } else { ("- ", Tone::Dim) };
        let mut line = vec![span(tone, mark)];
        line.extend(label(&who(person)));
        let here = if person.is_me {
            "you"
        } else if person.online {
            "here"
        } else {
            "away"
        };
        line.push(span(Tone::Dim, format!("  {}, {here}", role_word(person))));
        line
    };
    people.iter().map(line).collect()
}

fn help() -> Vec<Line> {
    let width = COMMANDS.iter().map(|(call, _)| call.len()).max().unwrap_or(0);
    let line = |(call, what): &(&str, &str)| {
        vec![span(Tone::Strong, format!("{call:<width$}  ")), span(Tone::Plain, what)]
    };
    COMMANDS.iter().map(line).collect()
}
