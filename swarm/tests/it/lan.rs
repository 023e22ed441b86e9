//! The local network: real multicast, on the loopback interface only.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use swarm::{Connection, Event, Options, Swarm};
use tokio::time::{Instant, timeout};

use crate::scene::{TOPIC, are_one, connected, identity, impatient, local, silence};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);

/// Hears what is announced on the loopback interface.
fn ear() -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 5353).into())?;
    socket.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)?;
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
    socket.set_multicast_loop_v4(true)?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    Ok(socket.into())
}

/// Whether what is said to many on this machine is heard on it; if not, says that the test is skipped, and why.
fn can_multicast() -> bool {
    let heard = || -> std::io::Result<()> {
        let ear = ear()?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(std::io::Error::other)?;
        ear.send_to(&random, SocketAddrV4::new(GROUP, 5353))?;
        let mut bytes = [0; 9_000];
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(2) {
            if ear.recv(&mut bytes).is_ok_and(|n| bytes[..n] == random) {
                return Ok(());
            }
        }
        Err(std::io::Error::other("what was said was not heard"))
    };
    match heard() {
        Ok(()) => true,
        Err(error) => {
            println!("SKIPPED: no multicast on the loopback interface of this machine: {error}");
            false
        }
    }
}

fn in_the_lan() -> Options {
    local().lan(true).limits(impatient())
}

async fn join(seed: u8, topic: [u8; 32], discovery_key: [u8; 32], options: Options) -> Swarm {
    Swarm::join(Arc::new(identity(seed)), topic, discovery_key, options).await.unwrap()
}

fn random() -> [u8; 32] {
    let mut random = [0; 32];
    getrandom::fill(&mut random).unwrap();
    random
}

/// Until both have the same.
async fn meet(ana: &mut Swarm, ben: &mut Swarm) -> (Connection, Connection) {
    let (mut a, mut b) = (connected(ana).await, connected(ben).await);
    while !are_one(&mut a, &mut b).await {
        let short = Duration::from_millis(50);
        if let Ok(Some(Event::Connected(better))) = timeout(short, ana.next()).await {
            a = better;
        }
        if let Ok(Some(Event::Connected(better))) = timeout(short, ben.next()).await {
            b = better;
        }
    }
    (a, b)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_of_one_topic_find_each_other_and_not_a_third_of_another() {
    if !can_multicast() {
        return;
    }
    let discovery_key = random();
    // It would get in, if it were found.
    let mut other = join(3, TOPIC, random(), in_the_lan()).await;
    let mut ana = join(1, TOPIC, discovery_key, in_the_lan()).await;
    let mut ben = join(2, TOPIC, discovery_key, in_the_lan()).await;
    meet(&mut ana, &mut ben).await;
    silence(&mut other, Duration::from_secs(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_listens_nowhere_finds_who_does() {
    if !can_multicast() {
        return;
    }
    let discovery_key = random();
    let mut ana = join(1, TOPIC, discovery_key, in_the_lan()).await;
    let mut ben = join(2, TOPIC, discovery_key, in_the_lan().listen([])).await;
    let (a, b) = meet(&mut ana, &mut ben).await;
    assert!(!a.dialed && b.dialed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_left_said_goodbye_and_is_not_dialled_any_more() {
    if !can_multicast() {
        return;
    }
    let discovery_key = random();
    let mut ana = join(1, TOPIC, discovery_key, in_the_lan()).await;
    let mut ben = join(2, TOPIC, discovery_key, in_the_lan().listen([])).await;
    let (a, b) = meet(&mut ana, &mut ben).await;
    ana.leave().await;
    // It takes a second, by the rules of DNS, until what was taken back is gone.
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop((a, b));
    silence(&mut ben, Duration::from_secs(2)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_announced_tells_the_discovery_key_and_neither_topic_nor_key() {
    if !can_multicast() {
        return;
    }
    let (topic, discovery_key) = (random(), random());
    let ear = ear().unwrap();
    let _ana = join(1, topic, discovery_key, in_the_lan()).await;
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into_bytes();
    let contains = |heard: &[u8], what: &[u8]| heard.windows(what.len()).any(|part| part == what);
    let heard = tokio::task::spawn_blocking(move || {
        let (start, mut heard, mut bytes) = (Instant::now(), Vec::new(), vec![0; 9_000]);
        while start.elapsed() < Duration::from_secs(4) {
            if let Ok(n) = ear.recv(&mut bytes) {
                heard.extend_from_slice(&bytes[..n]);
            }
        }
        heard
    });
    let heard = heard.await.unwrap();
    assert!(contains(&heard, &hex(&discovery_key)), "or this test shows nothing");
    for secret in [topic, *identity(1).writer().as_bytes()] {
        assert!(!contains(&heard, &hex(&secret)) && !contains(&heard, &secret[..8]));
    }
}

/// Shows something only where there is none: in a container without any network, not even that to itself.
#[tokio::test]
async fn without_multicast_the_swarm_says_so_and_goes_on() {
    let anywhere = Ipv4Addr::UNSPECIFIED;
    let socket = UdpSocket::bind((anywhere, 0)).unwrap();
    if [anywhere, Ipv4Addr::LOCALHOST].iter().any(|on| socket.join_multicast_v4(&GROUP, on).is_ok()) {
        println!("SKIPPED: there is multicast on this machine");
        return;
    }
    let mut ana = join(1, TOPIC, random(), Options::default()).await;
    assert!(matches!(ana.next().await, Some(Event::NoLan { .. })));
    silence(&mut ana, Duration::from_millis(200)).await;
    ana.leave().await;
}
