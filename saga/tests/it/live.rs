//! Everything at once: live connections that break, writers, readers that begin again, members that come and go.

use std::collections::BTreeSet;
use std::time::Duration;

use hyperlog::Kind;
use saga::{Message, Role, Saga};

use crate::place::{founder, member, see_each_other, until, wire};

const EACH: usize = 30;

/// All messages that count now, and each of them told once, after what its author had seen.
fn check(saga: &Saga, told: &[Message]) {
    let ids: Vec<_> = told.iter().map(|message| message.position.id).collect();
    let once: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(once.len(), ids.len(), "told twice");
    let mut before = BTreeSet::new();
    for id in &ids {
        let node = saga.channel().log().raw(id).unwrap();
        assert_eq!(node.kind, Kind::Data);
        assert!(node.links.iter().all(|link| before.contains(link) || !once.contains(link)), "too early");
        before.insert(*id);
    }
    let counts = saga.messages().unwrap();
    assert!(counts.iter().all(|message| once.contains(&message.position.id)), "never told");
}

async fn write(saga: Saga) {
    for n in 0..EACH {
        let (text, writer) = (format!("{} {n}", saga.username()), saga.clone());
        tokio::task::spawn_blocking(move || writer.write_message(&text)).await.unwrap().unwrap();
        tokio::time::sleep(Duration::from_millis(7)).await;
    }
}

/// Reads, is killed now and then after it has noted what it was told, and begins again.
async fn read(saga: Saga, name: &'static str, all: usize) -> Vec<Message> {
    let mut told = Vec::new();
    while told.len() < all {
        let mut feed = saga.subscribe(name).unwrap();
        for _ in 0..11 {
            let next = tokio::time::timeout(Duration::from_secs(10), feed.recv()).await;
            told.push(next.expect("a message is missing").unwrap().unwrap());
            if told.len() == all {
                break;
            }
        }
        feed.done().unwrap();
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_is_told_once_whatever_happens_to_connections_readers_and_members() {
    let ana = founder("ana");
    let (ben, cy) = (member(&ana, "ben"), member(&ana, "cy"));
    let dan = member(&ana, "dan");
    let sagas = [ana.clone(), ben.clone(), cy.clone()];
    let writing = sagas.clone().map(|saga| tokio::spawn(write(saga)));
    let reading = sagas.clone().map(|saga| tokio::spawn(read(saga, "reader", 3 * EACH)));
    // Connections break; and with each removal what counts is reckoned anew.
    let flapping = tokio::spawn({
        let (sagas, dan) = (sagas.clone(), dan.writer());
        async move {
            for _ in 0..6 {
                let wires = [(0, 1), (1, 2), (0, 2)].map(|(one, other)| wire(&sagas[one], &sagas[other]));
                let ana = sagas[0].clone();
                let flipped = tokio::task::spawn_blocking(move || {
                    ana.remove(&dan).unwrap();
                    ana.invite(dan, Role::Writer).unwrap();
                });
                flipped.await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
                drop(wires);
            }
            [(0, 1), (1, 2)].map(|(one, other)| wire(&sagas[one], &sagas[other]))
        }
    });
    for writer in writing {
        writer.await.unwrap();
    }
    let _wires = flapping.await.unwrap();
    for (saga, reader) in sagas.iter().zip(reading) {
        let told = reader.await.unwrap();
        check(saga, &told);
        assert_eq!(told.len(), 3 * EACH);
        assert!(saga.subscribe("reader").unwrap().try_next().is_none());
    }
    until("one order", || ana.messages().unwrap().len() == cy.messages().unwrap().len()).await;
    let order = |saga: &Saga| saga.messages().unwrap().into_iter().map(|one| one.key).collect::<Vec<_>>();
    assert!(order(&ana) == order(&ben) && order(&ben) == order(&cy));
}

/// What blocks in one part of a chat holds up no other: calls of everything there is, from many threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_calls_what_at_the_same_time_waits_for_nobody_for_ever() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let stranger = crate::place::reader(&ana, "stranger").writer();
    let calls: [fn(&Saga, saga::WriterId); 8] = [
        |saga, _| drop(saga.write_message("x").unwrap()),
        |saga, _| drop((saga.users(), saga.people().unwrap())),
        |saga, _| drop((saga.requests().unwrap(), saga.find("ben"))),
        |saga, _| saga.set_username("somebody").unwrap(),
        |saga, key| saga.invite(key, Role::Writer).unwrap(),
        |saga, key| drop(saga.remove(&key)),
        |saga, _| drop((saga.messages().unwrap(), saga.history(None, 3).unwrap())),
        |saga, _| drop(saga.events().try_next()),
    ];
    let callers = calls.map(|call| {
        let ana = ana.clone();
        tokio::task::spawn_blocking(move || (0..20).for_each(|_| call(&ana, stranger)))
    });
    let flapping = async {
        for _ in 0..10 {
            let wire = wire(&ana, &ben);
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(wire);
        }
        ana.disconnect().await;
    };
    let all = async {
        flapping.await;
        for caller in callers {
            caller.await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all).await.expect("they wait for each other");
}

#[tokio::test]
async fn the_last_words_before_a_goodbye_arrive_with_it() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    for n in 0..30 {
        let _wire = wire(&ana, &ben);
        see_each_other(&ana, &ben).await;
        ben.write_message(&format!("bye {n}")).unwrap();
        ben.disconnect().await;
        until("he has left", || ana.users().is_empty()).await;
        assert_eq!(ana.messages().unwrap().len(), n + 1);
    }
}
