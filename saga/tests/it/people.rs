//! Names, members, and who is called what.

use saga::{Role, fingerprint, signed_name};

use crate::place::{founder, member, reader, sync, texts};

#[test]
fn a_name_is_a_claim_and_a_collision_is_visible() {
    let ana = founder("ana");
    let (ben, mallory) = (member(&ana, "ben"), member(&ana, "Ana"));
    ben.write_message("I am ben").unwrap();
    mallory.write_message("I am ana").unwrap();
    sync(&ana, &mallory);
    sync(&ana, &ben);
    let people = ana.people().unwrap();
    let names: Vec<_> = people.iter().map(|p| (p.name.as_deref().unwrap(), p.ambiguous, p.is_me)).collect();
    assert_eq!(names, [("Ana", true, false), ("ana", true, true), ("ben", false, false)]);
    let message = &ana.messages().unwrap().into_iter().find(|m| m.text == "I am ana").unwrap();
    assert_eq!(message.writer, mallory.writer());
    assert_eq!(ana.find("ben").unwrap(), ben.writer());
    let error = ana.find("ana").unwrap_err().to_string();
    assert!(error.contains(&signed_name("Ana", &mallory.writer())), "{error}");
    assert_eq!(ana.find(&signed_name("ana", &ana.writer())).unwrap(), ana.writer());
    assert_eq!(ana.find(&fingerprint(&mallory.writer())).unwrap(), mallory.writer());
    assert_eq!(ana.find(&ben.writer().to_string()).unwrap(), ben.writer());
    assert!(ana.find("nobody").is_err());
}

#[test]
fn a_new_name_is_taken_over_by_others_and_only_ones_own() {
    let ana = founder("ana");
    let ben = member(&ana, "ben");
    ben.write_message("hi").unwrap();
    ben.set_username("  benjamin\u{7} ").unwrap();
    assert_eq!(ben.username(), "benjamin");
    sync(&ana, &ben);
    let name = |saga: &saga::Saga| {
        let people = saga.people().unwrap();
        people.into_iter().find(|person| person.key == ben.writer()).unwrap().name
    };
    assert_eq!(name(&ana).as_deref(), Some("benjamin"));
    assert_eq!(ana.messages().unwrap()[0].username, "ben", "what was said stays said by that name");
    assert!(matches!(ben.set_username("~~"), Err(saga::Error::Name)));
}

#[test]
fn who_is_removed_can_read_and_what_it_writes_shows_up_nowhere() {
    let ana = founder("ana");
    let (ben, cy) = (member(&ana, "ben"), member(&ana, "cy"));
    ben.write_message("good").unwrap();
    sync(&ana, &ben);
    ben.write_message("written apart, before ben heard").unwrap();
    ana.remove(&ben.writer()).unwrap();
    ana.write_message("after").unwrap();
    sync(&ben, &cy);
    sync(&ana, &cy);
    sync(&ana, &ben);
    for saga in [&ana, &ben, &cy] {
        assert_eq!(texts(saga), ["good", "after"]);
    }
    assert!(matches!(ben.write_message("more"), Err(saga::Error::NotAuthorized(_))));
    assert!(!ana.people().unwrap().iter().any(|person| person.key == ben.writer()));
}

#[test]
fn only_admins_invite_and_remove() {
    let ana = founder("ana");
    let (ben, cy) = (member(&ana, "ben"), reader(&ana, "cy"));
    assert!(ben.invite(cy.writer(), Role::Writer).is_err());
    assert!(ben.remove(&ana.writer()).is_err());
    ana.invite(ben.writer(), Role::Admin).unwrap();
    sync(&ana, &ben);
    ben.invite(cy.writer(), Role::Writer).unwrap();
    assert!(ben.remove(&ana.writer()).is_err(), "nobody removes who is above");
}
