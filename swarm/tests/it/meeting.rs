//! Two who know the topic meet.

use std::time::Duration;

use swarm::{DialError, Event, JoinError, Swarm};

use crate::scene::{
    DISCOVERY_KEY, TOPIC, address, are_one, connected, identity, impatient, join, local, silence, unreachable,
};

#[tokio::test]
async fn two_meet_by_an_address_and_know_whom_they_met() {
    let mut ana = join(1, local()).await;
    let mut ben = join(2, local().connect(address(&ana).to_string())).await;
    let (mut a, mut b) = (connected(&mut ana).await, connected(&mut ben).await);
    assert_eq!(a.secured.peer, *identity(2).writer().as_bytes());
    assert_eq!(b.secured.peer, *identity(1).writer().as_bytes());
    assert_eq!((a.dialed, b.dialed), (false, true));
    assert_eq!(b.address, address(&ana));
    assert!(are_one(&mut a, &mut b).await);
}

#[tokio::test]
async fn two_meet_by_a_name_and_an_address_that_is_given_later() {
    let mut ana = join(1, local()).await;
    let mut ben = join(2, local().listen([])).await;
    assert!(ben.addresses().is_empty());
    ben.dial(format!("localhost:{}", address(&ana).port()));
    let (mut a, mut b) = (connected(&mut ana).await, connected(&mut ben).await);
    assert!(are_one(&mut a, &mut b).await);
}

#[tokio::test]
async fn many_meet_one() {
    let mut ana = join(1, local()).await;
    let mut others = Vec::new();
    for seed in 2..8 {
        others.push(join(seed, local().connect(address(&ana).to_string())).await);
    }
    let mut keys = Vec::new();
    for _ in 2..8 {
        keys.push(connected(&mut ana).await.secured.peer);
    }
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 6);
}

#[tokio::test]
async fn the_address_of_this_program_or_of_a_copy_of_its_folder_is_told_as_such() {
    let mut ana = join(1, local()).await;
    ana.dial(address(&ana).to_string());
    let (error, _) = unreachable(&mut ana).await;
    assert!(matches!(error, DialError::Itself), "{error:?}");
    assert!(error.to_string().contains("copy of its folder"));

    let mut copy = join(1, local().connect(address(&ana).to_string())).await;
    let (error, again_in) = unreachable(&mut copy).await;
    assert!(matches!(error, DialError::Itself), "{error:?}");
    assert!(again_in >= Duration::from_secs(1), "somebody else may have that address tomorrow");
}

#[tokio::test]
async fn what_is_no_address_is_told_and_never_tried() {
    let options = local().connect("no port");
    let joined = Swarm::join(std::sync::Arc::new(identity(1)), TOPIC, DISCOVERY_KEY, options).await;
    assert!(matches!(joined, Err(JoinError::NotAnAddress { address }) if address == "no port"));

    let mut ana = join(1, local().limits(impatient())).await;
    ana.dial("no port");
    let (error, again_in) = unreachable(&mut ana).await;
    assert!(matches!(error, DialError::NotAnAddress));
    assert_eq!(again_in, Duration::MAX);
    silence(&mut ana, Duration::from_millis(300)).await;
}

#[tokio::test]
async fn an_address_where_nobody_is_is_told_with_when_it_is_tried_again() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = gone.local_addr().unwrap().to_string();
    drop(gone);
    let mut ana = join(1, local().limits(impatient()).connect(nobody.clone())).await;
    let mut pauses = Vec::new();
    while pauses.len() < 6 {
        let Some(Event::Unreachable { address, error, again_in }) = ana.next().await else { panic!() };
        assert_eq!(address, nobody);
        assert!(matches!(error, DialError::Connect(_)), "{error:?}");
        pauses.push(again_in);
    }
    assert!(pauses[5] > 2 * pauses[0], "{pauses:?}");
}
