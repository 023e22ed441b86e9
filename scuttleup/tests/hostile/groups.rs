//! Groups that are wrong in one thing each, made of an honest one.

use std::time::Duration;

use replicate::{Cause, Frames, Message};
use scuttleup::GroupError;

use crate::peer::{Victim, drain, finish, honest, reason};
use crate::support::{Forged, chain, group, identity, sign, values};

/// The control of all tests here: unchanged, the group is stored.
#[test]
fn an_honest_group_is_stored_and_acknowledged() {
    let victim = Victim::new();
    let mut session = victim.syncing();
    session.hear(Message::Group(group(&honest()).into()), Duration::ZERO);
    let said = drain(&mut session);
    assert!(
        said.iter().any(|said| matches!(said, Message::Stored(stored) if stored.entries == 3)),
        "{said:?}"
    );
    assert_eq!(values(&victim.log), ["mine", "1", "2", "1", "2", "3"]);
}

#[test]
fn a_wrong_hash_ends_the_session() {
    // The byte before the signature is the last value, which then has another hash, and its entry another id.
    let mut bytes = group(&honest());
    let place = bytes.len() - 65;
    bytes[place] ^= 1;
    assert!(matches!(Victim::new().refuses(bytes), GroupError::BadSignature { .. }));
    // One value earlier, what follows no longer follows, and so does not cover it.
    let mut entries = honest();
    entries[1].value = b"other".to_vec();
    assert!(matches!(Victim::new().refuses(group(&entries)), GroupError::Uncovered { .. }));
}

#[test]
fn a_wrong_or_missing_signature_ends_the_session() {
    let victim = Victim::new();
    let mut entries = honest();
    entries[2].signature = Some(sign(2, &entries[2].id()));
    assert!(matches!(victim.refuses(group(&entries)), GroupError::BadSignature { .. }));
    entries[2].signature = None;
    assert!(matches!(victim.refuses(group(&entries)), GroupError::Uncovered { .. }));
    entries[2].signature = Some([0; 64]);
    assert!(matches!(victim.refuses(group(&entries)), GroupError::BadSignature { .. }));
}

#[test]
fn a_gap_and_an_unknown_parent_end_the_session() {
    let victim = Victim::new();
    let entries = honest();
    assert!(matches!(victim.refuses(group(&entries[1..])), GroupError::UnknownPrevious { .. }));
    let mut skipping = chain(8, 4)[3].clone();
    assert!(matches!(victim.refuses(group(&[skipping.clone()])), GroupError::UnknownPrevious { .. }));
    // An entry that names one that is here, and is not the next after it.
    skipping.prev = Some(chain(8, 2)[1].id());
    assert!(matches!(victim.refuses(group(&[skipping.signed()])), GroupError::BrokenChain { .. }));
}

#[test]
fn a_cut_group_ends_the_session() {
    let entries = honest();
    for len in 1..entries.len() {
        let error = Victim::new().refuses(group(&entries[..len]));
        assert!(matches!(error, GroupError::Uncovered { .. }), "{error:?}");
    }
    let bytes = group(&entries);
    for cut in 0..bytes.len() {
        Victim::new().refuses(bytes[..cut].to_vec());
    }
}

#[test]
fn an_entry_in_somebody_elses_name_ends_the_session() {
    let victim = Victim::new();
    // The victim's own next entry, signed by another.
    let tip = victim.log.tips().into_iter().find(|tip| tip.writer == victim.log.writer()).unwrap();
    let forged = Forged {
        seed: 1,
        writer: identity(9).writer(),
        seq: tip.seq.0 + 1,
        prev: Some(tip.id),
        ..Forged::first(1, "yours")
    };
    assert!(matches!(victim.refuses(group(&[forged.signed()])), GroupError::BadSignature { .. }));
}

#[test]
fn a_fork_in_the_middle_of_a_run_is_kept_and_told() {
    let victim = Victim::new();
    let run = honest();
    let mut session = victim.syncing();
    session.hear(Message::Group(group(&run).into()), Duration::ZERO);
    // After the first of three that one signature covers.
    let fork = vec![run[0].next("another second"), run[0].next("another second").next("third").signed()];
    session.hear(Message::Group(group(&fork).into()), Duration::ZERO);
    session.hear(Message::Sent { left_out: 0 }, Duration::ZERO);
    let said = drain(&mut session);
    assert!(!said.iter().any(|said| matches!(said, Message::Bye(bye) if bye.reason.is_some())), "{said:?}");
    let report = finish(session).unwrap_err().report;
    assert_eq!(report.received, 5);
    let [fork] = report.forks.as_slice() else { panic!("{:?}", report.forks) };
    assert_eq!((fork.seq, fork.writer), (2, *run[0].writer.as_bytes()));
    victim.goes_on();
}

#[test]
fn a_huge_frame_is_refused_before_it_comes() {
    let victim = Victim::new();
    let mut session = victim.syncing();
    let mut frames = Frames::default();
    let mut wire = bytes::BytesMut::from(&replicate::MAGIC[..]);
    wire.extend([0xff, 0xff, 0xff, 0xff, 5]);
    session.broke(frames.decode(&mut wire).unwrap_err());
    drain(&mut session);
    let error = finish(session).unwrap_err();
    assert!(matches!(error.cause, Cause::Frame(_)));
    assert!(reason(&error).contains("4294967295 bytes"), "{}", reason(&error));
    victim.goes_on();
}

#[test]
fn a_peer_that_repeats_what_it_sent_is_stopped() {
    let victim = Victim::new();
    let mut session = victim.syncing();
    let bytes: bytes::Bytes = group(&chain(1, 500)).into();
    let mut rounds = 0;
    while !session.is_over() {
        session.hear(Message::Group(bytes.clone()), Duration::ZERO);
        drain(&mut session);
        rounds += 1;
        assert!(rounds < 20, "it goes on for ever");
    }
    assert!(matches!(finish(session).unwrap_err().cause, Cause::Wasteful { .. }));
    assert_eq!(victim.log.last().0, 503);
}
