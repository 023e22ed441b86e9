//! Peers that know the channel's key and keep no rule after that. Somebody honest is there meanwhile, and notices nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyperlog::{
    AdmitError, Asking, Binary, Effects, Hyperlog, Known, LogError, Node, NodeId, Policy, Rows, StoredRows,
};
use replicate::{Frames, Message};
use saga::{Identity, Memory, Saga, WriterId};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::mallory::{Asked, Mallory, in_full, say, word};
use crate::place::{Wire, founder, member, see_each_other, texts, until, wire};

/// Ana, who is attacked, and ben, who chats with her.
struct Scene {
    ana: Saga,
    ben: Saga,
    _wire: Wire,
    tasks: usize,
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

impl Scene {
    async fn begin() -> Self {
        let ana = founder("ana");
        let ben = member(&ana, "ben");
        let wire = wire(&ana, &ben);
        see_each_other(&ana, &ben).await;
        Self { ana, ben, _wire: wire, tasks: tasks() }
    }

    /// They chat, both ways and at once; and nobody else has said anything.
    async fn goes_on(&self) {
        let Self { ana, ben, .. } = self;
        let began = Instant::now();
        for (from, to) in [(ana, ben), (ben, ana)] {
            let key = from.write_message("still here").unwrap();
            until("it arrives", || to.messages().unwrap().iter().any(|message| message.key == key)).await;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
        assert!(ana.users().iter().any(|user| user.key == ben.writer()));
        let honest = [ana.writer(), ben.writer()];
        for saga in [ana, ben] {
            assert!(saga.messages().unwrap().iter().all(|message| honest.contains(&message.writer)));
            assert!(saga.people().unwrap().iter().all(|one| one.role.is_none() || honest.contains(&one.key)));
            assert_eq!(texts(saga).iter().filter(|text| *text != "still here").count(), 0);
        }
    }

    /// It is over, and nothing is left of it.
    async fn is_clean(&self) {
        self.goes_on().await;
        until("only ben is here", || self.ana.users().len() == 1).await;
        until("tasks are gone", || tasks() <= self.tasks).await;
        assert!(self.ana.requests().unwrap().is_empty());
    }
}

/// What somebody says of itself, and the words in the error.
fn lies(mallory: &Mallory, ana: &Saga) -> Vec<(Vec<u8>, &'static str)> {
    let key = mallory.writer().to_string();
    let data = |username: &str, key: &str| {
        serde_json::to_vec(&json!({ "username": username, "key": key, "timestamp": 1 })).unwrap()
    };
    vec![
        (vec![], "does not have user data"),
        (b"{".to_vec(), "makes no sense"),
        (vec![0xff; 100], "makes no sense"),
        ([b'['; 4000].to_vec(), "makes no sense"),
        (b"{\"username\":1,\"key\":2,\"timestamp\":-1}".to_vec(), "makes no sense"),
        (data("mallory", "0011223344"), "somebody else"),
        (data("mallory", &ana.writer().to_string()), "somebody else"),
        (data("\u{1b}\u{202e}\u{200b}\n~~", &key), "no name that can be shown"),
        (data("", &key), "no name that can be shown"),
        (data(&"x".repeat(5000), &key), "too much metadata"),
    ]
}

#[tokio::test]
async fn who_does_not_say_who_it_is_is_sent_away_and_told_why() {
    let scene = Scene::begin().await;
    let mut events = scene.ana.events();
    let mallory = Mallory::new(&scene.ana);
    let mut all = Vec::new();
    for (metadata, words) in lies(&mallory, &scene.ana) {
        let meeting = mallory.meet(&scene.ana).await;
        let (mut log, talk) = meeting.open().await;
        say(&mut log, &mut Frames::default(), &mallory.hello(&metadata)).await;
        all.push((meeting, log, talk, words));
    }
    scene.goes_on().await;
    for (mut meeting, _log, _talk, words) in all {
        let why = meeting.why().await;
        assert!(why.contains(words), "{why} is not {words}");
    }
    while let Some(news) = events.try_next() {
        // Nobody came, so nobody leaves.
        assert!(matches!(news, hyperlog::News::Event(saga::Event::Broke { .. })), "{news:?}");
    }
    scene.is_clean().await;
}

#[tokio::test]
async fn a_name_of_four_kilobytes_is_a_short_name() {
    let scene = Scene::begin().await;
    let mallory = Mallory::new(&scene.ana);
    let guest = mallory.behave(&scene.ana, &format!("m\u{1b}[2J{}", "\u{202e}x".repeat(900))).await;
    until("it is here", || scene.ana.users().len() == 2).await;
    let user = scene.ana.users().into_iter().find(|user| user.key == mallory.writer()).unwrap();
    assert_eq!(user.username, format!("m[2J{}", "x".repeat(28)));
    guest.leave().await;
    scene.is_clean().await;
}

/// Time is virtual: what takes ten seconds takes none.
#[tokio::test(start_paused = true)]
async fn who_opens_no_streams_or_not_all_of_them_is_given_up() {
    let scene = Scene::begin().await;
    let mallory = Mallory::new(&scene.ana);
    for names in [&b""[..], b"t", b"l", b"xyz", b"tt", b"llxt"] {
        // Only who initiates is waited for.
        let mut meeting = loop {
            let meeting = mallory.meet(&scene.ana).await;
            if meeting.side == replicate::Side::Initiator {
                break meeting;
            }
        };
        let mut streams = Vec::new();
        for name in names {
            streams.push(meeting.named(*name).await);
        }
        let why = meeting.why().await;
        println!("{}: {why}", String::from_utf8_lossy(names));
        assert!(
            why.contains("in time") || why.contains("timed out") || why.contains("said nothing"),
            "{why}"
        );
    }
    scene.is_clean().await;
}

#[tokio::test]
async fn who_opens_ever_more_streams_is_sent_away() {
    let scene = Scene::begin().await;
    let mallory = Mallory::new(&scene.ana);
    let mut meeting = mallory.meet(&scene.ana).await;
    let (_log, _talk) = meeting.open().await;
    let mut streams = Vec::new();
    for _ in 0..200 {
        let Ok(mut stream) = meeting.streams.open().await else { break };
        if stream.write_all(&[0; 1000]).await.is_ok() {
            streams.push(stream);
        }
    }
    let why = meeting.why().await;
    assert!(why.contains("more than the 8 streams"), "{why}");
    assert!(streams.len() < 200);
    drop((streams, _log, _talk, meeting));
    scene.is_clean().await;
}

#[tokio::test]
async fn words_that_are_none_end_no_connection_and_show_nowhere() {
    let scene = Scene::begin().await;
    let mallory = Mallory::new(&scene.ana);
    let other = founder("other").key();
    let honest = Identity::generate();
    let asked = |by: &Identity, channel| Asked::new(by, channel, "mallory", 1);
    let forged = Asked { key: *honest.writer().as_bytes(), ..asked(&mallory.identity, &mallory.channel) };
    let later = Asked { timestamp: 2, ..asked(&mallory.identity, &mallory.channel) };
    let renamed = Asked { username: "ana".into(), ..asked(&mallory.identity, &mallory.channel) };
    let weak = Asked { key: [0; 32], signature: ([0; 32], [0; 32]), ..later.clone() };
    let nameless = Asked::new(&mallory.identity, &mallory.channel, "\u{202e}", 1);
    let many = [
        vec![0xff; 2000],
        word(&[7; 1024]),
        word(&[]),
        word(&[0, 1, 2]),
        [&[0xff, 0xff], &[0; 70_000][..]].concat(),
        asked(&mallory.identity, &other).bytes(),
        forged.bytes(),
        later.bytes(),
        renamed.bytes(),
        weak.bytes(),
        nameless.bytes(),
        // In the name of who may write already, and of who hears it.
        Asked { key: *scene.ben.writer().as_bytes(), ..later.clone() }.bytes(),
    ];
    for words in many {
        let mut guest = mallory.behave(&scene.ana, "mallory").await;
        let _ = guest.talk.write_all(&words).await;
        let _ = guest.talk.flush().await;
        until("it is here", || scene.ana.users().iter().any(|user| user.key == mallory.writer())).await;
        guest.leave().await;
        assert!(scene.ana.requests().unwrap().is_empty());
    }
    scene.is_clean().await;
    // The control: with everything right, it is heard.
    let mut guest = mallory.behave(&scene.ana, "mallory").await;
    guest.say(&asked(&mallory.identity, &mallory.channel).bytes()).await;
    until("it is heard", || scene.ana.requests().unwrap().len() == 1).await;
}

/// What goes over the log's stream, and the words in the error.
fn garbage(mallory: &Mallory) -> Vec<(Vec<u8>, &'static str)> {
    let hello = |message: &Message| {
        let mut out = bytes::BytesMut::new();
        Frames::default().encode(message, &mut out);
        out.to_vec()
    };
    let good = hello(&mallory.hello(&mallory.user_data("mallory")));
    let and = |more: &[u8]| [&good, more].concat();
    vec![
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "does not speak this protocol"),
        (replicate::MAGIC_ENCRYPTED.to_vec(), "encrypted"),
        (b"HLSYNC\0\x09".to_vec(), "version"),
        (and(&[0xff; 64]), "there can be"),
        (and(&[0, 0, 0, 0, 42]), "unknown type"),
        (and(&[0, 0, 0, 3, 2, 9, 9, 9]), "malformed"),
        (and(&[0, 0, 0, 1, 5, 0]), "cannot be stored"),
        (and(&good[8..]), "protocol"),
    ]
}

#[tokio::test]
async fn garbage_on_the_logs_stream_ends_the_connection_with_a_reason() {
    let scene = Scene::begin().await;
    let mallory = Mallory::new(&scene.ana);
    let mut all = Vec::new();
    for (bytes, words) in garbage(&mallory) {
        let meeting = mallory.meet(&scene.ana).await;
        let (mut log, talk) = meeting.open().await;
        let _ = log.write_all(&bytes).await;
        let _ = log.flush().await;
        all.push((meeting, log, talk, words));
    }
    scene.goes_on().await;
    for (mut meeting, _log, _talk, words) in all {
        let why = meeting.why().await;
        assert!(why.contains(words), "{why} is not {words}");
    }
    scene.is_clean().await;
}

/// Obeys no policy, and acts under whatever grant it is told.
#[derive(Debug, Default)]
struct Lawless(Mutex<Option<NodeId>>);

impl Policy for Lawless {
    fn kind(&self) -> &'static str {
        hyperlog_writers::KIND
    }

