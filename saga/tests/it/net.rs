//! Chats on the network: real sockets, on this machine only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyperlog::News;
use replicate::mux::{Mux, MuxLimits, mux};
use replicate::noise::{Side, secure};
use saga::swarm::{Limits, Options};
use saga::{Event, Events, Memory, Saga};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::mallory::Mallory;
use crate::place::{a_while, founder, member, options, texts, until};

fn local() -> Options {
    let mut limits = Limits::default();
    limits.redial_first = Duration::from_millis(20);
    limits.redial_max = Duration::from_millis(200);
    limits.head_start = Duration::from_millis(50);
    Options::default().listen(["127.0.0.1:0".parse().unwrap()]).lan(false).limits(limits)
}

async fn join(saga: &Saga, connect: &[SocketAddr]) -> SocketAddr {
    let options = connect.iter().fold(local(), |options, address| options.connect(address.to_string()));
    saga.join(options).await.unwrap()[0]
}

async fn sees(saga: &Saga, others: usize) {
    until("they are connected", || saga.users().len() == others).await;
}

/// Names of those who came and left.
fn told(events: &mut Events) -> Vec<String> {
    std::iter::from_fn(|| events.try_next())
        .filter_map(|news| match news {
            News::Event(Event::Join(user)) => Some(format!("+{}", user.username)),
            News::Event(Event::Leave(user)) => Some(format!("-{}", user.username)),
            News::Event(_) => None,
            News::Missed(missed) => panic!("{missed} events were missed"),
        })
        .collect()
}

#[tokio::test]
async fn three_meet_and_one_leaves_and_comes_back_and_all_have_the_same() {
    let ana = founder("ana");
    let (ben, cy) = (member(&ana, "ben"), member(&ana, "cy"));
    let mut events = ana.events();
    let at_ana = join(&ana, &[]).await;
    let at_ben = join(&ben, &[at_ana]).await;
    join(&cy, &[at_ana, at_ben]).await;
    for saga in [&ana, &ben, &cy] {
        sees(saga, 2).await;
    }
    for saga in [&ana, &ben, &cy] {
        saga.write_message(&saga.username()).unwrap();
    }
    for saga in [&ana, &ben] {
        until("all said something", || texts(saga).len() == 3).await;
    }
    let began = Instant::now();
    cy.leave().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    sees(&ana, 1).await;
    sees(&ben, 1).await;
    // At once: not after the time for which who broke off may come back.
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(told(&mut events).last().unwrap(), "-cy");
    ana.write_message("while cy is away").unwrap();
    cy.write_message("while away").unwrap();
    join(&cy, &[at_ana, at_ben]).await;
    for saga in [&ana, &ben, &cy] {
        until("all of it", || texts(saga).len() == 5).await;
    }
    assert_eq!(texts(&ana), texts(&ben));
    assert_eq!(texts(&ana), texts(&cy));
    assert_eq!(told(&mut events), ["+cy"]);
    for saga in [&ana, &ben, &cy] {
        saga.leave().await;
        assert!(saga.users().is_empty());
    }
}

#[tokio::test]
async fn dialling_again_and_each_other_keeps_one_connection_and_nobody_flickers() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    assert!(!ana.dial("127.0.0.1:1"), "it is not on the network");
    let (at_ana, at_ben) = (join(&ana, &[]).await, join(&ben, &[]).await);
    let mut events = (ana.events(), ben.events());
    for _ in 0..3 {
        assert!(ana.dial(at_ben.to_string()) && ben.dial(at_ana.to_string()));
        assert!(ben.dial(format!("localhost:{}", at_ana.port())));
    }
    sees(&ana, 1).await;
    sees(&ben, 1).await;
    for n in 0..10 {
        ana.write_message(&format!("a{n}")).unwrap();
        ben.write_message(&format!("b{n}")).unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!((ana.users().len(), ben.users().len()), (1, 1));
    }
    until("all of it", || texts(&ana).len() == 20 && texts(&ana) == texts(&ben)).await;
    assert_eq!((told(&mut events.0), told(&mut events.1)), (vec!["+ben".into()], vec!["+ana".into()]));
    ana.leave().await;
    sees(&ben, 0).await;
    ben.leave().await;
}

