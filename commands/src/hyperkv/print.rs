//! Keys and what they hold as lines, for people and for programs.

use std::io::Write;

use hyperkv::{Difference, Json, NodeId, Past, VALUES_MAX, Values, What, Written};
use serde_json::{Map, Value, json};

use super::Kv;
use crate::error::Failure;
use crate::show::{json_line, one_line, place_line, place_object, value_json};

/// The map as it was.
pub(super) type Then = Past<Json<Value>>;

/// A key and what it holds.
pub(super) type Entry = hyperkv::Entry<Value>;

/// What a key holds as one JSON object.
pub(super) fn values(kv: &Kv, key: &[u8], values: Values<Value>, out: &mut dyn Write) -> Result<(), Failure> {
    object(values, |last| kv.page(key, Some(last), VALUES_MAX), out)
}

/// Values as one JSON object. Written page by page: there may be more than fits into the memory.
fn object(
    values: Values<Value>,
    behind: impl Fn(NodeId) -> Result<Vec<hyperkv::Value<Value>>, hyperkv::Error>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let whole = values.is_whole();
    let mut page: Vec<_> = values.into_iter().collect();
    out.write_all(b"{")?;
    let mut between = "";
    while let Some(last) = page.last().map(|value| value.id) {
        fields(&page, &mut between, out)?;
        page = if whole { Vec::new() } else { behind(last)? };
    }
    Ok(out.write_all(b"}")?)
}

/// Values as fields of a JSON object; `between` stands before each but the first.
fn fields(values: &[hyperkv::Value<Value>], between: &mut &str, out: &mut dyn Write) -> Result<(), Failure> {
    for value in values {
        let object = with_what(Map::new(), &value.what, &value.fields);
        write!(out, "{between}\"{}\":{}", value.id, json_line(&object))?;
        *between = ",";
    }
    Ok(())
}

/// What stands before the values of a key.
fn start(key: &[u8], name: &str, json: bool) -> String {
    if json { format!("{{\"key\":{},\"{name}\":", json_line(&value_json(key))) } else { key_line(key) + "\t" }
}

/// A key and what it holds, and a newline.
pub(super) fn entry(kv: &Kv, entry: Entry, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let Entry { key, values: held } = entry;
    out.write_all(start(&key, "values", json).as_bytes())?;
    values(kv, &key, held, out)?;
    Ok(out.write_all(if json { b"}\n" } else { b"\n" })?)
}

/// As [`entry`], of many values the first [`SOME`] alone, and how many there are.
pub(super) fn start_of_entry(entry: Entry, json: bool, out: &mut dyn Write) -> Result<(), Failure> {
    let Entry { key, values: held } = entry;
    let more = held.len().saturating_sub(SOME as u64);
    let some: Vec<_> = held.into_iter().take(SOME).collect();
    write!(out, "{}{{", start(&key, "values", json))?;
    fields(&some, &mut "", out)?;
    Ok(match (more, json) {
        (0, true) => writeln!(out, "}}}}"),
        (0, false) => writeln!(out, "}}"),
        (more, true) => writeln!(out, "}},\"more\":{more}}}"),
        (more, false) => writeln!(out, "}}\tand {more} more"),
    }?)
}

/// Values that are printed of a key while others go on writing it.
const SOME: usize = 16;

/// A key and what it held before and after, and a newline.
pub(super) fn difference(
    (before, after): (&Then, &Then),
    difference: Difference<Value>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let Difference { key, from, to } = difference;
    out.write_all(start(&key, "from", json).as_bytes())?;
    object(from, |last| before.page(&key, Some(last), VALUES_MAX), out)?;
    out.write_all(if json { b",\"to\":" } else { b"\t" })?;
    object(to, |last| after.page(&key, Some(last), VALUES_MAX), out)?;
    Ok(out.write_all(if json { b"}\n" } else { b"\n" })?)
}

/// A write as a line for people.
pub(super) fn written_line(written: &Written<Value>) -> String {
    let what = match &written.what {
        What::Put(value) => json_line(value),
        What::Deleted => "(deleted)".into(),
        What::Unreadable(why) => format!("(unreadable: {})", one_line(why)),
    };
    place_line(written.change, &written.id, &written.writer, written.seq, &written.links, &what)
}

/// A write in JSON.
pub(super) fn written_json(written: &Written<Value>) -> String {
    let mut object = place_object(written.change, &written.id, &written.writer, written.seq, &written.links);
    object.insert("key".into(), value_json(&written.key));
    json_line(&with_what(object, &written.what, &written.fields))
}

fn with_what(mut object: Map<String, Value>, what: &What<Value>, fields: &[u8]) -> Value {
    let (name, value) = match what {
        What::Put(value) => ("value", value.clone()),
        What::Deleted => ("deleted", json!(true)),
        What::Unreadable(why) => ("unreadable", json!(why)),
    };
    object.insert(name.into(), value);
    if !fields.is_empty() {
        object.insert("fields".into(), value_json(fields));
    }
    Value::Object(object)
}

/// A key as it is, where nothing else looks like that; else in JSON. A tab never stands in it.
fn key_line(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.starts_with(['"', '{']) && one_line(text) == text => text.into(),
        _ => json_line(&value_json(key)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::key_line;

    #[test]
    fn no_two_keys_look_alike_and_none_splits_its_line() {
        let keys: [&[u8]; 12] = [
            b"a",
            b" a",
            b"a b",
            b"a\tb",
            b"a\\tb",
            b"\"a\\tb\"",
            b"a\nb",
            b"\xff",
            b"{\"base64\":\"/w==\"}",
            "\u{202e}a".as_bytes(),
            b"\\u202ea",
            "gr\u{fc}\u{df}e".as_bytes(),
        ];
        let shown: BTreeSet<String> = keys.iter().map(|key| key_line(key)).collect();
        assert_eq!(shown.len(), keys.len(), "{shown:?}");
        assert!(shown.iter().all(|key| !key.contains(['\t', '\n', '\u{202e}'])), "{shown:?}");
        assert_eq!([key_line(b"a b"), key_line(b"a\tb")], ["a b", "\"a\\tb\""]);
    }
}
