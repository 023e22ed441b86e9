//! Bytes on disk and on the wire, against figures that another program made.

use bytes::Bytes;
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use level::Level;
use proptest::prelude::*;
use scuttleup::{
    Change, Durability, EntryId, Header, KeyError, Log, Plain, Purpose, Seq, Topic, Value, WriterId, hash,
};

use crate::support::{
    self, Forged, assert_clean, chain, decode, dump, export, group, identity, import, log, log_on_level, sign,
};

fn vector(name: &str) -> Vec<u8> {
    vector_in(include_str!("../vectors/format-1.txt"), name)
}

/// Of a store of format 2. Its entries are as they are now.
fn stored(name: &str) -> Vec<u8> {
    vector_in(include_str!("../vectors/store-2.txt"), name)
}

/// What format 3 brought.
fn stored_3(name: &str) -> Vec<u8> {
    vector_in(include_str!("../vectors/store-3.txt"), name)
}

fn vector_in(file: &str, name: &str) -> Vec<u8> {
    let line = file.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
    let digits = line.unwrap_or_else(|| panic!("no vector {name}"));
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn id(name: &str) -> EntryId {
    EntryId::from_bytes(vector(name).try_into().unwrap())
}

#[test]
fn hashes_are_those_of_another_implementation() {
    let known = "b4ea2fff904a1653862fe071a150d435132ec7307669853ae438356a7ede60cb";
    assert_eq!(EntryId::from_bytes(hash(Purpose::Node, &[b"abc"])).to_string(), known);
    assert_eq!(hash(Purpose::Node, &[b"a", b"", b"bc"]).as_slice(), vector("hash_of_abc_as_node"));
    assert_eq!(Header::hash_value(b"hello").as_slice(), vector("hash_of_hello_as_value"));
    assert_eq!(hash(Purpose::Discovery, &[b"abc"]).as_slice(), vector("hash_of_abc_disc"));
    assert_eq!(hash(Purpose::Tips, &[b"abc"]).as_slice(), vector("hash_of_abc_tips"));
    assert_eq!(hash(Purpose::Topic, &[b"abc"]).as_slice(), vector("hash_of_abc_topic"));
    assert_eq!(Topic::OPEN.discovery_key().as_slice(), vector("discovery_key_of_open_topic"));
}

#[test]
fn headers_ids_and_signatures_are_those_of_another_implementation() {
    let writer = identity(1).writer();
    assert_eq!(writer.as_bytes().as_slice(), vector("writer"));
    let first = Forged::first(1, "hello").signed();
    let second = first.next("world").signed();
    for (entry, name) in [(&first, "first"), (&second, "second")] {
        assert_eq!(entry.header().encode(), vector(&format!("header_{name}")));
        assert_eq!(entry.id(), id(&format!("id_{name}")));
        let signature: [u8; 64] = vector(&format!("signature_{name}")).try_into().unwrap();
        assert!(scuttleup::verify(&writer, &entry.id(), &signature));
        assert!(!scuttleup::verify(&identity(2).writer(), &entry.id(), &signature));
    }
    let other = Header {
        topic: Topic::from_bytes([7; 32]),
        writer,
        seq: Seq(2),
        prev: Some(EntryId::from_bytes([9; 32])),
        ext: Bytes::from_static(b"ext"),
        value_len: 0,
        value_hash: Header::hash_value(b""),
    };
    assert_eq!(other.encode(), vector("header_other"));
    assert_eq!(other.id(), id("id_other"));
    assert_eq!(Header::decode(other.encode().into()), Ok(other));
}

#[test]
fn the_log_writes_the_rows_and_the_export_of_the_format() {
    let (log, level) = log_on_level(1);
    let appended = log.append_batch(["hello", "world"]).unwrap();
    assert_eq!(appended[1].id, id("id_second"));
    let rows = dump(&level);
    let row = |sub: &str, key: &[u8]| {
        let row = rows[sub].iter().find(|(found, _)| found == key);
        row.unwrap_or_else(|| panic!("{sub} {key:?}")).1.to_vec()
    };
    assert_eq!(row("entries", &1u64.to_be_bytes()), stored("row_first"));
    assert_eq!(row("entries", &2u64.to_be_bytes()), stored("row_second"));
    assert_eq!(row("ids", appended[1].id.as_bytes()), 2u64.to_be_bytes());
    assert_eq!(row("meta", b"b\0\0\0\0"), vector("row_branch"));
    assert_eq!(row("meta", b"s\0\0\0\0\0\0\0\0\0\0\0\x01"), 1u64.to_be_bytes());
    assert_eq!(row("meta", b"f"), stored_3("row_format"));
    assert_eq!(export(&log), vector("export"));
    log.del(&log.writer(), Seq(2)).unwrap();
    let deleted = level.sub("entries").unwrap();
    let deleted = level::Read::get(&level, deleted, &2u64.to_be_bytes()).unwrap().unwrap();
    assert_eq!(deleted.to_vec(), stored("row_second_deleted"));
}

#[test]
fn a_store_of_format_2_is_read_and_is_one_of_format_3_from_then_on() {
    let (log, level) = log_on_level(1);
    log.append_batch(["hello", "world"]).unwrap();
    log.del(&log.writer(), Seq(2)).unwrap();
    drop(log);
    let sub = |name| level.sub(name).unwrap();
    let put = |sub, key: &[u8], row: &[u8]| level.put(sub, key, row, Durability::Buffered).unwrap();
    put(sub("entries"), &1_u64.to_be_bytes(), &stored("row_first"));
    put(sub("entries"), &2_u64.to_be_bytes(), &stored("row_second_deleted"));
    put(sub("meta"), b"f", &stored("row_format"));
    let before = dump(&level);
    let log = Log::open(level.clone(), identity(1)).unwrap();
    assert_eq!(level::Read::get(&level, sub("meta"), b"f").unwrap().unwrap(), stored_3("row_format"));
    assert_eq!(support::values(&log), ["hello", "-"]);
    assert_clean(&log);
    let after = dump(&level);
    assert_eq!((&before["entries"], &before["ids"]), (&after["entries"], &after["ids"]), "rows stay");
}

#[test]
fn an_entry_whose_value_is_not_wanted_is_read_as_the_format_says() {
    let (log, level) = log_on_level(1);
    log.append_batch(["hello", "world"]).unwrap();
    let put = |row: &[u8]| {
        let entries = level.sub("entries").unwrap();
        level.put(entries, &2_u64.to_be_bytes(), row, Durability::Buffered).unwrap();
    };
    put(&stored_3("row_second_unwanted"));
    assert_eq!(log.at(Change(2)).unwrap().unwrap().value(), &Value::Unwanted);
    assert_clean(&log);
    // Neither deleted and not wanted, nor here and not wanted, nor a flag that nobody knows.
    for flags in [8, 4, 64] {
        let mut row = stored_3("row_second_unwanted");
        row[0] |= flags;
        put(&row);
        assert!(matches!(log.at(Change(2)), Err(scuttleup::Error::Damaged { .. })), "{flags}");
    }
}

#[test]
fn a_store_of_format_1_is_read_and_is_one_of_format_3_from_then_on() {
    let (log, level) = log_on_level(1);
    log.append_batch(["hello", "world"]).unwrap();
    drop(log);
    let sub = |name| level.sub(name).unwrap();
    let put = |sub, key: &[u8], row: &[u8]| level.put(sub, key, row, Durability::Buffered).unwrap();
    put(sub("entries"), &1_u64.to_be_bytes(), &vector("row_first"));
    put(sub("entries"), &2_u64.to_be_bytes(), &vector("row_second"));
    put(sub("meta"), b"f", &vector("row_format"));
    let log = Log::open(level.clone(), identity(1)).unwrap();
    assert_eq!(level::Read::get(&level, sub("meta"), b"f").unwrap().unwrap(), stored_3("row_format"));
    assert_eq!(log.entry(&log.writer(), Seq(2)).unwrap(), "world");
    let old = log.at(Change(2)).unwrap().unwrap();
    log.append("again").unwrap();
    assert_ne!(log.at(Change(3)).unwrap().unwrap().lineage(), old.lineage());
    assert!(log.fsck().unwrap().is_clean());
    // The control: a lineage that is not that of the entries before.
    let mut row = stored("row_first");
    row[40] ^= 1;
    put(sub("entries"), &1_u64.to_be_bytes(), &row);
    assert!(!log.fsck().unwrap().is_clean());
}

#[test]
fn groups_are_those_of_another_implementation() {
    let [first, second] = [Forged::first(1, "hello"), Forged::first(1, "hello").next("world").signed()];
    for (name, entries) in
        [("group", vec![first, second.clone()]), ("group_second_hollow", vec![second.hollow()])]
    {
        assert_eq!(group(&entries), vector(name), "the encoder of the tests");
        let decoded = decode(vector(name)).unwrap();
        assert_eq!(decoded.ids().collect::<Vec<_>>(), entries.iter().map(Forged::id).collect::<Vec<_>>());
        assert_eq!(decoded.encode(&Plain), vector(name));
    }
    let log = log(3);
    assert_eq!(import(&log, &vector("export")).stored, 2);
    assert_eq!(log.entry(&identity(1).writer(), Seq(2)).unwrap(), "world");
}

/// One point of the curve has one name: the 19 encodings with y from p to 2^255 - 1, with both signs, and
/// those of x = 0 with a sign.
#[test]
fn keys_with_two_encodings_are_refused() {
    let mut crafted = Vec::new();
    for low in 0xed..=0xff {
        for sign in [0x7f, 0xff] {
            let mut key = [0xff; 32];
            (key[0], key[31]) = (low, sign);
            crafted.push(key);
        }
    }
    assert_eq!(crafted.len(), 2 * 19);
    let mut one = [0; 32];
    (one[0], one[31]) = (1, 0x80);
    let mut minus_one = [0xff; 32];
    minus_one[0] = 0xec;
    crafted.extend([one, minus_one]);
    let points = crafted.iter().filter(|key| VerifyingKey::from_bytes(key).is_ok()).count();
    assert!(points > 5, "the library takes {points} of them, or this test shows nothing");
    for key in crafted {
        assert_eq!(WriterId::from_bytes(key), Err(KeyError::NotCanonical), "{key:02x?}");
    }
}

/// What is looked at are bytes; what is meant is that decompressing and compressing gives them back.
#[test]
fn a_key_has_one_encoding_if_it_is_what_its_point_is_written_as() {
    let mut keys: Vec<[u8; 32]> =
        (0u32..2_000).map(|n| scuttleup::hash(scuttleup::Purpose::Value, &[&n.to_le_bytes()])).collect();
    for low in 0..=255 {
        for (fill, high) in [(0, 0), (0, 0x80), (0xff, 0x7f), (0xff, 0xff), (0xff, 0x7e), (0, 1)] {
            let mut key = [fill; 32];
            (key[0], key[31]) = (low, high);
            keys.push(key);
        }
    }
    let (mut points, mut twice) = (0, 0);
    for key in keys {
        let Ok(point) = VerifyingKey::from_bytes(&key) else { continue };
        let same = point.to_edwards().compress().to_bytes() == key;
        (points, twice) = (points + 1, twice + usize::from(!same));
        assert_eq!(WriterId::from_bytes(key) != Err(KeyError::NotCanonical), same, "{key:02x?}");
    }
    assert!(points > 1_000 && twice > 5, "{points} points, {twice} of them written otherwise");
}

#[test]
fn keys_of_small_order_are_refused() {
    let torsion = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    for key in torsion {
        let bytes = *key.parse::<EntryId>().unwrap().as_bytes();
        assert_eq!(WriterId::from_bytes(bytes), Err(KeyError::Weak), "{key}");
        assert!(key.parse::<WriterId>().is_err());
    }
    let good = identity(1).writer();
    assert_eq!(WriterId::from_bytes(*good.as_bytes()), Ok(good));
}

#[test]
fn a_second_signature_made_of_the_first_is_refused() {
    let order = *"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"
        .parse::<EntryId>()
        .unwrap()
        .as_bytes();
    let entry = Forged::first(1, "hello");
    let honest = sign(1, &entry.id());
    let mut malleable = honest;
    let mut carry = 0;
    for (byte, more) in malleable[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(more);
        *byte = carry as u8;
        carry >>= 8;
    }
    assert_ne!(malleable, honest);
    assert!(scuttleup::verify(&entry.writer, &entry.id(), &honest));
    assert!(!scuttleup::verify(&entry.writer, &entry.id(), &malleable));
}

/// A signature of a chat is none of an entry: what is signed begins with what it is for.
#[test]
fn a_signature_over_the_bare_id_is_refused() {
    let entry = Forged::first(1, "hello");
    let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
    let bare = ed25519_dalek::Signer::sign(&key, entry.id().as_bytes());
    assert!(
        key.verifying_key().verify(entry.id().as_bytes(), &Signature::from_bytes(&bare.to_bytes())).is_ok()
    );
    assert!(!scuttleup::verify(&entry.writer, &entry.id(), &bare.to_bytes()));
}

fn mixed_group() -> Vec<u8> {
    let mut entries = chain(1, 3);
    let fork = entries[0].next("fork").signed();
    entries.push(fork);
    entries.extend(chain(2, 2));
    let last = entries.pop().unwrap();
    entries.push(last.hollow());
    group(&entries)
}

#[test]
fn both_encoders_agree_on_forks_writers_and_hollow_entries() {
    let bytes = mixed_group();
    assert_eq!(decode(bytes.clone()).unwrap().encode(&Plain), bytes);
}

/// Bytes to change and what to change them to.
fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3)
}

