//! Two logs synced face to face.

use hyperlog::{Hyperlog, Identity, Memory, Utf8};

fn open() -> Hyperlog<Utf8> {
    Hyperlog::open(Memory::new(), Identity::generate()).unwrap()
}

#[test]
fn two_logs_without_a_common_root_sync() {
    let (ana, ben) = (open(), open());
    ana.append("hello").unwrap();
    ana.append("there").unwrap();
    ben.append("hey").unwrap();
    let report = replicate::sync(&ana, &ben).unwrap();
    assert!(report.equal, "{report:?}");
    assert_eq!((report.sent, report.received), (2, 1));
    assert_eq!((ana.last().0, ben.last().0), (3, 3));
    let again = replicate::sync(&ana, &ben).unwrap();
    println!("{again:?}");
    assert!(again.equal && again.sent + again.received == 0 && again.bytes_sent <= 250, "{again:?}");
}
