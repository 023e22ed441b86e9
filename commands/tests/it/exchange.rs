//! Exports and imports: logs carried from folder to folder, whole, torn and forged.

use crate::dice::Dice;
use crate::place::{Log, Place};

/// Two logs made apart, with two roots, a merge and an import of one in the other between.
fn two_logs(place: &Place) -> (Log, Log) {
    let (a, b) = (place.log("a"), place.log("b"));
    a.add("a1");
    a.add("a2");
    b.reads("add --lines", "b1\nb2\nb3\n").done();
    b.import(a.export()).done();
    b.append("b merges a");
    a.append("a goes on alone");
    (a, b)
}

#[test]
fn any_order_of_exports_imports_to_the_union_and_twice_changes_nothing() {
    let place = Place::new();
    let (a, b) = two_logs(&place);
    let (from_a, from_b) = (a.export(), b.export());
    let mut union = [a.ids(), b.ids()].concat();
    union.sort_unstable();
    union.dedup();
    assert_eq!(union.len(), 7);
    let orders = [vec![&from_a, &from_b], vec![&from_b, &from_a], vec![&from_a, &from_a, &from_b, &from_a]];
    let mut heads = Vec::new();
    for (n, order) in orders.iter().enumerate() {
        let log = place.log(&format!("c{n}"));
        let all = order.iter().flat_map(|export| export.iter().copied()).collect::<Vec<_>>();
        let said = log.import(&all).stderr;
        assert!(said.contains(&format!("7 new nodes from {} exports", order.len())), "{said}");
        assert_eq!(log.ids(), union);
        let before = (log.does("list"), log.does("info"));
        let said = log.import(&all).stderr;
        assert!(said.contains("0 new nodes"), "{said}");
        assert_eq!((log.does("list"), log.does("info")), before);
        heads.push(log.heads());
        log.is_sound();
        // What was imported exports to what imports to the same.
        let next = place.log(&format!("d{n}"));
        next.import(log.export()).done();
        assert_eq!((next.ids(), next.heads()), (union.clone(), heads[0].clone()));
    }
    assert_eq!(heads[0].len(), 2);
    assert!(heads.iter().all(|other| *other == heads[0]));
}

#[test]
fn an_import_tells_its_numbers_in_json() {
    let place = Place::new();
    let (a, _) = two_logs(&place);
    let ran = place.log("c").reads("import --json", a.export());
    let told: serde_json::Value = serde_json::from_str(&ran.done()).unwrap();
    let keys: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["exports", "new", "known", "filled", "bytes", "forks"]);
    assert_eq!((&told["new"], &told["bytes"]), (&3.into(), &a.export().len().into()));
}

/// Imports what must be refused, and sees to it that nothing but whole groups of the original came in,
/// and that the original can still be imported.
#[track_caller]
fn is_refused(log: &Log, export: &[u8], original: &[u8], ids: &[String]) -> String {
    let line = log.import(export).failed();
    assert!(line.starts_with("hyperlog: the import stopped at byte "), "{line}");
    assert!(log.ids().iter().all(|id| ids.contains(id)), "something forged came in");
    log.is_sound();
    log.import(original).done();
    assert_eq!(log.ids(), ids);
    line
}