    fn admit(&self, _: &Asking<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        Ok(())
    }

    fn store(&self, _: &[Node], _: &mut Rows<'_>) -> Result<Effects, LogError> {
        Ok(Effects::default())
    }

    fn cap(&self, _: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
        Ok(*self.0.lock().unwrap())
    }
}

/// All that is in a chat, in a log in which mallory writes under this grant.
fn lawless(mallory: &Mallory, of: &Saga, cap: Option<NodeId>) -> Hyperlog<Binary> {
    let policy = Arc::new(Lawless(Mutex::new(cap)));
    let options = hyperlog::Options::default().topic(of.key().topic()).policy(policy);
    let log = options.open(Arc::new(Memory::new()), mallory.identity.clone()).unwrap();
    let mut all = Vec::new();
    of.channel().log().export(&mut all).unwrap();
    log.import(&all[..]).unwrap();
    log
}

/// A message as the map has it.
fn post(key: &str, value: &Value) -> Vec<u8> {
    let length = u16::try_from(key.len()).unwrap().to_be_bytes();
    [&[0xf8], &length[..], key.as_bytes(), &serde_json::to_vec(value).unwrap()].concat()
}

fn message(key: &str, text: &str) -> Value {
    json!({ "key": key, "message": text, "username": "ana", "timestamp": 1 })
}

