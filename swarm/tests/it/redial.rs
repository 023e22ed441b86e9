//! What ended is dialled again.

use std::time::Duration;

use tokio::time::Instant;

use crate::scene::{address, are_one, connected, impatient, join, local, silence, unreachable};

#[tokio::test]
async fn a_peer_that_comes_back_is_connected_again() {
    let mut ana = join(1, local()).await;
    let at = address(&ana);
    let mut ben = join(2, local().limits(impatient()).connect(at.to_string())).await;
    for _ in 0..3 {
        let (a, b) = (connected(&mut ana).await, connected(&mut ben).await);
        ana.leave().await;
        drop((a, b));
        unreachable(&mut ben).await;
        ana = join(1, local().listen([at])).await;
    }
    let (mut a, mut b) = (connected(&mut ana).await, connected(&mut ben).await);
    assert!(are_one(&mut a, &mut b).await);
}

#[tokio::test]
async fn a_connection_that_is_dropped_is_dialled_again_but_not_at_once() {
    let mut ana = join(1, local()).await;
    let mut ben = join(2, local().connect(address(&ana).to_string())).await;
    let (_a, b) = (connected(&mut ana).await, connected(&mut ben).await);
    let dropped = Instant::now();
    drop(b);
    let (mut a, mut b) = (connected(&mut ana).await, connected(&mut ben).await);
    assert!(dropped.elapsed() >= Duration::from_secs(1));
    assert!(are_one(&mut a, &mut b).await);
}

#[tokio::test]
async fn who_is_connected_is_not_dialled() {
    let mut ana = join(1, local()).await;
    let to_ana = local().limits(impatient()).connect(address(&ana).to_string());
    let mut ben = join(2, to_ana).await;
    let (mut a, mut b) = (connected(&mut ana).await, connected(&mut ben).await);
    silence(&mut ana, Duration::from_secs(1)).await;
    silence(&mut ben, Duration::from_millis(100)).await;
    assert!(are_one(&mut a, &mut b).await);
}
