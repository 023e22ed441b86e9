//! Doors: who may write, who asks, and what others hear of it.

use hyperlog::News;
use saga::{Door, Event, Events, Identity, Role, Saga};

use crate::mallory::{Asked, Mallory};
use crate::place::{a_while, founder, member, reader, see_each_other, until, wire};

/// Names in the requests that were told.
fn told(events: &mut Events) -> Vec<String> {
    std::iter::from_fn(|| events.try_next())
        .filter_map(|news| match news {
            News::Event(Event::Request(request)) => Some(request.username),
            News::Event(_) => None,
            News::Missed(missed) => panic!("{missed} events were missed"),
        })
        .collect()
}

fn asking(saga: &Saga) -> Vec<String> {
    saga.requests().unwrap().into_iter().map(|request| request.username).collect()
}

fn may_write(saga: &Saga) -> bool {
    saga.channel().authorized(&saga.writer()).unwrap()
}

#[tokio::test]
async fn an_open_door_admits_and_does_not_readmit_who_was_removed() {
    let ana = founder("ana");
    ana.set_door(Door::Open);
    let (ben, cy) = (reader(&ana, "ben"), reader(&ana, "cy"));
    let mut events = ana.events();
    let first = wire(&ana, &ben);
    until("ben writes", || ben.write_message("in").is_ok()).await;
    let mut admitted = 0;
    until("it is told", || {
        while let Some(news) = events.try_next() {
            admitted +=
                usize::from(matches!(news, News::Event(Event::Admitted(user)) if user.key == ben.writer()));
        }
        admitted == 1
    })
    .await;
    ana.remove(&ben.writer()).unwrap();
    drop(first);
    let _again = wire(&ana, &ben);
    see_each_other(&ana, &ben).await;
    // Whoever else comes gets in meanwhile: the door is open.
    let _other = wire(&ana, &cy);
    until("cy may write", || may_write(&cy)).await;
    a_while().await;
    assert!(!ana.channel().authorized(&ben.writer()).unwrap());
    assert!(ben.write_message("in again").is_err());
    // By hand it goes.
    ana.invite(ben.writer(), Role::Writer).unwrap();
    until("ben writes again", || ben.write_message("thanks").is_ok()).await;
}

#[tokio::test]
async fn a_request_is_passed_on_to_an_admin_two_hops_away_and_gone_when_granted() {
    let ana = founder("ana");
    let (ben, cy) = (member(&ana, "ben"), reader(&ana, "cy"));
    let mut events = ana.events();
    let _wires = (wire(&ana, &ben), wire(&ben, &cy));
    until("ana hears of cy", || asking(&ana) == ["cy"]).await;
    assert_eq!(asking(&ben), ["cy"]);
    a_while().await;
    assert_eq!(told(&mut events), ["cy"], "once");
    assert!(asking(&cy).is_empty(), "nobody asks itself");
    ana.invite(cy.writer(), Role::Writer).unwrap();
    assert!(ana.requests().unwrap().is_empty());
    until("cy writes", || cy.write_message("thanks").is_ok()).await;
    until("ben knows", || ben.channel().authorized(&cy.writer()).unwrap()).await;
    assert!(asking(&ben).is_empty(), "who may write does not ask any more");
}

#[tokio::test]
async fn between_three_who_all_know_each_other_a_request_is_told_once() {
    let ana = founder("ana");
    let (ben, cy, dan) = (member(&ana, "ben"), member(&ana, "cy"), reader(&ana, "dan"));
    let members = [&ana, &ben, &cy];
    let mut events = members.map(Saga::events);
    let _wires = [(0, 1), (1, 2), (0, 2)].map(|(one, other)| wire(members[one], members[other]));
    let _dans = members.map(|member| wire(member, &dan));
    for member in members {
        until("everybody hears of dan", || asking(member) == ["dan"]).await;
    }
    a_while().await;
    assert_eq!(events.each_mut().map(told), [["dan"]; 3]);
}

#[tokio::test]
async fn another_name_of_the_same_key_is_told_and_is_clean() {
    let ana = founder("ana");
    let mallory = Mallory::new(&ana);
    let mut events = ana.events();
    let mut guest = mallory.behave(&ana, "mallory").await;
    for (time, name) in [(1, "one"), (2, "one"), (3, "t\u{1b}[2Jw\u{202e}o\n~k3f7q2ab"), (2, "old")] {
        guest.say(&Asked::new(&mallory.identity, &ana.key(), name, time).bytes()).await;
    }
    until("both names", || asking(&ana) == ["t[2Jwo k3f7q2ab"]).await;
    a_while().await;
    assert_eq!(told(&mut events), ["one", "t[2Jwo k3f7q2ab"]);
}

