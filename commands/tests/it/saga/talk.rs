//! Talking: who says what reaches everybody, once, and stays.

use std::io::Write as _;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Talker, ana_and_ben, once, talker, texts};
use crate::place::{Place, run};

#[test]
fn two_find_each_other_by_address_and_talk_and_restarts_keep_it() {
    let place = Place::new();
    let (mut ana, mut ben) = ana_and_ben(&place);
    ana.writes("hello ben");
    let said = ben.reads("hello ben");
    assert_eq!((&said["name"], &said["mine"]), (&"ana".into(), &false.into()));
    ben.writes("hello ana");
    ben.says("//x");
    ben.reads("/x");
    ana.reads("hello ana");
    ana.reads("/x");
    let history = ana.history();
    assert_eq!(history, ["hello ben", "hello ana", "/x"]);
    assert_eq!(ben.history(), history);
    let key = ana.key();
    ben.ends().well();
    ana.hears("leave", |value| value["name"] == "ben");
    ana.ends().well();
    for (name, told) in [("ana", None), ("ben", None::<&str>)] {
        let mut again = Talker::of(name, &mut talker(&place, name));
        assert_eq!(again.key(), key);
        assert_eq!(again.history(), history);
        assert!(!again.heard(|value| value["type"] == "message" && told.is_none()), "told once, by pipes");
        again.ends().well();
    }
}

#[test]
fn a_bot_is_told_each_message_once_over_restarts_and_all_again_on_demand() {
    let place = Place::new();
    let (mut ana, ben) = ana_and_ben(&place);
    let address = ana.address().to_string();
    ana.writes("one");
    let first = ben.ends().well();
    ana.writes("two");
    ana.writes("three");
    let ben = |args: &[&str]| {
        let mut command = talker(&place, "ben");
        Talker::of("ben", command.args(["--connect", &address]).args(args))
    };
    let mut second = ben(&[]);
    second.reads("three");
    second.writes("four");
    ana.reads("four");
    // Whoever is killed loses nothing, and is at most told the last one again.
    second.tell(Signal::KILL);
    let second = second.ended().heard;
    ana.writes("five");
    let mut third = ben(&[]);
    third.reads("five");
    let third = third.ends().well();
    let told: Vec<&str> = texts(&first).into_iter().chain(texts(&second)).chain(texts(&third)).collect();
    // What was asked for above is not among them.
    assert!(
        ["one", "two"].iter().all(|text| told.iter().filter(|told| *told == text).count() == 1),
        "{told:?}"
    );
    assert!(!texts(&third).contains(&"three"));
    let again = once(talker(&place, "ben").arg("--from-start"), "");
    assert_eq!(texts(&again), ["one", "two", "three", "four", "five"]);
    assert!(texts(&once(&mut talker(&place, "ben"), "")).is_empty());
}

#[test]
fn what_is_piped_in_arrives_before_the_goodbye() {
    let place = Place::new();
    let (mut ana, ben) = ana_and_ben(&place);
    ben.ends().well();
    let address = ana.address().to_string();
    let lines: String = (0..200).map(|n| format!("line {n}\n")).collect();
    once(talker(&place, "ben").args(["--connect", &address]), &lines);
    ana.reads("line 199");
    let history = ana.history();
    assert_eq!(history.len(), 200);
    assert!(history.iter().enumerate().all(|(n, text)| *text == format!("line {n}")));
}

#[test]
fn plain_pipes_print_messages_alone_and_say_the_rest_elsewhere() {
    let place = Place::new();
    let ran = run(super::saga(&place, "ana").args(["--door", "ask"]), b"hello\n/help\n/nonsense\nbye");
    let said = ran.stderr.clone();
    let printed = ran.done();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines.len(), 2, "{printed}");
    assert!(lines[0].ends_with(": hello") && lines[1].ends_with(": bye"), "{printed}");
    assert!(lines[0].starts_with("20") && lines[0].contains(" ana~"), "{printed}");
    for word in
        ["channel ana", "others join with:", "saga --name NAME --join ", "/members", "no command /nonsense"]
    {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn a_line_that_cannot_be_sent_is_told_and_the_others_are_sent() {
    let place = Place::new();
    let mut ana = Talker::founds(&place, "ana", "ask");
    let stdin = ana.stdin.as_mut().unwrap();
    stdin.write_all(b"one\n\xff\xfe\n").unwrap();
    stdin.write_all(&[b'x'; 200_000]).unwrap();
    stdin.write_all(b"\n\n/door ajar\ntwo").unwrap();
    let ended = ana.ends();
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stderr, "saga: 2 lines were not sent, as it was said\n");
    let heard = ended.heard;
    assert_eq!(texts(&heard), ["one", "two"]);
    let why: Vec<_> = heard.iter().filter(|value| value["type"] == "error").collect();
    assert_eq!(why.len(), 3, "{why:?}");
    assert!(why[1]["why"].as_str().unwrap().contains("200000"));
}

#[test]
fn who_is_asked_to_end_says_goodbye_at_once() {
    let place = Place::new();
    let (mut ana, ben) = ana_and_ben(&place);
    let address = ana.address().to_string();
    let mut ben = Some(ben);
    for signal in [Signal::INT, Signal::TERM] {
        let mut ben = ben
            .take()
            .unwrap_or_else(|| Talker::of("ben", talker(&place, "ben").args(["--connect", &address])));
        ana.hears("join", |value| value["name"] == "ben");
        ben.hears("join", |value| value["name"] == "ana");
        let start = Instant::now();
        ben.tell(signal);
        ana.hears("leave", |value| value["name"] == "ben");
        assert!(start.elapsed() < Duration::from_secs(10), "not only once it was missed");
        ben.ended().well();
    }
    ana.says("/quit");
    ana.ended().well();
}

#[test]
fn who_is_asked_twice_ends_without_a_goodbye() {
    let place = Place::new();
    let (mut ana, ben) = ana_and_ben(&place);
    ana.hears("join", |_| true);
    // Who does not answer is waited for.
    ben.tell(Signal::STOP);
    ana.tell(Signal::INT);
    std::thread::sleep(Duration::from_millis(500));
    assert!(ana.child.try_wait().unwrap().is_none(), "a control: it waits");
    let start = Instant::now();
    ana.tell(Signal::INT);
    assert_eq!(ana.ended().code, Some(130));
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[test]
fn names_change_and_everybody_hears_of_it() {
    let place = Place::new();
    let (mut ana, mut ben) = ana_and_ben(&place);
    ben.says("/name Ana");
    ben.hears("done", |value| value["text"].as_str().unwrap().starts_with("you are Ana~"));
    ben.writes("who am I?");
    let said = ana.reads("who am I?");
    assert_eq!((&said["name"], &said["ambiguous"]), (&"Ana".into(), &true.into()), "it looks like ana");
    ana.hears("same_name", |value| value["name"] == "Ana");
    ana.says("/invite Ana");
    let why = ana.hears("error", |_| true);
    assert!(why["why"].as_str().unwrap().contains('~'), "{why}");
}
