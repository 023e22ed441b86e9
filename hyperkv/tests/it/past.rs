//! The map as it was.

use hyperkv::{Change, Error, HyperKv, Memory, Moment, Past, Select, Utf8, Version};
use hyperlog::{Binary, NodeId};

use crate::draw::{FORKED, draw};
use crate::model::{Asked, Model, check};
use crate::support::{Map, get, identity, ids, open, shown, sync};

fn then(past: &Past<Utf8>, key: &str) -> String {
    shown(&past.get(key).unwrap())
}

#[test]
fn a_version_reads_what_there_was() {
    // HD-40
    let kv = open(1);
    let empty = kv.version();
    kv.put("a", "1").unwrap();
    kv.put("b", "1").unwrap();
    let before = kv.version();
    kv.put("a", "2").unwrap();
    kv.del("b").unwrap();
    kv.put("c", "1").unwrap();
    let past = kv.at(&before).unwrap();
    assert_eq!(
        (then(&past, "a"), then(&past, "b"), then(&past, "c")),
        ("1".into(), "1".into(), String::new())
    );
    assert_eq!(past.list(Select::all()).unwrap().count(), 2);
    assert_eq!(past.list(Select::all().reverse(true).limit(1)).unwrap().next().unwrap().unwrap().key, "b");
    assert_eq!(past.list(Select::all().prefix("c")).unwrap().count(), 0);
    assert!(kv.at(&empty).unwrap().get("a").unwrap().is_empty());
    assert_eq!(kv.at(&empty).unwrap().list(Select::all()).unwrap().count(), 0);
    let now = kv.at(kv.version()).unwrap();
    assert_eq!((then(&now, "a"), then(&now, "b")), ("2".into(), "-".into()));
    assert_eq!(now.list(Select::all().without_deleted()).unwrap().count(), 2);
    assert_eq!(then(&past, "a"), "1", "what comes later changes nothing then");
}

#[test]
fn a_change_reads_what_there_was_then() {
    let kv = open(1);
    let drawn = draw(&kv, FORKED);
    let at = |change: u64, key: &str| drawn.of(&kv.at(Change(change)).unwrap().get(key).unwrap());
    let steps: Vec<_> = (0..=10).map(|change| at(change, "X")).collect();
    assert_eq!(steps, ["", "A", "B", "B", "D", "D E", "D E", "D E", "D E", "D E", "D E"]);
    let steps: Vec<_> = (0..=10).map(|change| at(change, "Z")).collect();
    assert_eq!(steps, ["", "", "", "C", "C", "C", "C", "G", "G H", "I", "I"]);
    assert_eq!(at(u64::MAX, "X"), "D E");
}

#[test]
fn a_version_is_the_same_text_on_every_replica_and_is_read_back() {
    // HD-40
    let (ana, ben) = (open(1), open(2));
    assert_eq!(ana.version().to_string(), "0");
    ana.put("k", "1").unwrap();
    ben.put("k", "2").unwrap();
    let lone = ana.version();
    assert_ne!(lone, ben.version());
    sync(&ana, &ben);
    assert_eq!(ana.version().to_string(), ben.version().to_string());
    assert_eq!(ana.version().tips().len(), 2);
    for version in [Version::default(), lone.clone(), ana.version()] {
        assert_eq!(version.to_string().parse::<Version>().unwrap(), version);
        let moment: Moment = version.to_string().parse().unwrap();
        assert_eq!(
            shown(&ben.at(moment).unwrap().get("k").unwrap()),
            shown(&ben.at(&version).unwrap().get("k").unwrap())
        );
    }
    // A version of another replica.
    assert_eq!(then(&ben.at(&lone).unwrap(), "k"), "1");
    assert_eq!("7".parse::<Moment>().unwrap(), Moment::Change(Change(7)));
    for text in
        ["", "+", "x", "0+0", "0+", &lone.to_string()[1..], "-1", &format!("{lone}+"), &format!(" {lone}")]
    {
        text.parse::<Version>().unwrap_err();
        text.parse::<Moment>().unwrap_err();
    }
    let mut tips = ana.version().tips().to_vec();
    tips.reverse();
    tips.push(tips[0]);
    assert_eq!(Version::new(tips), ana.version());
}

#[test]
fn a_version_that_is_not_here_is_an_error_that_names_what_is_missing() {
    // HD-41
    let (ana, ben) = (open(1), open(2));
    let missing = ana.put("k", "1").unwrap();
    let version = ana.version();
    for error in [
        ben.at(&version).unwrap_err(),
        ben.diff(Change(0), &version, Select::all()).unwrap_err(),
        ben.diff(&version, Change(0), Select::all()).unwrap_err(),
    ] {
        assert!(matches!(&error, Error::UnknownVersion { id } if *id == missing));
        assert!(error.to_string().contains(&missing.to_string()));
    }
    ben.at(Version::new([NodeId::from_bytes([7; 32])])).unwrap_err();
    sync(&ana, &ben);
    assert_eq!(then(&ben.at(&version).unwrap(), "k"), "1");
}

