//! Strangers.

use std::net::SocketAddr;
use std::time::Duration;

use replicate::MAGIC_ENCRYPTED;
use replicate::noise::{NoiseError, secure};
use scuttleup::Identity;
use swarm::{Limits, Options, Refusal, Swarm};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, sleep};

use crate::relay::Relay;
use crate::scene::{
    DISCOVERY_KEY, TOPIC, address, are_one, connected, identity, join, local, refused, silence, soon,
    unreachable,
};

/// What a handshake is at most: anything above would be ours.
const HANDSHAKE_BYTES_MAX: usize = 400;

#[tokio::test]
async fn a_stranger_with_another_topic_is_refused_and_learns_nothing_of_who_is_there() {
    let mut ana = join(1, local()).await;
    // Who begins is a matter of chance: both are tried.
    for _ in 0..20 {
        let relay = Relay::to(address(&ana)).await;
        let stream = TcpStream::connect(relay.address).await.unwrap();
        let stranger = Identity::generate();
        let error = soon("the end", secure(stream, &stranger, &[9; 32])).await.unwrap_err();
        assert!(matches!(error, NoiseError::OtherTopic), "{error:?}");
        let why = refused(&mut ana).await;
        assert!(matches!(why, Refusal::Handshake(NoiseError::OtherTopic)), "{why:?}");
        let heard = relay.heard();
        assert!((24..HANDSHAKE_BYTES_MAX).contains(&heard.len()), "{} bytes", heard.len());
    }
}

#[tokio::test]
async fn two_swarms_of_different_topics_do_not_meet() {
    let mut ana = join(1, local()).await;
    let to_ana = local().connect(address(&ana).to_string());
    let ben = Swarm::join(std::sync::Arc::new(identity(2)), [9; 32], DISCOVERY_KEY, to_ana).await;
    let (error, _) = unreachable(&mut ben.unwrap()).await;
    assert!(error.to_string().contains("handshake"), "{error:?}");
    refused(&mut ana).await;
}

#[tokio::test]
async fn what_speaks_another_language_is_refused_at_once() {
    let mut ana = join(1, local()).await;
    let mut stream = TcpStream::connect(address(&ana)).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let why = refused(&mut ana).await;
    assert!(matches!(why, Refusal::Handshake(NoiseError::NotSpoken { .. })), "{why:?}");
}

/// It knows the topic, and then says nothing.
#[tokio::test]
async fn who_proves_a_key_and_then_is_silent_is_no_connection() {
    let mut limits = Limits::default();
    limits.handshake_in = Duration::from_millis(300);
    let mut ana = join(1, local().limits(limits)).await;
    let stream = TcpStream::connect(address(&ana)).await.unwrap();
    let _held = soon("the handshake", secure(stream, &identity(2), &TOPIC)).await.unwrap();
    let why = refused(&mut ana).await;
    assert!(matches!(why, Refusal::TooSlow { .. }), "{why:?}");
}

#[tokio::test]
async fn who_sends_a_byte_now_and_then_is_cut_when_the_time_is_over() {
    let mut limits = Limits::default();
    limits.handshake_in = Duration::from_millis(300);
    let mut ana = join(1, local().limits(limits)).await;
    let mut stream = TcpStream::connect(address(&ana)).await.unwrap();
    let start = Instant::now();
    let slow = async {
        for byte in MAGIC_ENCRYPTED.iter().chain(&[7; 1_000]) {
            if stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            sleep(Duration::from_millis(30)).await;
        }
    };
    soon("being cut", slow).await;
    let elapsed = start.elapsed();
    assert!(elapsed >= limits.handshake_in && elapsed < Duration::from_secs(5), "{elapsed:?}");
    let why = refused(&mut ana).await;
    assert!(matches!(why, Refusal::TooSlow { within } if within == limits.handshake_in), "{why:?}");
}

/// Counts those that are open still, of which some bytes may have come before.
fn open(streams: &[TcpStream]) -> usize {
    let is_open = |stream: &&TcpStream| {
        let mut bytes = [0; 256];
        loop {
            match stream.try_read(&mut bytes) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    };
    streams.iter().filter(is_open).count()
}

/// Floods, and then an honest one comes; returns the most that were open from when the flood had arrived.
async fn flood(ana: &mut Swarm, from: impl Fn(u8) -> SocketAddr, bound: usize) {
    let mut streams = Vec::new();
    for number in 0..200 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(from(number)).unwrap();
        streams.push(soon("the system to take a call", socket.connect(address(ana))).await.unwrap());
    }
    let start = Instant::now();
    let mut ben = join(2, local().connect(address(ana).to_string())).await;
    let (mut a, mut b) = (connected(ana).await, connected(&mut ben).await);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert!(are_one(&mut a, &mut b).await);
    soon("the flood to be cut", async {
        while open(&streams) > bound {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert!(open(&streams) > 0, "nobody is cut who bothers nobody");
}

fn patient() -> Options {
    let mut limits = Limits::default();
    limits.handshake_in = Duration::from_secs(600);
    local().limits(limits)
}

#[tokio::test]
async fn two_hundred_from_one_address_that_say_nothing_keep_nobody_out_and_hold_few_sockets() {
    let mut ana = join(1, patient()).await;
    let bound = Limits::default().handshakes_per_address;
    flood(&mut ana, |_| "127.0.0.1:0".parse().unwrap(), bound).await;
}

/// Elsewhere this machine has fewer addresses.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn two_hundred_from_as_many_addresses_that_say_nothing_keep_nobody_out_and_hold_few_sockets() {
    let mut ana = join(1, patient()).await;
    let bound = Limits::default().handshakes;
    flood(&mut ana, |number| SocketAddr::from(([127, 0, 9, number + 1], 0)), bound).await;
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_no_more() {
    let mut limits = Limits::default();
    limits.connections_per_address = 2;
    let mut ana = join(1, local().limits(limits)).await;
    let mut others = Vec::new();
    for seed in 2..4 {
        others.push(join(seed, local().connect(address(&ana).to_string())).await);
    }
    let mut held = vec![connected(&mut ana).await, connected(&mut ana).await];
    let to_ana = local().limits(crate::scene::impatient()).connect(address(&ana).to_string());
    let mut third = join(4, to_ana).await;
    // It drops what it gets, which ends at once, and tries again.
    tokio::spawn(async move { while third.next().await.is_some() {} });
    let why = refused(&mut ana).await;
    assert!(matches!(why, Refusal::TooManyConnections), "{why:?}");
    // It is let in when there is room.
    held.pop();
    let comes = async { while connected(&mut ana).await.secured.peer != *identity(4).writer().as_bytes() {} };
    soon("the third", comes).await;
}

/// The other end closes; this one learns of it, and nothing else happens.
#[tokio::test]
async fn who_comes_and_goes_leaves_nothing_behind() {
    let mut ana = join(1, local()).await;
    for _ in 0..100 {
        let mut stream = TcpStream::connect(address(&ana)).await.unwrap();
        stream.shutdown().await.unwrap();
        let _ = soon("the end", stream.read_to_end(&mut Vec::new())).await;
        refused(&mut ana).await;
    }
    silence(&mut ana, Duration::from_millis(100)).await;
    let mut ben = join(2, local().connect(address(&ana).to_string())).await;
    let (mut a, mut b) = (connected(&mut ana).await, connected(&mut ben).await);
    assert!(are_one(&mut a, &mut b).await);
}
