//! Chats to test with.

use saga::{Memory, Options, Role, Saga};

/// Somebody who founds a channel.
pub(crate) fn founder(name: &str) -> Saga {
    Saga::open(Memory::new(), None, name).unwrap()
}

/// Somebody who opens the channel of another, and may not write yet.
pub(crate) fn reader(of: &Saga, name: &str) -> Saga {
    Saga::open(Memory::new(), Some(of.key()), name).unwrap()
}

/// Somebody who may write, and knows it.
pub(crate) fn member(of: &Saga, name: &str) -> Saga {
    let member = reader(of, name);
    of.invite(member.writer(), Role::Writer).unwrap();
    sync(of, &member);
    member
}

pub(crate) fn sync(one: &Saga, other: &Saga) {
    assert!(replicate::sync(one.channel().log(), other.channel().log()).unwrap().equal);
}

pub(crate) fn texts(saga: &Saga) -> Vec<String> {
    saga.messages().unwrap().into_iter().map(|message| message.text).collect()
}

/// What two live chats do on a pipe in memory until `then` is done.
pub(crate) async fn connected<T>(one: &Saga, other: &Saga, then: impl Future<Output = T>) -> T {
    let (left, right) = tokio::io::duplex(64 << 10);
    let both = async { tokio::join!(one.replicate(left), other.replicate(right)) };
    tokio::select! {
        done = then => done,
        ended = both => panic!("the connection ended: {ended:?}"),
    }
}

/// Looks until it is so, for at most ten seconds.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if is_so() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

pub(crate) fn options() -> Options {
    Saga::options()
}

/// A connection between two, until it is dropped.
pub(crate) struct Wire(Vec<tokio::task::JoinHandle<()>>);

impl Drop for Wire {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

pub(crate) fn wire(one: &Saga, other: &Saga) -> Wire {
    let (left, right) = tokio::io::duplex(64 << 10);
    let run = |saga: Saga, end| tokio::spawn(async move { drop(saga.replicate(end).await) });
    Wire(vec![run(one.clone(), left), run(other.clone(), right)])
}

pub(crate) async fn see_each_other(one: &Saga, other: &Saga) {
    let sees = |saga: &Saga, who: &Saga| saga.users().iter().any(|user| user.key == who.writer());
    until("they see each other", || sees(one, other) && sees(other, one)).await;
}

/// Long enough for words to go round, if they do.
pub(crate) async fn a_while() {
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
}
