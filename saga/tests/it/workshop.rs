//! The problems of the chat workshop, by their numbers and names.

use saga::{Door, Event, Memory, Role, Saga};
use serde_json::json;

use crate::place::{connected, founder, member, options, reader, sync, texts, until};

/// Problem 05, constructor (SG-1).
#[test]
fn a_chat_is_made_of_a_storage_a_key_and_a_username() {
    let before = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    let saga = Saga::open(Memory::new(), None, "username").unwrap();
    assert_eq!(saga.username(), "username");
    assert!(saga.users().is_empty());
    assert!(saga.messages().unwrap().is_empty());
    assert!(u128::from(saga.timestamp()) >= before);
    assert!(saga.db().get("anything").unwrap().is_empty());
}

/// Problem 06, writeMessage (SG-2).
#[test]
fn write_message_returns_the_key_under_which_it_can_be_read() {
    let saga = founder("username");
    let one = saga.write_message("message1").unwrap();
    let two = saga.write_message("message2").unwrap();
    assert_ne!(one, two);
    for (key, text) in [(&one, "message1"), (&two, "message2")] {
        let values = saga.db().get(key).unwrap();
        let value = values.one().unwrap();
        assert!(key.starts_with("messages/"));
        assert_eq!(value["message"], text);
        assert_eq!(value["username"], "username");
        assert_eq!(value["key"], **key);
        assert!(value["timestamp"].is_u64());
    }
}

/// Problem 06: a write that fails says so.
#[test]
fn write_message_fails_for_who_may_not_write() {
    let ana = founder("ana");
    let ben = reader(&ana, "ben");
    assert!(matches!(ben.write_message("hi"), Err(saga::Error::NotAuthorized(_))));
    sync(&ana, &ben);
    let error = ben.write_message("hi").unwrap_err();
    assert!(error.to_string().contains("an admin has to authorize it"), "{error}");
    assert!(texts(&ben).is_empty());
}

/// Problem 07, initialize (SG-3).
#[test]
fn messages_that_were_written_before_are_there_when_it_is_opened_again() {
    let storage = Memory::new();
    let saga = Saga::open(storage.clone(), None, "username").unwrap();
    saga.write_message("message1").unwrap();
    saga.write_message("message2").unwrap();
    let (key, writer) = (saga.key(), saga.writer());
    drop(saga);
    let saga = Saga::open(storage.clone(), None, "username").unwrap();
    assert_eq!(texts(&saga), ["message1", "message2"]);
    assert_eq!((saga.key(), saga.writer()), (key, writer));
    saga.write_message("message3").unwrap();
    let other = founder("other").key();
    drop(saga);
    assert!(matches!(Saga::open(storage, Some(other), "username"), Err(saga::Error::OtherChannel)));
}

/// Problem 07, events (SG-4).
#[test]
fn a_new_message_is_told_whoever_wrote_it() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let mut told = ana.subscribe("test").unwrap();
    assert!(told.try_next().is_none());
    let key = ana.write_message("hi").unwrap();
    let message = told.try_next().unwrap().unwrap();
    assert_eq!((message.text.as_str(), &message.key, message.writer), ("hi", &key, ana.writer()));
    ben.write_message("hello").unwrap();
    sync(&ana, &ben);
    let message = told.try_next().unwrap().unwrap();
    assert_eq!((message.text.as_str(), message.username.as_str()), ("hello", "ben"));
    assert!(told.try_next().is_none());
}

/// Problem 08, authorize (SG-5).
#[test]
fn to_authorize_twice_is_fine() {
    let ana = founder("ana");
    let ben = reader(&ana, "ben");
    for _ in 0..2 {
        ana.invite(ben.writer(), Role::Writer).unwrap();
        assert!(ana.channel().authorized(&ben.writer()).unwrap());
    }
    // The founder's grant, and one for ben.
    assert_eq!(ana.channel().grants().unwrap().len(), 2);
}

/// Problem 09, connect (SG-6): with the workshop's door, whoever connects is authorized.
#[tokio::test]
async fn who_connects_through_an_open_door_is_authorized() {
    let ana = founder("ana");
    ana.set_door(Door::Open);
    let ben = reader(&ana, "ben");
    connected(&ana, &ben, async {
        until("ben may write", || ben.channel().authorized(&ben.writer()).unwrap()).await;
    })
    .await;
    assert!(ana.channel().authorized(&ben.writer()).unwrap());
    ben.write_message("thanks").unwrap();
}