fn mutated(
    mut bytes: Vec<u8>,
    changes: &[(prop::sample::Index, u8)],
    cut: Option<prop::sample::Index>,
    more: &[u8],
) -> Vec<u8> {
    for (at, to) in changes {
        let at = at.index(bytes.len());
        bytes[at] = *to;
    }
    if let Some(cut) = cut {
        bytes.truncate(cut.index(bytes.len()));
    }
    bytes.extend(more);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn an_accepted_header_is_what_would_be_written(
        changes in changes(),
        cut in proptest::option::weighted(0.1, any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..2),
        which in 0..3usize,
    ) {
        let bytes = mutated(vector(["header_first", "header_second", "header_other"][which]), &changes, cut, &more);
        if let Ok(header) = Header::decode(bytes.clone().into()) {
            prop_assert_eq!(header.encode(), bytes);
        }
    }

    #[test]
    fn an_accepted_group_is_what_would_be_written(
        changes in changes(),
        cut in proptest::option::weighted(0.1, any::<prop::sample::Index>()),
        more in prop::collection::vec(any::<u8>(), 0..2),
    ) {
        let bytes = mutated(mixed_group(), &changes, cut, &more);
        if let Ok(group) = decode(bytes.clone()) {
            prop_assert_eq!(group.encode(&Plain), bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_written_back(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(header) = Header::decode(bytes.clone().into()) {
            prop_assert_eq!(header.encode(), bytes.clone());
        }
        if let Ok(group) = decode(bytes.clone()) {
            prop_assert_eq!(group.encode(&Plain), bytes);
        }
    }
}

#[test]
fn a_newer_store_another_kind_and_another_topic_are_named() {
    let (log, level) = log_on_level(1);
    drop(log);
    let meta = level.sub("meta").unwrap();
    let good = level::Read::get(&level, meta, b"f").unwrap().unwrap();
    let open_with = |row: Vec<u8>| {
        let mut batch = level::Batch::new();
        batch.put(meta, "f", row);
        level.apply(batch, level::Durability::Synced).unwrap();
        Log::open(level.clone(), identity(1)).map(drop).map_err(|error| error.to_string())
    };
    let mut newer = good.to_vec();
    newer[3] = 4;
    assert!(open_with(newer).unwrap_err().contains("format 4"));
    assert!(open_with([&good[..36], b"hyperlog"].concat()).unwrap_err().contains("hyperlog log"));
    let mut other = good.to_vec();
    other[4] = 1;
    assert!(open_with(other).unwrap_err().contains("another topic"));
    assert!(open_with(good[..20].to_vec()).unwrap_err().contains("damaged"));
    assert!(open_with(good.to_vec()).is_ok());
    support::assert_clean(&Log::open(level, identity(1)).unwrap());
}