#[tokio::test]
async fn who_has_no_grant_cannot_push_what_it_wrote_under_any() {
    let scene = Scene::begin().await;
    let mallory = Mallory::new(&scene.ana);
    let bens = scene.ana.channel().grants().unwrap().into_iter().find(|one| one.key == scene.ben.writer());
    let genesis = scene.ana.channel().log().at(hyperlog::Change(1)).unwrap().unwrap().id;
    let mut all = Vec::new();
    for cap in [None, Some(bens.unwrap().id), Some(genesis)] {
        let log = lawless(&mallory, &scene.ana, cap);
        log.append(post("messages/forged", &message("messages/forged", "forged"))).unwrap();
        all.push(mallory.sync(&scene.ana, &log, mallory.user_data("mallory")).await);
    }
    for mut guest in all {
        let why = guest.meeting.why().await;
        assert!(why.contains("cannot be stored"), "{why}");
        // And it is told why.
        let told = in_full(&guest.session.await.unwrap().unwrap_err());
        assert!(told.contains("ended the sync"), "{told}");
    }
    assert!(!texts(&scene.ana).contains(&"forged".to_owned()));
    scene.goes_on().await;
}

/// Replaces a key in all that passes.
async fn in_the_name_of(mallory: &Mallory, whom: WriterId, scene: &Scene, log: &Hyperlog<Binary>) -> String {
    let mut meeting = mallory.meet(&scene.ana).await;
    let (stream, _talk) = meeting.open().await;
    let (near, far) = tokio::io::duplex(1 << 20);
    let options = replicate::Options::default().live(true).metadata(mallory.user_data("mallory"));
    let session = replicate::Session::new(log, options, Duration::ZERO).unwrap();
    let session = tokio::spawn(replicate::run(session, near));
    let (mut from_log, mut to_log) = tokio::io::split(far);
    let (mut from_ana, mut to_ana) = tokio::io::split(stream);
    let back = tokio::spawn(async move { drop(tokio::io::copy(&mut from_ana, &mut to_log).await) });
    let (own, hers) = (*mallory.writer().as_bytes(), *whom.as_bytes());
    let forging = tokio::spawn(async move {
        let mut bytes = vec![0; 1 << 20];
        while let Ok(read @ 1..) = from_log.read(&mut bytes).await {
            let mut place = 0;
            while place + 32 <= read {
                if bytes[place..place + 32] == own {
                    bytes[place..place + 32].copy_from_slice(&hers);
                }
                place += 1;
            }
            if to_ana.write_all(&bytes[..read]).await.is_err() || to_ana.flush().await.is_err() {
                break;
            }
        }
    });
    let why = meeting.why().await;
    for task in [back, forging] {
        task.abort();
    }
    session.abort();
    why
}