#[tokio::test]
async fn an_address_where_nobody_is_is_told_in_words_and_holds_nothing_up() {
    let ana = founder("ana");
    join(&ana, &[]).await;
    let mut events = ana.events();
    assert!(ana.dial("127.0.0.1:1") && ana.dial("nonsense\u{1b}[2J") && ana.dial(""));
    let mut words = Vec::new();
    until("words", || {
        while let Some(News::Event(Event::Net(text))) = events.try_next() {
            words.push(text);
        }
        words.iter().any(|text| text.contains("127.0.0.1:1")) && words.iter().any(|w| w.contains("nonsense"))
    })
    .await;
    assert!(!words.iter().any(|text| text.chars().any(char::is_control)), "{words:?}");
    ana.leave().await;
}

#[tokio::test]
async fn who_joins_twice_is_at_the_later_place_only() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let first = join(&ana, &[]).await;
    let second = join(&ana, &[]).await;
    assert!(TcpListener::bind(first).await.is_ok(), "the first port is free again");
    assert!(TcpListener::bind(second).await.is_err());
    join(&ben, &[second]).await;
    sees(&ana, 1).await;
    ana.leave().await;
    ben.leave().await;
    assert!(TcpListener::bind(second).await.is_ok());
}

/// As documented: it runs until it leaves, whoever holds it.
#[tokio::test]
async fn a_chat_stays_on_the_network_until_it_leaves_and_then_nothing_is_left_of_it() {
    let storage: Arc<Memory> = Arc::new(Memory::new());
    let ana = options().open(Arc::clone(&storage) as _, None, "ana").unwrap();
    let ben = member(&ana, "ben");
    let address = join(&ana, &[]).await;
    join(&ben, &[address]).await;
    sees(&ana, 1).await;
    let (last, mut feed) = (ana.clone(), ana.subscribe("test").unwrap());
    drop(ana);
    ben.write_message("still there?").unwrap();
    let told = tokio::time::timeout(Duration::from_secs(10), feed.recv()).await.unwrap().unwrap();
    assert_eq!(told.unwrap().text, "still there?");
    last.leave().await;
    drop((last, feed));
    assert!(TcpListener::bind(address).await.is_ok());
    until("the storage is free", || Arc::strong_count(&storage) == 1).await;
    ben.leave().await;
}

/// Mallory, on a socket: through the handshake of the network, and no further.
async fn intrude(mallory: &Mallory, address: SocketAddr) -> (Mux, Side, tokio::task::JoinHandle<()>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let topic = mallory.channel.topic();
    let mut secured = secure(stream, &mallory.identity, topic.as_bytes()).await.unwrap();
    secured.stream.write_all(&[7; 24]).await.unwrap();
    secured.stream.flush().await.unwrap();
    secured.stream.read_exact(&mut [0; 24]).await.unwrap();
    let side = secured.side;
    let (streams, driver) = mux(secured.stream, side, MuxLimits::default());
    (streams, side, tokio::spawn(async move { drop(driver.await) }))
}

#[tokio::test]
async fn who_leaves_waits_a_few_seconds_for_who_does_nothing_and_is_not_met_afterwards() {
    let ana = founder("ana");
    let address = join(&ana, &[]).await;
    for n in 0..100 {
        ana.write_operation(format!("{n} {}", "x".repeat(10_000))).unwrap();
    }
    // One that never reads, and one that has not opened its streams yet.
    let (reads_nothing, opens_nothing) = (Mallory::new(&ana), Mallory::new(&ana));
    let (mute, side, _driver) = intrude(&reads_nothing, address).await;
    let mut named = Vec::new();
    for name in *b"lt" {
        if side == Side::Initiator {
            let mut stream = mute.open().await.unwrap();
            stream.write_all(&[name]).await.unwrap();
            stream.flush().await.unwrap();
            named.push(stream);
        }
    }
    let (late, side, _late_driver) = intrude(&opens_nothing, address).await;
    let silent = TcpStream::connect(address).await.unwrap();
    a_while().await;
    let began = Instant::now();
    ana.leave().await;
    assert!(began.elapsed() < Duration::from_secs(13), "{:?}", began.elapsed());
    assert!(TcpListener::bind(address).await.is_ok());
    // It opens its streams now.
    if side == Side::Initiator {
        for name in *b"lt" {
            if let Ok(mut stream) = late.open().await {
                let _ = stream.write_all(&[name]).await;
                let _ = stream.flush().await;
            }
        }
    }
    a_while().await;
    assert!(ana.users().is_empty());
    drop((silent, named));
}

