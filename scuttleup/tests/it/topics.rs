//! What a log is about: told without opening it, and given to an open log that has nothing yet.

use std::sync::Arc;

use level::{Durability, Level, Memory};
use scuttleup::{Error, Log, OpenError, Topic, topic_of};

use crate::support::{assert_clean, dump, export, group, identity, log, take};

const SEVEN: Topic = Topic::from_bytes([7; 32]);

fn open(level: &Memory, topic: Topic) -> Result<Log, OpenError> {
    Log::options().topic(topic).open(Arc::new(level.clone()), identity(1))
}

fn set_format(level: &Memory, row: &[u8]) {
    level.put(level.sub("meta").unwrap(), b"f", row, Durability::Synced).unwrap();
}

#[test]
fn the_topic_of_a_log_is_told_without_opening_it() {
    let level = Memory::new();
    assert_eq!(topic_of(&level).unwrap(), None);
    assert!(level.subs().unwrap().is_empty(), "asking makes nothing");
    level.sub("meta").unwrap();
    assert_eq!(topic_of(&level).unwrap(), None);
    drop(open(&level, SEVEN).unwrap());
    let before = dump(&level);
    assert_eq!(topic_of(&level).unwrap(), Some(SEVEN));
    assert_eq!(dump(&level), before);
    let other = Memory::new();
    drop(open(&other, Topic::OPEN).unwrap());
    assert_eq!(topic_of(&other).unwrap(), Some(Topic::OPEN));
    set_format(&level, &[0, 0, 0, 99]);
    assert!(matches!(topic_of(&level), Err(OpenError::Newer { found: 99, .. })));
    for cut in [0, 3, 4, 35] {
        set_format(&level, &[vec![0, 0, 0, 3], vec![7; 32]].concat()[..cut]);
        assert!(matches!(topic_of(&level), Err(OpenError::Log(Error::Damaged { .. }))), "{cut}");
    }
}

#[test]
fn an_open_log_without_entries_becomes_one_of_the_topic_it_is_opened_with() {
    let level = Memory::new();
    assert!(open(&level, Topic::OPEN).unwrap().opened().created);
    assert!(!open(&level, Topic::OPEN).unwrap().opened().created);
    let log = open(&level, SEVEN).unwrap();
    assert!(log.opened().created);
    assert_eq!((log.topic(), topic_of(&level).unwrap()), (SEVEN, Some(SEVEN)));
    let appended = log.append("first").unwrap();
    assert_eq!(log.get(&appended.id).unwrap().unwrap().header().topic, SEVEN);
    drop(log);
    let log = open(&level, SEVEN).unwrap();
    assert!(!log.opened().created);
    assert_clean(&log);
}

#[test]
fn a_log_without_entries_becomes_one_of_any_kind_and_topic_but_no_open_one() {
    let level = Memory::new();
    drop(open(&level, Topic::from_bytes([8; 32])).unwrap());
    assert!(matches!(open(&level, Topic::OPEN), Err(OpenError::OtherTopic)), "that may be a slip");
    drop(open(&level, SEVEN).unwrap());
    set_format(&level, &[[0, 0, 0, 3].as_slice(), &[0; 32], b"hyperlog"].concat());
    assert!(matches!(open(&level, Topic::OPEN), Err(OpenError::OtherKind { .. })));
    let log = open(&level, SEVEN).unwrap();
    log.append("1").unwrap();
    assert_clean(&log);
}

#[test]
fn any_other_log_stays_about_what_it_is() {
    let refused = |level: &Memory, topic| {
        let before = dump(level);
        assert!(matches!(open(level, topic), Err(OpenError::OtherTopic)));
        assert_eq!(dump(level), before);
    };
    // Of another topic.
    let level = Memory::new();
    open(&level, SEVEN).unwrap().append("1").unwrap();
    refused(&level, Topic::OPEN);
    refused(&level, Topic::from_bytes([8; 32]));
    // An open one, with an entry of its own, of somebody else, or one whose value is gone.
    for own in [true, false] {
        let level = Memory::new();
        let log = open(&level, Topic::OPEN).unwrap();
        if own {
            let appended = log.append("1").unwrap();
            log.del_by_id(&appended.id).unwrap();
        } else {
            take(&log, group(&crate::support::chain(5, 1))).unwrap();
        }
        drop(log);
        refused(&level, SEVEN);
        assert_clean(&open(&level, Topic::OPEN).unwrap());
    }
    // One of another kind.
    let level = Memory::new();
    open(&level, Topic::OPEN).unwrap().append("1").unwrap();
    set_format(&level, &[[0, 0, 0, 3].as_slice(), &[0; 32], b"hyperlog"].concat());
    assert!(matches!(open(&level, SEVEN), Err(OpenError::OtherKind { .. })));
}

/// Damage must not make a log look empty.
#[test]
fn a_log_that_has_lost_its_branches_is_not_taken_for_an_empty_one() {
    let level = Memory::new();
    let log = open(&level, Topic::OPEN).unwrap();
    log.append("1").unwrap();
    drop(log);
    level.del(level.sub("meta").unwrap(), b"b\0\0\0\0", Durability::Synced).unwrap();
    assert!(matches!(open(&level, SEVEN), Err(OpenError::OtherTopic)));
}

#[test]
fn a_log_that_got_its_topic_later_is_one_like_any_other_of_it() {
    let (level, fresh) = (Memory::new(), Memory::new());
    drop(open(&level, Topic::OPEN).unwrap());
    let (late, early) = (open(&level, SEVEN).unwrap(), open(&fresh, SEVEN).unwrap());
    late.append("1").unwrap();
    early.append("1").unwrap();
    assert_eq!(dump(&level), dump(&fresh));
    assert!(log(2).import(&export(&late)[..]).is_err(), "of another topic");
}