#[tokio::test]
async fn nobody_writes_in_the_name_of_another() {
    let scene = Scene::begin().await;
    let mallory = Mallory::new(&scene.ana);
    let bens = scene.ana.channel().grants().unwrap().into_iter().find(|one| one.key == scene.ben.writer());
    let log = lawless(&mallory, &scene.ana, Some(bens.unwrap().id));
    log.append(post("messages/forged", &message("messages/forged", "forged"))).unwrap();
    let why = in_the_name_of(&mallory, scene.ben.writer(), &scene, &log).await;
    assert!(why.contains("cannot be stored") && why.contains("signature"), "{why}");
    scene.is_clean().await;
}

#[tokio::test]
async fn an_impostor_of_the_same_name_that_leaves_takes_nobody_along() {
    let scene = Scene::begin().await;
    let mallory = Mallory::new(&scene.ana);
    for _ in 0..3 {
        let guest = mallory.behave(&scene.ana, "ben").await;
        until("both are here", || scene.ana.users().len() == 2).await;
        assert!(scene.ana.users().iter().all(|user| user.username == "ben"));
        assert!(scene.ana.people().unwrap().iter().filter(|one| one.ambiguous).count() == 2);
        guest.leave().await;
        until("one has left", || scene.ana.users().len() == 1).await;
        assert_eq!(scene.ana.users()[0].key, scene.ben.writer());
    }
    scene.is_clean().await;
}

/// Connects with another key, and keeps all bytes that it gets.
#[tokio::test]
async fn who_does_not_know_the_key_learns_neither_names_nor_keys() {
    let scene = Scene::begin().await;
    let stranger = Mallory { channel: founder("stranger").key(), ..Mallory::new(&scene.ana) };
    let (left, right) = tokio::io::duplex(64 << 10);
    let ana = scene.ana.clone();
    let ended = tokio::spawn(async move { ana.replicate(left).await });
    let (tapped, mut tap) = tokio::io::duplex(64 << 10);
    let (mut from_ana, mut to_ana) = tokio::io::split(right);
    let (mut to_tapped, heard) = (Vec::new(), Arc::new(Mutex::new(Vec::new())));
    let keeping = tokio::spawn({
        let heard = Arc::clone(&heard);
        async move {
            let (mut one, mut other) = ([0; 4096], [0; 4096]);
            loop {
                tokio::select! {
                    read = from_ana.read(&mut one) => {
                        let Ok(read @ 1..) = read else { break };
                        heard.lock().unwrap().extend_from_slice(&one[..read]);
                        to_tapped.extend_from_slice(&one[..read]);
                        let _ = tap.write_all(&one[..read]).await;
                    }
                    read = tap.read(&mut other) => {
                        let Ok(read @ 1..) = read else { break };
                        let _ = to_ana.write_all(&other[..read]).await;
                    }
                }
            }
        }
    });
    let topic = stranger.channel.topic();
    let secured = replicate::noise::secure(tapped, &stranger.identity, topic.as_bytes()).await;
    assert!(secured.is_err());
    drop(secured);
    let why = in_full(&ended.await.unwrap().unwrap_err());
    assert!(why.contains("does not know the topic"), "{why}");
    keeping.abort();
    let heard = heard.lock().unwrap().clone();
    assert!(!heard.is_empty());
    let has = |secret: &[u8]| heard.windows(secret.len()).any(|bytes| bytes == secret);
    let Scene { ana, ben, .. } = &scene;
    for secret in [ana.writer(), ben.writer()] {
        assert!(!has(secret.as_bytes()) && !has(secret.to_string().as_bytes()));
    }
    let topic = ana.key().topic();
    assert!(!has(topic.as_bytes()) && !has(&topic.discovery_key()) && !has(b"ana") && !has(b"ben"));
    scene.is_clean().await;
}

