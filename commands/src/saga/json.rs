//! Items for programs: one JSON object each, which says in `type` what it is.

use saga::{Person, Role, fingerprint};
use serde_json::{Map, Value, json};

use super::item::{Banner, Item, Said, Who};
use crate::show::json_line;

/// An item as lines of JSON.
pub(crate) fn lines(item: &Item) -> Vec<String> {
    objects(item).iter().map(json_line).collect()
}

fn objects(item: &Item) -> Vec<Value> {
    let one = |value| vec![value];
    match item {
        Item::Said(message) => one(said("message", message)),
        // Not of the type `message`: that one comes once.
        Item::History(messages) => messages.iter().map(|message| said("history", message)).collect(),
        Item::Skipped(n) => one(json!({ "type": "skipped", "count": n })),
        Item::New(n) => one(json!({ "type": "new", "count": n })),
        Item::Channel(channel) => one(banner(channel)),
        Item::Key(key, writer) => {
            one(json!({ "type": "key", "key": key.to_string(), "writer": writer.to_string() }))
        }
        Item::Listening(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            one(json!({ "type": "listening", "addresses": addresses }))
        }
        Item::Joined(who) => one(about("join", who)),
        Item::Left(who) => one(about("leave", who)),
        Item::Admitted(who) => one(about("admitted", who)),
        Item::Asks { who, was_removed, .. } => {
            let mut object = about("request", who);
            object["was_removed"] = json!(was_removed);
            one(object)
        }
        Item::SameName { who } => one(about("same_name", who)),
        Item::Broke { who, why } => {
            let mut object = about("broke", who);
            object["why"] = json!(why);
            one(object)
        }
        Item::Net(what) => one(json!({ "type": "net", "text": what })),
        Item::Members(people) => {
            one(json!({ "type": "members", "members": people.iter().map(person).collect::<Vec<_>>() }))
        }
        Item::Requests { asking, .. } => {
            let asking: Vec<Value> = asking.iter().map(|(who, _)| Value::Object(somebody(who))).collect();
            one(json!({ "type": "requests", "requests": asking }))
        }
        Item::Door(door) => one(json!({ "type": "door", "door": door.to_string() })),
        Item::Help => {
            one(json!({ "type": "help", "commands": super::input::COMMANDS.map(|(call, _)| call) }))
        }
        Item::Done(what) => one(json!({ "type": "done", "text": what })),
        Item::Wrong(why) => one(json!({ "type": "error", "why": why })),
        Item::NotSent { text, why } => one(json!({ "type": "not_sent", "text": text, "why": why })),
        Item::Waits { text, why } => one(json!({ "type": "waits", "text": text, "why": why })),
    }
}

fn said(kind: &str, Said { message, by }: &Said) -> Value {
    json!({
        "type": kind,
        "key": message.key,
        "id": message.position.id.to_string(),
        "writer": message.writer.to_string(),
        "name": by.name,
        "fingerprint": fingerprint(&message.writer),
        "ambiguous": by.ambiguous,
        "mine": by.is_me,
        "text": message.text,
        "timestamp": message.timestamp,
        "shown": message.shown,
    })
}

fn somebody(who: &Who) -> Map<String, Value> {
    let fields = [
        ("writer", json!(who.key.to_string())),
        ("name", json!(who.name)),
        ("fingerprint", json!(fingerprint(&who.key))),
        ("ambiguous", json!(who.ambiguous)),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn about(kind: &str, who: &Who) -> Value {
    let mut object = Map::new();
    object.insert("type".into(), json!(kind));
    object.extend(somebody(who));
    Value::Object(object)
}

fn person(person: &Person) -> Value {
    let mut object = somebody(&super::show::who(person));
    object.insert("role".into(), json!(person.role.map(|role| role.to_string())));
    object.insert("online".into(), json!(person.online));
    object.insert("mine".into(), json!(person.is_me));
    Value::Object(object)
}

fn banner(channel: &Banner) -> Value {
    json!({
        "type": "channel",
        "key": channel.key.to_string(),
        "name": channel.name,
        "writer": channel.me.key.to_string(),
        "username": channel.me.name,
        "fingerprint": fingerprint(&channel.me.key),
        "role": channel.role.map(|role: Role| role.to_string()),
        "door": channel.door.to_string(),
        "recovery": channel.recovery.as_ref().map(|path| path.to_string_lossy()),
    })
}
