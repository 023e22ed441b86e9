//! Leaving, and what nobody reads.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use replicate::Prover;
use swarm::{Event, Limits, Refusal, Swarm};
use tokio::time::sleep;

use crate::relay::Relay;
use crate::scene::{DISCOVERY_KEY, TOPIC, address, are_one, connected, hear, identity, join, local, soon};

/// A swarm and a way to see whether any of its tasks lives: each holds the key.
async fn watched() -> (Swarm, Arc<dyn Prover>) {
    let prover: Arc<dyn Prover> = Arc::new(identity(1));
    let swarm = Swarm::join(Arc::clone(&prover), TOPIC, DISCOVERY_KEY, local()).await.unwrap();
    (swarm, prover)
}

#[tokio::test]
async fn leaving_ends_all_tasks_and_frees_the_port_and_leaves_connections_to_their_owners() {
    let (mut ana, prover) = watched().await;
    let at = address(&ana);
    let mut ben = join(2, local().connect(at.to_string())).await;
    let (mut a, mut b) = (connected(&mut ana).await, connected(&mut ben).await);
    // One that has not come to an end.
    let silent = tokio::net::TcpStream::connect(at).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    assert!(Arc::strong_count(&prover) > 1, "or this test shows nothing");
    assert!(TcpListener::bind(at).is_err(), "or this test shows nothing");
    soon("leaving", ana.leave()).await;
    assert_eq!(Arc::strong_count(&prover), 1);
    TcpListener::bind(at).unwrap();
    ben.leave().await;
    assert!(are_one(&mut a, &mut b).await);
    drop(silent);
}

#[tokio::test]
async fn dropping_a_swarm_does_the_same_soon() {
    let (ana, prover) = watched().await;
    let at = address(&ana);
    drop(ana);
    soon("the end of the tasks", async {
        while Arc::strong_count(&prover) > 1 || TcpListener::bind(at).is_err() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn who_never_reads_events_keeps_some_of_strangers_and_counts_the_rest() {
    let mut limits = Limits::default();
    limits.refused = 4;
    let mut ana = join(1, local().limits(limits)).await;
    let garbage = || async {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::TcpStream::connect(address(&ana)).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        // Until it is refused.
        let _ = soon("being refused", stream.read_to_end(&mut Vec::new())).await;
    };
    for _ in 0..50 {
        garbage().await;
    }
    garbage().await;
    let mut told = 0;
    for _ in 0..4 {
        let Some(Event::Refused { why: Refusal::Handshake(_), more: 0, address }) = ana.next().await else {
            panic!("one of the first")
        };
        assert!(address.is_loopback());
        told += 1;
    }
    assert_eq!(told, 4);
    use tokio::io::AsyncWriteExt;
    let mut stream = tokio::net::TcpStream::connect(address(&ana)).await.unwrap();
    stream.write_all(b"once more").await.unwrap();
    let next = soon("one more", ana.next()).await;
    assert!(matches!(next, Some(Event::Refused { more: 47, .. })), "{next:?}");
}

#[tokio::test]
async fn who_never_takes_connections_holds_no_more_than_the_limit() {
    let mut limits = Limits::default();
    limits.connections = 3;
    let mut ana = join(1, local().limits(limits)).await;
    let mut others = Vec::new();
    for seed in 2..6 {
        let mut other = join(seed, local().connect(address(&ana).to_string())).await;
        others.push((connected(&mut other).await, other));
    }
    // The last was let go at once.
    soon("the end of the last", hear(&mut others[3].0)).await.unwrap_err();
    let mut peers = Vec::new();
    for _ in 0..3 {
        peers.push(connected(&mut ana).await);
    }
    for (peer, (other, _)) in peers.iter_mut().zip(&mut others) {
        assert!(are_one(peer, other).await);
    }
}

#[tokio::test]
async fn a_connection_that_nobody_took_before_it_was_replaced_is_not_told_of() {
    let mut ana = join(1, local()).await;
    let relay = Relay::to(address(&ana)).await;
    let mut ben = join(2, local().connect(relay.address.to_string())).await;
    let dead = connected(&mut ben).await;
    // Both ends have it now.
    sleep(Duration::from_millis(300)).await;
    relay.die();
    let mut ben = join(2, local().connect(address(&ana).to_string())).await;
    let mut b = connected(&mut ben).await;
    sleep(Duration::from_millis(300)).await;
    let mut a = connected(&mut ana).await;
    assert!(are_one(&mut a, &mut b).await);
    drop(dead);
}