/// A member that stops reading in the middle of a long history. Time is virtual.
#[tokio::test(start_paused = true)]
async fn who_stops_reading_in_the_middle_of_a_sync_is_given_up() {
    let scene = Scene::begin().await;
    for n in 0..200 {
        scene.ana.write_operation(format!("{n} {}", "x".repeat(10_000))).unwrap();
    }
    let mallory = Mallory::new(&scene.ana);
    let mut meeting = mallory.meet(&scene.ana).await;
    let (stream, _talk) = meeting.open().await;
    let (near, far) = tokio::io::duplex(64 << 10);
    let options = replicate::Options::default().live(true).metadata(mallory.user_data("mallory"));
    let session = replicate::Session::new(&mallory.log(), options, Duration::ZERO).unwrap();
    let session = tokio::spawn(replicate::run(session, near));
    let (mut from_log, mut to_log) = tokio::io::split(far);
    let (from_ana, mut to_ana) = tokio::io::split(stream);
    let back = tokio::spawn(async move {
        let mut some = from_ana.take(300_000);
        let _ = tokio::io::copy(&mut some, &mut to_log).await;
        std::future::pending::<()>().await;
    });
    let forth = tokio::spawn(async move { drop(tokio::io::copy(&mut from_log, &mut to_ana).await) });
    let why = meeting.why().await;
    assert!(why.contains("stalled") && why.contains("still"), "{why}");
    back.abort();
    forth.abort();
    session.abort();
    scene.goes_on().await;
}

#[tokio::test]
async fn what_a_peer_says_as_its_reason_is_fit_for_a_terminal() {
    const REASON: &str = "bye\u{1b}[2J\u{202e}\u{2066}\u{200f}\nana: \u{9b}31m";
    let scene = Scene::begin().await;
    let mut events = scene.ana.events();
    let mallory = Mallory::new(&scene.ana);
    let bye = Message::Bye(replicate::Bye { reason: Some(REASON.into()) });
    let mut other = mallory.hello(&mallory.user_data("mallory"));
    let Message::Hello(hello) = &mut other else { panic!("a hello") };
    hello.kind = "\u{202e}\u{1b}[2J".into();
    for last in [bye, other] {
        let mut meeting = mallory.meet(&scene.ana).await;
        let (mut log, _talk) = meeting.open().await;
        let mut frames = Frames::default();
        if matches!(last, Message::Bye(_)) {
            say(&mut log, &mut frames, &mallory.hello(&mallory.user_data("mallory"))).await;
        }
        say(&mut log, &mut frames, &last).await;
        let why = meeting.why().await;
        assert_eq!(saga::sanitize(&why), why);
    }
    let told = std::iter::from_fn(|| events.try_next()).filter(|news| match news {
        hyperlog::News::Event(saga::Event::Broke { why, .. }) => {
            assert_eq!(saga::sanitize(why), *why);
            true
        }
        _ => false,
    });
    assert_eq!(told.count(), 2);
    scene.goes_on().await;
}

#[tokio::test]
async fn who_never_reads_its_words_keeps_nobody_from_hearing_theirs() {
    let scene = Scene::begin().await;
    let mallory = Mallory::new(&scene.ana);
    let deaf = mallory.behave(&scene.ana, "deaf").await;
    let mut guests = Vec::new();
    for n in 0..8 {
        let other = Mallory::new(&scene.ana);
        let mut guest = other.behave(&scene.ana, "other").await;
        for time in 0..40 {
            let name = format!("{n} {time} {}", "x".repeat(20));
            guest.say(&Asked::new(&other.identity, &other.channel, &name, time).bytes()).await;
        }
        guests.push(guest);
    }
    until("all ask", || scene.ana.requests().unwrap().len() == 8).await;
    until("ben hears of it", || !scene.ben.requests().unwrap().is_empty()).await;
    scene.goes_on().await;
    deaf.leave().await;
    for guest in guests {
        guest.leave().await;
    }
    until("only ben is here", || scene.ana.users().len() == 1).await;
    until("tasks are gone", || tasks() <= scene.tasks).await;
}