/// SG-7, SG-10: join and leave.
#[tokio::test]
async fn who_connects_joins_and_who_says_goodbye_leaves() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let mut events = ana.events();
    let next = async |events: &mut saga::Events| match events.recv().await {
        Some(hyperlog::News::Event(event)) => event,
        other => panic!("{other:?}"),
    };
    let (left, right) = tokio::io::duplex(64 << 10);
    let ending = async {
        let Event::Join(user) = next(&mut events).await else { panic!("joined") };
        assert_eq!((user.key, user.username.as_str()), (ben.writer(), "ben"));
        assert_eq!(user.timestamp, ben.timestamp());
        assert_eq!(ana.users(), std::slice::from_ref(&user));
        ben.leave().await;
        assert_eq!(next(&mut events).await, Event::Leave(user));
        assert!(ana.users().is_empty());
    };
    let (one, other, ()) = tokio::join!(ana.replicate(left), ben.replicate(right), ending);
    assert!(one.unwrap().complete && other.unwrap().complete);
}

/// SG-8: what is written while they are connected arrives.
#[tokio::test]
async fn replication_is_live() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    ana.write_message("before").unwrap();
    connected(&ana, &ben, async {
        until("the history", || texts(&ben) == ["before"]).await;
        ben.write_message("now").unwrap();
        until("what is new", || texts(&ana) == ["before", "now"]).await;
    })
    .await;
}

/// SG-11: operations, from which a state can be built.
#[test]
fn every_operation_is_told_under_its_own_key() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let mut keys = Vec::new();
    for n in 0..4 {
        keys.push((ana.write_operation(json!({ "add": n })).unwrap(), json!({ "add": n })));
        keys.push((ben.write_operation(json!(["from ben", n])).unwrap(), json!(["from ben", n])));
    }
    sync(&ana, &ben);
    for saga in [&ana, &ben] {
        let mut told = Vec::new();
        let mut feed = saga.operations_from("state").unwrap();
        while let Some(operation) = feed.try_next() {
            let operation = operation.unwrap();
            assert!(operation.key.starts_with("operations/"));
            told.push((operation.key, operation.operation));
        }
        let mut wanted = keys.clone();
        told.sort_by(|one, other| one.0.cmp(&other.0));
        wanted.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(told, wanted);
        assert!(saga.messages().unwrap().is_empty());
    }
    assert_eq!(ana.operations().unwrap(), ben.operations().unwrap());
}

/// SG-9: who is back soon has not left.
#[tokio::test]
async fn a_flap_is_no_leave_and_staying_away_is() {
    let grace = std::time::Duration::from_millis(400);
    let ana = options().leave_after(grace).open(std::sync::Arc::new(Memory::new()), None, "ana").unwrap();
    let ben = member(&ana, "ben");
    let mut events = ana.events();
    for _ in 0..3 {
        let (left, right) = tokio::io::duplex(64 << 10);
        let flap = async {
            // Dropped in the middle: nobody says goodbye.
            let _ = tokio::time::timeout(grace / 3, ben.replicate(right)).await;
        };
        let (broke, ()) = tokio::join!(ana.replicate(left), flap);
        assert!(broke.is_err());
    }
    assert_eq!(ana.users().len(), 1);
    tokio::time::sleep(2 * grace).await;
    assert!(ana.users().is_empty());
    let mut joined = Vec::new();
    while let Some(hyperlog::News::Event(event)) = events.try_next() {
        match event {
            Event::Join(_) => joined.push("join"),
            Event::Leave(_) => joined.push("leave"),
            _ => {}
        }
    }
    assert_eq!(joined, ["join", "leave"]);
}

/// Who was let in while the feed was open is told all that comes, its own and the others'.
#[tokio::test]
async fn a_feed_that_was_opened_before_anything_was_here_tells_everything() {
    let ana = founder("ana");
    let ben = reader(&ana, "ben");
    let mut feed = ben.subscribe("screen").unwrap();
    assert!(feed.try_next().is_none());
    connected(&ana, &ben, async {
        until("ben asks", || !ana.requests().unwrap().is_empty()).await;
        ana.invite(ben.writer(), Role::Writer).unwrap();
        until("ben may write", || ben.channel().authorized(&ben.writer()).unwrap()).await;
        let mut told = Vec::new();
        for n in 0..5 {
            ana.write_message(&format!("ana {n}")).unwrap();
            ben.write_message(&format!("ben {n}")).unwrap();
            until("both are told", || {
                told.extend(std::iter::from_fn(|| feed.try_next()).map(|message| message.unwrap().text));
                told.len() == 2 * n + 2
            })
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_takes_another_name_is_called_so_at_once() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    connected(&ana, &ben, async {
        until("ben is here", || ana.users().len() == 1).await;
        ben.set_username("benjamin").unwrap();
        until("he is called so", || ana.users()[0].username == "benjamin").await;
        assert_eq!(ana.find("benjamin").unwrap(), ben.writer());
    })
    .await;
}