#[tokio::test]
async fn who_may_write_asks_nobody_whether_it_knows_that_or_not() {
    let ana = founder("ana");
    let (ben, cy) = (reader(&ana, "ben"), member(&ana, "cy"));
    ana.invite(ben.writer(), Role::Writer).unwrap();
    let mut events = ana.events();
    let _wires = (wire(&ana, &ben), wire(&ana, &cy));
    until("ben learns of it", || may_write(&ben)).await;
    see_each_other(&ana, &cy).await;
    a_while().await;
    assert!(told(&mut events).is_empty() && ana.requests().unwrap().is_empty());
    // And who does ask is heard.
    let _dans = wire(&ana, &reader(&ana, "dan"));
    until("ana hears of dan", || told(&mut events) == ["dan"]).await;
}

#[tokio::test]
async fn a_door_for_the_invited_tells_nothing_and_passes_nothing_on() {
    let ana = founder("ana");
    let (ben, cy) = (member(&ana, "ben"), reader(&ana, "cy"));
    ben.set_door(Door::Invite);
    let mut events = (ana.events(), ben.events());
    let _anas = wire(&ana, &ben);
    let cys = wire(&ben, &cy);
    see_each_other(&ben, &cy).await;
    see_each_other(&ana, &ben).await;
    a_while().await;
    assert!(told(&mut events.0).is_empty() && told(&mut events.1).is_empty());
    assert!(ana.requests().unwrap().is_empty() && ben.requests().unwrap().is_empty());
    // With another door, it is heard.
    ben.set_door(Door::Ask);
    drop(cys);
    let _cys = wire(&ben, &cy);
    until("ana hears of cy", || asking(&ana) == ["cy"]).await;
}

#[tokio::test]
async fn who_was_removed_asks_again_and_only_by_itself() {
    let ana = founder("ana");
    let (ben, cy) = (member(&ana, "ben"), reader(&ana, "cy"));
    let (anas, cys) = (wire(&ana, &ben), wire(&ben, &cy));
    until("ana hears of cy", || asking(&ana) == ["cy"]).await;
    ana.invite(cy.writer(), Role::Writer).unwrap();
    until("cy may write", || may_write(&cy)).await;
    drop(cys);
    ana.remove(&cy.writer()).unwrap();
    until("ben knows", || !ben.channel().authorized(&cy.writer()).unwrap()).await;
    drop(anas);
    let mut events = ana.events();
    let _anas = wire(&ana, &ben);
    see_each_other(&ana, &ben).await;
    a_while().await;
    assert!(told(&mut events).is_empty(), "what ben heard long ago is no request now");
    // Cy learns of it, and asks when it comes the next time.
    let cys = wire(&ana, &cy);
    until("cy knows", || !may_write(&cy)).await;
    drop(cys);
    let _cys = wire(&ana, &cy);
    until("ana hears of cy", || asking(&ana) == ["cy"]).await;
    assert!(ana.requests().unwrap()[0].was_removed);
}

#[tokio::test]
async fn there_are_at_most_64_requests() {
    let ana = founder("ana");
    let mut guests = Vec::new();
    for _ in 0..12 {
        let mut guest = Mallory::new(&ana).behave(&ana, "mallory").await;
        for n in 0..16 {
            let asked = Asked::new(&Identity::generate(), &ana.key(), &format!("{n}"), n);
            guest.say(&asked.bytes()).await;
        }
        guests.push(guest);
    }
    until("there are many", || ana.requests().unwrap().len() >= 48).await;
    a_while().await;
    assert!(ana.requests().unwrap().len() <= 64);
}

/// One stranger with many keys does not end what the others say to each other.
#[tokio::test]
async fn a_flood_of_requests_keeps_nobody_else_from_asking() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    let _anas = wire(&ana, &ben);
    see_each_other(&ana, &ben).await;
    let mut guest = Mallory::new(&ana).behave(&ben, "mallory").await;
    for n in 0..300 {
        let asked = Asked::new(&Identity::generate(), &ana.key(), &format!("m{n}"), n);
        // It may not be listened to any more.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut guest.talk, &asked.bytes()).await;
        tokio::task::yield_now().await;
    }
    a_while().await;
    drop(guest);
    let _cys = wire(&ben, &reader(&ana, "cy"));
    until("ana hears of cy", || asking(&ana).contains(&"cy".to_owned())).await;
}

/// Who is connected need not come again for a door that is opened meanwhile.
#[tokio::test]
async fn a_door_that_changes_reaches_who_is_connected() {
    let ana = founder("ana");
    ana.set_door(Door::Invite);
    let (ben, cy) = (reader(&ana, "ben"), reader(&ana, "cy"));
    let mut events = ana.events();
    let _wires = (wire(&ana, &ben), wire(&ana, &cy));
    until("both are here", || ana.users().len() == 2).await;
    a_while().await;
    assert!(told(&mut events).is_empty());
    ana.set_door(Door::Ask);
    let mut asked = told(&mut events);
    asked.sort();
    assert_eq!(asked, ["ben", "cy"]);
    assert!(ana.find(&ana.key().to_string()).is_err(), "the key of the channel is nobody's");
    ana.set_door(Door::Open);
    until("both write", || ben.write_message("in").is_ok() && cy.write_message("in").is_ok()).await;
    // The founder's grant, and one for each.
    assert_eq!(ana.channel().grants().unwrap().len(), 3);
}
