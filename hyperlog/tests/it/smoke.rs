use hyperlog::{Hyperlog, Identity, Memory, Read, Utf8};

#[test]
fn a_smoke_test() {
    let log = Hyperlog::<Utf8>::open(Memory::new(), Identity::from_seed(&[1; 32])).unwrap();
    let a = log.add(&[], "a").unwrap();
    let b = log.add(&[a.id], "b").unwrap();
    let c = log.add(&[a.id], "c").unwrap();
    assert_eq!(log.heads().unwrap().len(), 2);
    let d = log.append("d").unwrap();
    assert_eq!(log.heads().unwrap(), [d.id]);
    assert_eq!(log.get(&b.id).unwrap(), b);
    for i in 0..100 {
        log.add(&[c.id], format!("{i}")).unwrap();
    }
    assert_eq!(log.heads().unwrap().len(), 101);
    let e = log.append("e").unwrap();
    assert_eq!(log.heads().unwrap(), [e.id]);
    assert!(log.fsck(&mut |_, _| {}).unwrap().is_clean());
    assert_eq!(log.changes(Read::all()).count(), 105);
    let mut out = Vec::new();
    log.export(&mut out, &mut |_, _| {}).unwrap();
    println!("{} bytes, {} a node", out.len(), out.len() / 105);
    let other = Hyperlog::<Utf8>::open(Memory::new(), Identity::from_seed(&[2; 32])).unwrap();
    other.import(&mut out.as_slice(), &mut |_| {}).unwrap();
    assert_eq!(other.heads().unwrap(), [e.id]);
    assert!(other.fsck(&mut |_, _| {}).unwrap().is_clean());
}