/// Magic, then frames with their heads.
fn frames(export: &[u8]) -> Vec<Vec<u8>> {
    let (magic, mut rest) = export.split_at(8);
    let mut frames = vec![magic.to_vec()];
    while let Some(length) = rest.first_chunk::<4>() {
        let (frame, after) = rest.split_at(5 + u32::from_be_bytes(*length) as usize);
        frames.push(frame.to_vec());
        rest = after;
    }
    frames
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_is() {
    let place = Place::new();
    let (_, b) = two_logs(&place);
    let (export, ids) = (b.export(), b.ids());
    let mut dice = Dice::cast("flips");
    for n in 0..40 {
        let mut flipped = export.clone();
        let at = usize::try_from(dice.below(export.len() as u64)).unwrap();
        flipped[at] ^= 1 << dice.below(8);
        is_refused(&place.log(&format!("c{n}")), &flipped, &export, &ids);
    }
}

#[test]
fn a_truncated_export_says_that_it_is_cut_off() {
    let place = Place::new();
    let (_, b) = two_logs(&place);
    let (export, ids) = (b.export(), b.ids());
    let mut dice = Dice::cast("cuts");
    let mut cuts = vec![1, 7, 8, 12, 13, export.len() - 1];
    cuts.extend((0..10).map(|_| usize::try_from(1 + dice.below(export.len() as u64 - 1)).unwrap()));
    for (n, cut) in cuts.into_iter().enumerate() {
        let line = is_refused(&place.log(&format!("c{n}")), &export[..cut], &export, &ids);
        assert!(line.ends_with("the export is cut off: it ends in the middle"), "cut at {cut}: {line}");
    }
    // A whole one before it is no excuse.
    let line = is_refused(&place.log("d"), &[&export, &export[..99]].concat(), &export, &ids);
    assert!(line.ends_with("the export is cut off: it ends in the middle"), "{line}");
}

#[test]
fn frames_that_are_missing_reordered_or_strange_are_named() {
    let place = Place::new();
    let a = place.log("a");
    // Two groups that are too large to go in one frame.
    let large = "x".repeat(600_000);
    a.reads("add --lines", &large).done();
    a.reads("add --lines", &large).done();
    let (export, ids) = (a.export(), a.ids());
    let frames = frames(&export);
    let [magic, start, first, second, end] = frames.as_slice() else { panic!("{} frames", frames.len()) };
    let cases: [(&str, Vec<&[u8]>); 10] = [
        ("something before it is missing", vec![magic, start, second, first, end]),
        ("something before it is missing", vec![magic, start, second, end]),
        ("it says 2 entries and holds 1", vec![magic, start, first, end]),
        ("it says 2 entries and holds 3", vec![magic, start, first, first, second, end]),
        ("has no place here", vec![magic, first, second, end]),
        ("has no place here", vec![magic, start, start, first, second, end]),
        ("has no place here", vec![magic, start, first, second, &[0, 0, 0, 0, 9], end]),
        ("not an export", vec![magic, start, first, second, end, b"and more"]),
        ("there can be: the export is damaged", vec![magic, start, &[255, 255, 255, 255, 2]]),
        ("it ends in the middle", vec![magic, start, &[0, 16, 0, 0, 2], b"short"]),
    ];
    for (n, (what, parts)) in cases.into_iter().enumerate() {
        let line = is_refused(&place.log(&format!("c{n}")), &parts.concat(), &export, &ids);
        assert!(line.contains(what), "{n}: {line}");
    }
    // The control: the parts in their order are the export.
    place.log("d").import([&magic[..], start, first, second, end].concat()).done();
}

#[test]
fn what_is_no_export_of_such_a_log_is_named() {
    let place = Place::new();
    let (_, b) = two_logs(&place);
    let (export, ids) = (b.export(), b.ids());
    let start = |version: u8, kind: &[u8]| {
        let frames = frames(&export);
        let mut body = vec![version];
        body.extend_from_slice(&frames[1][6..38]);
        body.extend_from_slice(kind);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&frames[0][..], &length, &[1], &body].concat()
    };
    let mut other_topic = export.clone();
    other_topic[20] ^= 1;
    let cases: [(&str, Vec<u8>); 8] = [
        ("there is nothing to import: the input is empty", Vec::new()),
        ("this is not an export of a log", b"hello".to_vec()),
        ("this is not an export of a log", vec![0; 100_000]),
        ("this is not an export of a log", b"\n".iter().chain(&export).copied().collect()),
        (
            "this export has version 2, this program knows version 1: use a newer program",
            start(2, b"hyperlog"),
        ),
        ("this is the export of a \"scuttleup\" log, not of a hyperlog log", start(1, b"scuttleup")),
        ("this is the export of a log about another topic", other_topic),
        (r"\u{1b}[2J", start(1, b"\x1b[2J\xff")),
    ];
    for (n, (what, bytes)) in cases.into_iter().enumerate() {
        let line = is_refused(&place.log(&format!("c{n}")), &bytes, &export, &ids);
        assert!(line.contains(what), "{n}: {line}");
        assert!(!line.contains('\u{1b}'));
    }
}

#[test]
fn a_group_with_a_forged_signature_is_named_and_not_stored() {
    let place = Place::new();
    let a = place.log("a");
    a.add("true");
    let mut export = a.export();
    let original = export.clone();
    // The value stands in the export as it is, and the signature follows it.
    let at = export.windows(4).position(|bytes| bytes == b"true").unwrap();
    export[at..at + 4].copy_from_slice(b"lies");
    let line = is_refused(&place.log("b"), &export, &original, &a.ids());
    assert!(line.contains("forged, or damaged on its way"), "{line}");
    export[at..at + 4].copy_from_slice(b"true");
    export[at + 20] ^= 1;
    let line = is_refused(&place.log("c"), &export, &original, &a.ids());
    assert!(line.contains("forged, or damaged on its way"), "{line}");
}

#[test]
fn thousands_of_nodes_travel_and_stay_the_same() {
    let place = Place::new();
    let (a, b) = (place.log("a"), place.log("b"));
    let lines: String = (0..20_000).map(|n| format!("value {n}\n")).collect();
    a.reads("add --lines", lines).done();
    b.import(a.export()).done();
    assert_eq!(a.does("list"), b.does("list"));
    assert_eq!(a.export(), b.export());
    b.is_sound();
}

#[test]
fn an_export_of_a_pipe_of_programs_needs_no_file() {
    use std::process::Stdio;
    let place = Place::new();
    let (a, b) = two_logs(&place);
    let mut export = a.hyperlog().arg("export").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut import = b.hyperlog();
    import.arg("import").stdin(export.stdout.take().unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(import.status().unwrap().success());
    assert!(export.wait().unwrap().success());
    assert_eq!(b.nodes().len(), 7);
}