/// Few places, and many who want them.
#[tokio::test]
async fn a_flood_of_connections_keeps_out_nobody_who_is_in() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let mut few = Limits::default();
    (few.handshakes, few.handshakes_per_address) = (4, 4);
    (few.connections, few.connections_per_address) = (3, 3);
    few.handshake_in = Duration::from_secs(2);
    let address = ana.join(local().limits(few)).await.unwrap()[0];
    join(&ben, &[address]).await;
    sees(&ana, 1).await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // Who knows the channel takes places, and no more than there are.
    let mut intruders = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let mallory = Mallory::new(&ana);
        intruders.spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            drop(secure(stream, &mallory.identity, mallory.channel.topic().as_bytes()).await);
        });
    }
    for (from, to) in [(&ana, &ben), (&ben, &ana)] {
        from.write_message(&from.username()).unwrap();
        until("it arrives", || texts(to).contains(&from.username())).await;
    }
    while intruders.join_next().await.is_some() {}
    assert!(ana.users().iter().any(|user| user.key == ben.writer()));
    drop(silent);
    until("tasks are gone", || tokio::runtime::Handle::current().metrics().num_alive_tasks() <= before).await;
    ana.leave().await;
    ben.leave().await;
}

/// Time is virtual.
#[tokio::test(start_paused = true)]
async fn a_stream_on_which_nobody_answers_is_given_up_and_ends_with_a_goodbye() {
    let ana = founder("ana");
    let (left, _silent) = tokio::io::duplex(64);
    let ended = tokio::time::timeout(Duration::from_secs(300), ana.replicate(left)).await;
    let why = ended.expect("it is given up").unwrap_err().to_string();
    assert!(why.contains("did not finish the handshake in time"), "{why}");
    let (left, _silent) = tokio::io::duplex(64);
    let (ended, ()) =
        tokio::join!(tokio::time::timeout(Duration::from_secs(20), ana.replicate(left)), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            ana.leave().await;
        });
    let why = ended.expect("it ends with the goodbye").unwrap_err().to_string();
    assert!(why.contains("was left"), "{why}");
}

/// Whether what is said to many on this machine is heard on it.
async fn can_multicast() -> Result<(), std::io::Error> {
    let group = std::net::Ipv4Addr::new(224, 0, 0, 251);
    let ear = tokio::net::UdpSocket::bind("0.0.0.0:0").await?;
    ear.join_multicast_v4(group, std::net::Ipv4Addr::LOCALHOST)?;
    ear.set_multicast_loop_v4(true)?;
    let port = ear.local_addr()?.port();
    ear.send_to(b"hello", (group, port)).await?;
    let mut heard = [0; 5];
    tokio::time::timeout(Duration::from_secs(2), ear.recv(&mut heard))
        .await
        .map_err(std::io::Error::from)?
        .map(drop)
}

#[tokio::test]
async fn two_on_this_machine_find_each_other_by_themselves() {
    if let Err(why) = can_multicast().await {
        println!("SKIPPED: no multicast on this machine: {why}");
        return;
    }
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let mut events = ana.events();
    for saga in [&ana, &ben] {
        saga.join(local().lan(true)).await.unwrap();
    }
    let meeting = async {
        while ana.users().is_empty() || ben.users().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let met = tokio::time::timeout(Duration::from_secs(15), meeting).await.is_ok();
    let words = std::iter::from_fn(|| events.try_next());
    let no_lan: Vec<_> = words
        .filter(|news| matches!(news, News::Event(Event::Net(text)) if text.contains("local network")))
        .collect();
    if no_lan.is_empty() {
        assert!(met, "they did not find each other");
        ben.write_message("found").unwrap();
        until("it arrives", || texts(&ana) == ["found"]).await;
    } else {
        println!("SKIPPED: {no_lan:?}");
    }
    ana.leave().await;
    ben.leave().await;
}
