//! What a session tells while it runs, and what it never shows.

use bytes::Bytes;
use replicate::{Event, Message, Options, Outgoing, Progress, Report, Session};

use crate::dice::{Dice, seeds};
use crate::talk::{Talk, assert_ascends, random_logs, tiny};
use crate::toy::Toy;

fn progress(events: &[Event]) -> Vec<Progress> {
    let of = |event: &Event| if let Event::Progress(progress) = event { Some(*progress) } else { None };
    events.iter().filter_map(of).collect()
}

fn assert_tells(events: &[Event], report: &Report) {
    let progress = progress(events);
    progress.iter().zip(progress.iter().skip(1)).for_each(|(before, after)| assert_ascends(before, after));
    let names: Vec<usize> = events
        .iter()
        .map(|event| match event {
            Event::Met(_) => 0,
            Event::Synced { .. } => 2,
            _ => 1,
        })
        .collect();
    assert_eq!(names.first(), Some(&0), "whoever is there is met first, and once");
    assert_eq!(names.iter().filter(|name| **name == 0).count(), 1);
    assert_eq!(names.iter().filter(|name| **name == 2).count(), 1);
    let Some(last) = progress.last() else { panic!("no progress") };
    assert_eq!(last.sent, report.sent);
    assert_eq!(last.acknowledged, report.sent);
    assert_eq!(last.received, report.received + report.duplicates);
    assert!(last.to_send.is_none_or(|total| last.sent <= total));
    assert!(last.to_receive.is_none_or(|total| last.received <= total));
    let forks = events.iter().filter(|event| matches!(event, Event::Fork(_))).count();
    assert_eq!(forks, report.forks.len());
}

#[test]
fn progress_goes_forward_and_ends_where_the_report_does() {
    seeds(0..200, |seed| {
        let dice = &mut Dice(seed);
        let (a, b) = random_logs(dice, 4, 60);
        let limits = tiny(dice);
        let options = || Options::default().limits(limits);
        let mut talk = Talk::new(&a, options(), &b, options());
        talk.run_randomly(dice, |_, _, _| {});
        let events = talk.ends.each_ref().map(|end| end.events.clone());
        let reports = talk.finish().map(Result::unwrap);
        for (events, report) in events.iter().zip(&reports) {
            assert_tells(events, report);
        }
    });
}

#[test]
fn totals_are_known_before_the_first_group() {
    let (a, b) = (Toy { per_group: 1, ..Toy::default() }, Toy::default());
    a.chain(1, 9);
    b.chain(2, 4);
    let mut talk = Talk::new(&a, Options::default(), &b, Options::default());
    talk.settle();
    for (end, to_send, to_receive) in [(&talk.ends[0], 9, 4), (&talk.ends[1], 4, 9)] {
        for progress in progress(&end.events) {
            assert!(progress.sent == 0 || progress.to_send == Some(to_send), "{progress:?}");
            assert!(progress.received == 0 || progress.to_receive == Some(to_receive), "{progress:?}");
        }
        assert_eq!(end.last_progress().to_send, Some(to_send));
        assert_eq!(end.last_progress().to_receive, Some(to_receive));
    }
}

/// The negative control of the checker.
#[test]
#[should_panic(expected = "sent: 2")]
fn progress_that_goes_back_would_be_noticed() {
    let mut before = Progress::default();
    before.sent = 2;
    assert_ascends(&before, &Progress::default());
}

#[test]
fn events_that_nobody_takes_do_not_pile_up() {
    let (a, b) = (Toy { per_group: 1, ..Toy::default() }, Toy::default());
    a.chain(1, 2_000);
    let mut one = Session::new(&a, Options::default(), std::time::Duration::ZERO).unwrap();
    let mut other = Session::new(&b, Options::default(), std::time::Duration::ZERO).unwrap();
    loop {
        let (said, heard) = (one.say(), other.say());
        if said.is_none() && heard.is_none() {
            break;
        }
        said.into_iter().for_each(|message| other.hear(message, std::time::Duration::ZERO));
        heard.into_iter().for_each(|message| one.hear(message, std::time::Duration::ZERO));
    }
    assert_eq!(b.len(), 2_000);
    for mut session in [one, other] {
        let events = std::iter::from_fn(|| session.next_event()).count();
        assert!(events < 10, "{events}");
    }
}

const SECRET: &str = "my secret";

/// As text and as a list of numbers.
fn shows(debug: &str) -> bool {
    debug.contains(SECRET) || debug.contains("109, 121, 32, 115") || debug.contains("109,\n")
}

#[test]
fn nothing_shows_payloads() {
    let secret = || Bytes::from(SECRET);
    let options = Options::default().metadata(secret());
    let toy = Toy::default();
    let mut session = Session::new(&toy, options.clone(), std::time::Duration::ZERO).unwrap();
    let hello = session.say().unwrap();
    let other = Toy::default();
    let mut talk = Talk::new(&toy, options.clone(), &other, options.clone());
    talk.settle();
    let events = format!("{:?}", talk.ends[1].events);
    let [report, _] = talk.finish().map(Result::unwrap);
    let messages = [hello, Message::Group(secret()), Message::Value { id: [0; 32], value: secret() }];
    let mut texts = vec![events, format!("{options:?}"), format!("{session:?}"), format!("{report:?}")];
    texts.extend(
        messages.iter().flat_map(|message| [format!("{message:?} {message:#?}"), message.to_string()]),
    );
    texts.push(format!("{:?}", Outgoing { bytes: secret(), entries: 1 }));
    for text in texts {
        assert!(!shows(&text), "{text}");
    }
    // The negative control.
    assert!(shows(&format!("{:?}", secret())) && shows(&format!("{:?}", SECRET.as_bytes())));
}
