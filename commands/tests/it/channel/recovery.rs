//! Founding, and the key that is kept elsewhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use super::{all_agree, two};
use crate::hyperkv::sync;
use crate::place::Place;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_recovery_key_authorizes_and_revokes_when_the_admins_are_gone() {
    let place = Place::new();
    let (ana, ben, key) = two(&place);
    assert_eq!((mode(&ana.recovery()), mode(&ana.path("identity")), mode(&ana.0)), (0o600, 0o600, 0o700));
    ana.put("a", "1");
    sync(&ana, &ben);
    // Ana's machine is stolen. The recovery file was elsewhere.
    let root = place.log("root");
    fs::create_dir(&root.0).unwrap();
    fs::copy(ana.recovery(), root.path("identity")).unwrap();
    root.open(&key);
    sync(&root, &ben);
    assert_eq!(root.whoami()["role"], "root");
    root.authorize(&format!("{} --admin", ben.writer()));
    root.does(&format!("revoke {}", ana.writer()));
    sync(&root, &ben);
    assert_eq!(ben.members(), [(ben.writer(), "admin".to_owned())]);
    // The theft is undone: what came by ana's grant is ended with it, and what she wrote is kept.
    assert_eq!(ben.held("a"), [json!(1)]);
    ana.put("a", "\"stolen\"");
    sync(&ana, &ben);
    assert_eq!(ben.held("a"), [json!(1)]);
    ben.put("b", "1");
    sync(&ana, &ben);
    sync(&root, &ben);
    all_agree(&[&ana, &ben, &root]);
    assert!(ana.kv_fails("put c 1").contains("have ended"));
}

#[test]
fn founding_tells_the_key_to_programs_and_the_rest_to_people() {
    let place = Place::new();
    let ana = place.log("ana");
    let ran = ana.run(["found", "team"]);
    assert!(
        ran.stderr.contains("the recovery key is in ")
            && ran.stderr.contains("ana.recovery: keep it elsewhere")
    );
    let key = ran.done();
    assert!(key.len() == 65 && key.trim_end().bytes().all(|digit| digit.is_ascii_hexdigit()), "{key}");
    assert_eq!(ana.whoami()["channel"], key.trim_end());
    assert_eq!((&ana.whoami()["name"], &ana.whoami()["role"]), (&json!("team"), &json!("admin")));
    let nodes = ana.nodes();
    assert_eq!(nodes.len(), 2, "the genesis, and the grant to the founder");
    assert_eq!((&nodes[0]["kind"], &nodes[1]["kind"]), (&json!("genesis"), &json!("grant")));
    let id = nodes[1]["id"].as_str().unwrap();
    assert!(ana.fails(&format!("get {id}")).contains("says who may write, and holds no value"));
    // That nobody listens founds a channel as well, and the recovery key is told of.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let deaf = place.log("deaf");
    let output = deaf.hyperlog().args(["found", "team"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the recovery key is in "));
    assert_eq!(deaf.whoami()["role"], "admin");
    // Elsewhere at once.
    let ben = place.log("ben");
    let file = place.path().join("ben's recovery");
    ben.run(["found", "team", "--recovery", file.to_str().unwrap()]).done();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!ben.recovery().exists());
    assert_ne!(ben.whoami()["channel"], key.trim_end(), "the name is not the channel");
    let told = place.log("cyd").does("found team --json");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let keys: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["channel", "name", "writer", "recovery"]);
}

#[test]
fn nothing_is_founded_where_something_is() {
    let place = Place::new();
    let (ana, file) = (place.log("ana"), place.path().join("recovery"));
    let key = ana.found("team");
    let (nodes, recovery) = (ana.nodes(), fs::read(ana.recovery()).unwrap());
    let words = format!("found team --recovery {}", file.display());
    for command in ["found team", "found other", &words] {
        let line = ana.fails(command);
        assert!(line.contains(&format!("holds channel {key} already: take another folder")), "{line}");
    }
    assert!(!file.exists(), "a key was made for nothing");
    // A log of the other kind, and a folder of a channel that has not been synced.
    let (log, reader) = (place.log("scuttleup"), place.log("reader"));
    log.scuttles(["append", "x"]).done();
    reader.open(&key);
    assert!(log.fails(&words).contains("there is a log here already"));
    assert!(reader.fails(&words).contains(&key));
    assert!(!file.exists());
    // What is in the place of the recovery file stays, and a link to nothing as well.
    let fresh = place.log("fresh");
    fs::write(&file, "precious").unwrap();
    let line = fresh.fails(&words);
    assert!(
        line.contains("is there already and is not overwritten")
            && line.contains("another name with --recovery"),
        "{line}"
    );
    assert_eq!(fs::read(&file).unwrap(), b"precious");
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(place.path().join("nowhere"), &file).unwrap();
    assert!(fresh.fails(&words).contains("is there already"));
    assert!(!place.path().join("nowhere").exists());
    assert!(fresh.fails("found team --recovery /nonexistent/recovery").contains("/nonexistent/recovery"));
    fresh.found("team");
    assert_eq!((ana.nodes(), fs::read(ana.recovery()).unwrap()), (nodes, recovery));
}

#[test]
fn an_admin_who_resigns_keeps_what_it_wrote_and_only_reads() {
    let place = Place::new();
    let (ana, ben, _) = two(&place);
    ana.put("a", "1");
    assert!(ana.fails(&format!("revoke {}", ana.writer())).contains("there is `resign`"));
    let ran = ana.run(["resign"]);
    assert!(ran.stderr.contains("no admin is left: only who has the recovery key"), "{}", ran.stderr);
    ran.done();
    assert!(ana.kv_fails("put b 1").contains("have ended"));
    sync(&ana, &ben);
    all_agree(&[&ana, &ben]);
    assert_eq!(ben.held("a"), [json!(1)]);
    assert_eq!(ben.members(), [(ben.writer(), "writer".to_owned())], "what it granted stands");
    ben.put("b", "1");
    assert!(!ben.run(["resign"]).stderr.is_empty());
    assert!(ben.members().is_empty());
}

#[test]
fn the_recovery_key_does_not_stay_with_the_log() {
    let place = Place::new();
    let (ana, inside) = (place.log("ana"), place.path().join("inside"));
    std::os::unix::fs::symlink(&ana.0, &inside).unwrap();
    ana.writer();
    for file in [ana.path("recovery"), inside.join("recovery"), ana.path("db").join("recovery")] {
        let line = ana.run(["found", "team", "--recovery", file.to_str().unwrap()]).failed();
        assert!(line.contains("the recovery key belongs elsewhere: "), "{line}");
        assert!(!file.exists());
    }
    // Beside the folder, however that is called.
    for (name, dir) in [("b", "b/"), ("c", "."), ("d", "../d")] {
        let log = place.log(name);
        fs::create_dir(&log.0).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hyperlog"));
        command.current_dir(if name == "b" { place.path() } else { &log.0 });
        assert!(command.args(["-d", dir, "found", "team"]).output().unwrap().status.success());
        assert!(log.recovery().is_file(), "{dir}");
    }
}
