use level::Memory;
use scuttleup::{Identity, Log, Read, Seq};

#[test]
fn two_appends_get_one_and_two() {
    let log = Log::open(Memory::new(), Identity::from_seed(&[1; 32])).unwrap();
    let one = log.append("hello world").unwrap();
    let two = log.append("hello world").unwrap();
    assert_eq!((one.peer, one.seq), (log.writer(), Seq(1)));
    assert_eq!((two.peer, two.seq), (log.writer(), Seq(2)));
    assert_eq!(log.entry(&log.writer(), Seq(2)).unwrap(), "hello world");
    log.append_batch((0..1000).map(|i| format!("v{i}"))).unwrap();
    assert_eq!(log.read(Read::all()).count(), 1002);
    let checked = log.fsck(|_, _| {}).unwrap();
    assert!(checked.is_clean(), "{checked:?}");
    let mut out = Vec::new();
    log.export(&mut out, &mut |_, _| {}).unwrap();
    let other = Log::open(Memory::new(), Identity::from_seed(&[2; 32])).unwrap();
    other.append("mine").unwrap();
    let done = other.import(&mut out.as_slice(), &mut |_| {}).unwrap();
    assert_eq!(done.stored, 1002);
    let checked = other.fsck(|_, _| {}).unwrap();
    assert!(checked.is_clean(), "{checked:?}");
    println!("{} bytes", out.len());
}
