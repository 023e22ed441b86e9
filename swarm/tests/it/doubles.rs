//! Several connections to one key: one stays, and it is the same on both ends.

use std::io::ErrorKind;
use std::time::Duration;

use swarm::{Connection, Event, Swarm};
use tokio::io::AsyncReadExt;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::relay::Relay;
use crate::scene::{address, are_one, connected, identity, join, local, silence, soon};

/// Takes what there is, for a while. The newest is the last.
async fn collect(swarm: &mut Swarm, into: &mut Vec<Connection>, long: Duration) {
    let taking = async {
        loop {
            match swarm.next().await {
                Some(Event::Connected(connection)) => into.push(connection),
                Some(event) => panic!("{event:?}"),
                None => panic!("the swarm ended"),
            }
        }
    };
    let _ = timeout(long, taking).await;
}

/// How a stream on which nobody says anything ends.
async fn end_of(connection: &mut Connection) -> Option<ErrorKind> {
    let end = soon("the end of a stream", connection.secured.stream.read(&mut [0])).await;
    match end {
        Ok(n) => {
            assert_eq!(n, 0);
            None
        }
        Err(error) => Some(error.kind()),
    }
}

async fn round(seeds: [u8; 2], micros: [u64; 2]) {
    let mut ana = join(seeds[0], local()).await;
    let mut ben = join(seeds[1], local()).await;
    let (to_ana, to_ben) = (address(&ana).to_string(), address(&ben).to_string());
    let smaller_dialed = identity(seeds[0]).writer().as_bytes() < identity(seeds[1]).writer().as_bytes();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    tokio::join!(
        async {
            sleep(Duration::from_micros(micros[0])).await;
            ana.dial(to_ben);
        },
        async {
            sleep(Duration::from_micros(micros[1])).await;
            ben.dial(to_ana);
        }
    );
    soon("both to settle", async {
        let settled =
            |connections: &[Connection], dialed| connections.last().is_some_and(|last| last.dialed == dialed);
        while !settled(&a, smaller_dialed) || !settled(&b, !smaller_dialed) {
            let short = Duration::from_millis(20);
            tokio::join!(collect(&mut ana, &mut a, short), collect(&mut ben, &mut b, short));
        }
    })
    .await;
    // And it stays like that.
    let (settled_a, settled_b) = (a.len(), b.len());
    let long = Duration::from_millis(500);
    tokio::join!(collect(&mut ana, &mut a, long), collect(&mut ben, &mut b, long));
    assert_eq!((a.len(), b.len()), (settled_a, settled_b));
    let (mut a_stays, mut b_stays) = (a.pop().unwrap(), b.pop().unwrap());
    assert!(are_one(&mut a_stays, &mut b_stays).await);
    for old in a.iter_mut().chain(&mut b) {
        end_of(old).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_dial_each_other_at_the_same_time_keep_one_connection_and_the_same_one() {
    for batch in 0..5 {
        let mut rounds = JoinSet::new();
        for number in 0..10 {
            let mut random = [0; 4];
            getrandom::fill(&mut random).unwrap();
            let micros = [0, 2].map(|at| u64::from(u16::from_le_bytes([random[at], random[at + 1]]) % 3_000));
            let seed = 2 * (10 * batch + number);
            rounds.spawn(round([seed, seed + 1], micros));
        }
        while let Some(round) = rounds.join_next().await {
            round.unwrap();
        }
    }
}

/// By several addresses that lead to the same, as one that was given and one in the LAN.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_dials_the_same_by_three_ways_keeps_one_connection_and_the_same_one_on_both_ends() {
    let mut ana = join(1, local().listen(["0.0.0.0:0".parse().unwrap()])).await;
    let port = address(&ana).port();
    let to_ana = (1..4).fold(local(), |options, last| options.connect(format!("127.0.0.{last}:{port}")));
    let mut ben = join(2, to_ana).await;
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let long = Duration::from_millis(1_500);
    tokio::join!(collect(&mut ana, &mut a, long), collect(&mut ben, &mut b, long));
    let (mut a_stays, mut b_stays) = (a.pop().unwrap(), b.pop().unwrap());
    assert!(are_one(&mut a_stays, &mut b_stays).await);
    for old in a.iter_mut().chain(&mut b) {
        end_of(old).await;
    }
}

/// As when somebody in the LAN announces the address of another under many names.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_that_works_is_not_replaced_by_one_that_is_dialled_once_too_often() {
    for seeds in [[1, 2], [2, 1]] {
        let mut ana = join(seeds[0], local().listen(["0.0.0.0:0".parse().unwrap()])).await;
        let port = address(&ana).port();
        let mut ben = join(seeds[1], local().connect(format!("127.0.0.1:{port}"))).await;
        let (mut a, mut b) = (connected(&mut ana).await, connected(&mut ben).await);
        for last in 2..7 {
            ben.dial(format!("127.0.0.{last}:{port}"));
        }
        silence(&mut ana, Duration::from_millis(500)).await;
        silence(&mut ben, Duration::from_millis(100)).await;
        assert!(are_one(&mut a, &mut b).await);
    }
}

/// Whoever dialled, and whichever key is smaller: the old connection is dead, but nobody told this end.
#[tokio::test]
async fn a_peer_that_was_started_anew_replaces_its_dead_connection() {
    for (stays, restarts) in [(1, 2), (2, 1)] {
        for stays_dialed in [false, true] {
            let mut ana = join(stays, local()).await;
            let ben = join(restarts, local()).await;
            let relay = Relay::to(address(if stays_dialed { &ben } else { &ana })).await;
            if stays_dialed {
                ana.dial(relay.address.to_string());
            } else {
                ben.dial(relay.address.to_string());
            }
            let mut old = connected(&mut ana).await;
            assert_eq!(old.dialed, stays_dialed);
            // Whoever waits for it is woken.
            let reading = tokio::spawn(async move {
                let end = end_of(&mut old).await;
                (end, old)
            });
            sleep(Duration::from_millis(50)).await;
            relay.die();
            drop(ben);

            let mut ben = join(restarts, local().connect(address(&ana).to_string())).await;
            let (mut a, mut b) = (connected(&mut ana).await, connected(&mut ben).await);
            assert!(are_one(&mut a, &mut b).await);
            let (end, mut old) = timeout(Duration::from_secs(5), reading).await.unwrap().unwrap();
            assert_eq!(end, Some(ErrorKind::ConnectionAborted));
            let failed = crate::scene::say(&mut old, b"hello").await.unwrap_err();
            assert_eq!(failed.kind(), ErrorKind::ConnectionAborted);
        }
    }
}
