//! Values and nodes as text and as JSON.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hyperlog::{Change, Content, Kind, Node, NodeId};
use scuttleup::{Entry, Seq, Value as EntryValue, WriterId};
use serde_json::{Map, Value, json};

/// The kind of log where everybody may write.
pub(crate) const OPEN_LOG: &str = "hyperlog";

/// What a kind of log is called here. Anybody may have written it.
pub(crate) fn kind_of_log(kind: &str) -> String {
    match kind {
        OPEN_LOG => "an open log".into(),
        hyperlog_writers::KIND => "a channel".into(),
        other => format!("a log of {}", one_line(other)),
    }
}

/// A value in JSON: text when it is UTF-8, else its bytes in base64.
pub(crate) fn value_json(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

/// A node in JSON. A value that is not here is null, and a flag says why. So does one that it does not count.
pub(crate) fn node_json(node: &Node, void: bool) -> String {
    let mut object = place_object(node.change, &node.id, &node.writer, node.seq, &node.links);
    object.insert("value".into(), node.value().map_or(Value::Null, |bytes| value_json(bytes)));
    match node.value {
        Content::Here(_) => {}
        Content::Deleted => drop(object.insert("deleted".into(), json!(true))),
        Content::Pending => drop(object.insert("pending".into(), json!(true))),
        Content::Unwanted => drop(object.insert("unwanted".into(), json!(true))),
        Content::Policy => drop(object.insert("kind".into(), json!(kind_word(node.kind)))),
    }
    if void {
        object.insert("void".into(), json!(true));
    }
    json_line(&Value::Object(object))
}

/// What a node of the policy is for.
const fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Genesis => "genesis",
        Kind::Grant => "grant",
        Kind::Revoke => "revoke",
        _ => "data",
    }
}

/// Where a node stands, in JSON.
pub(crate) fn place_object(
    change: Change,
    id: &NodeId,
    writer: &WriterId,
    seq: Seq,
    links: &[NodeId],
) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("change".into(), json!(change.0));
    object.insert("id".into(), json!(id.to_string()));
    object.insert("writer".into(), json!(writer.to_string()));
    object.insert("seq".into(), json!(seq.0));
    object.insert("links".into(), links.iter().map(ToString::to_string).collect());
    object
}

/// An entry in JSON, under the names of the original.
pub(crate) fn entry_json(entry: &Entry) -> String {
    let mut object = entry_object(&entry.writer(), entry.seq(), entry.value().bytes());
    match entry.value() {
        EntryValue::Here(_) => {}
        EntryValue::Deleted => drop(object.insert("deleted".into(), json!(true))),
        EntryValue::Pending => drop(object.insert("pending".into(), json!(true))),
        EntryValue::Unwanted => drop(object.insert("unwanted".into(), json!(true))),
    }
    json_line(&Value::Object(object))
}

/// The value of an entry in JSON.
pub(crate) fn value_of_json(peer: &WriterId, seq: Seq, value: &Bytes) -> String {
    json_line(&Value::Object(entry_object(peer, seq, Some(value))))
}

fn entry_object(peer: &WriterId, seq: Seq, value: Option<&Bytes>) -> Map<String, Value> {
    let value = value.map_or(Value::Null, |bytes| value_json(bytes));
    let fields = [("peer", json!(peer.to_string())), ("seq", json!(seq.0)), ("entry", value)];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A node as a line for people: everything that the next command needs can be copied from it.
pub(crate) fn node_line(node: &Node, void: bool) -> String {
    let mut value = match &node.value {
        Content::Here(bytes) => value_line(bytes),
        Content::Deleted => "(deleted)".into(),
        Content::Pending => "(not here yet)".into(),
        Content::Unwanted => "(not kept: does not count)".into(),
        Content::Policy => format!("({})", kind_word(node.kind)),
    };
    if void {
        value.insert_str(0, "(void) ");
    }
    place_line(node.change, &node.id, &node.writer, node.seq, &node.links, &value)
}

/// Where a node stands, and then what it says.
pub(crate) fn place_line(
    change: Change,
    id: &NodeId,
    writer: &WriterId,
    seq: Seq,
    links: &[NodeId],
    value: &str,
) -> String {
    let links: Vec<String> = links.iter().map(|link| short(&link.to_string())).collect();
    let links = if links.is_empty() { String::new() } else { format!(" <- {}", links.join(" ")) };
    let writer = short(&writer.to_string());
    format!("{:>6}  {id}  {writer}/{}{links}  {value}", change.0, seq.0)
}

/// An entry as a line for people.
pub(crate) fn entry_line(entry: &Entry) -> String {
    let value = match entry.value() {
        EntryValue::Here(bytes) => value_line(bytes),
        EntryValue::Deleted => "(deleted)".into(),
        EntryValue::Pending => "(not here yet)".into(),
        EntryValue::Unwanted => "(not kept)".into(),
    };
    format!("{} {:>6}  {value}", entry.writer(), entry.seq())
}

fn value_line(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => one_line(text),
        Err(_) => format!("({} bytes that are not text)", bytes.len()),
    }
}

/// The first digits of an id, for the eye.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(8).collect()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A number of things, in words that fit it.
pub(crate) fn count(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// JSON in one line that is safe for a terminal, too: what [`one_line`] escapes is escaped here as JSON
/// does it, so that it says the same.
pub(crate) fn json_line(value: &Value) -> String {
    let mut out = String::new();
    for c in value.to_string().chars() {
        if c.is_control() || is_invisible(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Text that anybody may have written, made safe for a terminal: nothing in it moves the cursor, changes
/// colours, or turns the direction of writing.
pub(crate) fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || is_invisible(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    out
}

const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{e0100}'..='\u{e01ef}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Writes a value: as it is to a file or program, made safe and with a newline to a terminal.
pub(crate) fn write_value(bytes: &[u8], out: &mut dyn Write, terminal: bool) -> io::Result<()> {
    if !terminal {
        return out.write_all(bytes);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            for line in text.lines() {
                writeln!(out, "{}", one_line(line))?;
            }
            Ok(())
        }
        Err(_) => writeln!(out, "{}", value_line(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        for hostile in [
            "\u{1b}[2J",
            "a\rb",
            "a\nb",
            "\u{7}",
            "\u{9b}31m",
            "\u{202e}gnp",
            "\u{2066}",
            "\u{feff}",
            "\u{e0041}",
        ] {
            let shown = one_line(hostile);
            assert!(!shown.chars().any(|c| c.is_control() || is_invisible(c)), "{shown:?}");
        }
        assert_eq!(one_line("grüße, 世界"), "grüße, 世界");
    }

    #[test]
    fn json_for_a_terminal_says_the_same_as_any_other() {
        for hostile in ["\u{1b}[2J", "\u{7f}", "\u{9b}31m", "\u{202e}gnp", "\u{feff}", "\u{e0041}", "\\\"\n"]
        {
            let value = json!({ hostile: hostile });
            let shown = json_line(&value);
            assert!(!shown.chars().any(|c| c.is_control() || is_invisible(c)), "{shown:?}");
            assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
        }
    }
}