/// Two maps of one writer, who wrote apart.
fn forked() -> (Map, Map, [Version; 3]) {
    let (one, two) = (open(1), open(1));
    one.put("k", "shared").unwrap();
    sync(&one, &two);
    let shared = one.version();
    one.put("k", "left").unwrap();
    two.put("k", "right").unwrap();
    two.put("l", "right").unwrap();
    let versions = [shared, one.version(), two.version()];
    (one, two, versions)
}

#[test]
fn a_writer_that_forked_has_versions_of_either_branch() {
    let (one, two, [shared, left, right]) = forked();
    let judge = open(3);
    let export = |kv: &Map| {
        let mut bytes = Vec::new();
        kv.log().export(&mut bytes).unwrap();
        bytes
    };
    judge.log().import(&export(&one)[..]).unwrap();
    let before = judge.version();
    let early = judge.at(&left).unwrap();
    judge.log().import(&export(&two)[..]).unwrap();
    assert_eq!(judge.log().branches_of(&one.log().writer()), 2);
    assert_eq!((get(&judge, "k"), before), ("left right".into(), left.clone()));
    let at = |version: &Version, key: &str| then(&judge.at(version).unwrap(), key);
    assert_eq!(
        (at(&shared, "k"), at(&left, "k"), at(&right, "k")),
        ("shared".into(), "left".into(), "right".into())
    );
    assert_eq!(
        (at(&left, "l"), at(&right, "l"), at(&judge.version(), "k")),
        (String::new(), "right".into(), "left right".into())
    );
    assert_eq!(then(&early, "k"), "left", "also where it was asked for before the fork was known");
    let keys = |from: &Version, to: &Version| {
        let differences = judge.diff(from, to, Select::all()).unwrap();
        differences
            .map(|difference| String::from_utf8(difference.unwrap().key.to_vec()).unwrap())
            .collect::<String>()
    };
    assert_eq!(
        (keys(&shared, &left), keys(&left, &right), keys(&right, &right)),
        ("k".into(), "kl".into(), String::new())
    );
    check(&judge);
    judge.put("k", "healed").unwrap();
    assert_eq!((get(&judge, "k"), at(&right, "k")), ("healed".into(), "right".into()));
    check(&judge);
}

#[test]
fn every_moment_of_a_map_with_conflicts_and_other_nodes_is_found_again() {
    let (ana, ben) = (open(1), open(2));
    let mut moments = Vec::new();
    for n in 0..12 {
        let kv = if n % 2 == 0 { &ana } else { &ben };
        match n % 4 {
            0 | 1 => drop(kv.put(["a", "b"][n / 2 % 2], n.to_string()).unwrap()),
            2 => drop(kv.del("a").unwrap()),
            _ => drop(kv.log().append("a note").unwrap()),
        }
        if n % 5 == 4 {
            sync(&ana, &ben);
        }
        moments.push((kv.version(), ids(kv)));
    }
    sync(&ana, &ben);
    for kv in [&ana, &ben].map(HyperKv::with_encoding::<Binary>) {
        for (version, had) in &moments {
            let model = Model::of(&kv).with(|wrote| had.contains(&wrote.id));
            model.check_past(&kv.at(version).unwrap(), &Asked::default(), &["a", "b", "c"]).unwrap();
        }
    }
}

#[test]
fn of_many_values_of_then_the_first_are_shown_and_all_counted() {
    let kv = open(1);
    kv.batch((0..300).map(|_| hyperkv::Write::put("k", "x").links([])).collect::<Vec<_>>()).unwrap();
    let (then, values) = (kv.version(), kv.get("k").unwrap());
    kv.put("k", "y").unwrap();
    let then = kv.at(then).unwrap();
    let past = then.get("k").unwrap();
    assert_eq!((past.len(), past.is_whole(), past.iter().len()), (300, false, 256));
    assert_eq!(past, values);
    let last = past.ids().last();
    let rest = then.page("k", last, 1000).unwrap();
    assert_eq!((rest.len(), rest.first().map(|value| Some(value.id) > last)), (44, Some(true)));
    assert!(then.page("k", rest.last().map(|value| value.id), 10).unwrap().is_empty());
    assert_eq!(then.page("k", None, 10).unwrap(), past.iter().take(10).cloned().collect::<Vec<_>>());
}

#[test]
fn the_past_is_there_after_reopening() {
    let level = Memory::new();
    let kv = HyperKv::<Utf8>::open(level.clone(), identity(1)).unwrap();
    kv.put("k", "1").unwrap();
    let version = kv.version();
    kv.put("k", "2").unwrap();
    drop(kv);
    let kv = HyperKv::<Utf8>::open(level, identity(1)).unwrap();
    assert_eq!(then(&kv.at(version).unwrap(), "k"), "1");
}
