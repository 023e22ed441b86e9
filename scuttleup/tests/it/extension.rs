//! What a layer above learns and does in a commit.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use level::Memory;
use scuttleup::{
    AdmitError, BranchNo, Candidate, Change, Entry, Error, Extension, Input, Known, Log, Malformed, Near,
    Place, Rows, Seq,
};

use crate::support::{Forged, chain, group, identity, take};

type Act = dyn Fn(&[Entry], &mut Rows<'_>) -> Result<(), Error> + Send + Sync;

/// A layer that does what the test says in each commit.
struct Layer(Box<Act>);

impl Extension for Layer {
    fn kind(&self) -> &'static str {
        "scuttleup"
    }

    fn admit(&self, _: &Candidate<'_>, _: &Known<'_>) -> Result<(), AdmitError> {
        Ok(())
    }

    fn store(&self, entries: &[Entry], rows: &mut Rows<'_>) -> Result<(), Error> {
        (self.0)(entries, &mut rows.within(b"below"))
    }

    fn pack(&self, _: &[u8], _: &Near<'_>, _: &mut Vec<u8>) {}

    fn unpack(&self, _: &mut Input, _: &Near<'_>) -> Result<Bytes, Malformed> {
        Ok(Bytes::new())
    }
}

fn layer(
    act: impl Fn(&[Entry], &mut Rows<'_>) -> Result<(), Error> + Send + Sync + 'static,
) -> Arc<dyn Extension> {
    Arc::new(Layer(Box::new(act)))
}

fn place(branch: u32, seq: u64) -> Place {
    Place { branch: BranchNo(branch), seq: Seq(seq) }
}

#[test]
fn a_commit_knows_where_its_own_entries_and_those_before_it_lie() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (told, level) = (Arc::clone(&seen), Memory::new());
    let open = || {
        let told = Arc::clone(&told);
        let look = layer(move |entries, rows| {
            let last = entries.last().unwrap();
            for change in (1..=last.change().0).map(Change) {
                assert_eq!(rows.entry(change)?.place(), rows.place_of(change)?);
                let (place, tip) = (rows.place_of(change)?, last.place());
                let met = (rows.meet(place, tip), rows.below(tip, place.branch));
                told.lock().unwrap().push((place, met.0, met.1));
            }
            let beyond = Change(last.change().0 + 1);
            assert!(matches!(rows.place_of(beyond), Err(Error::Damaged { .. })));
            assert!(matches!(rows.entry(Change(0)), Err(Error::Damaged { .. })));
            Ok(())
        });
        Log::options().extension(look).open(Arc::new(level.clone()), identity(9)).unwrap()
    };
    let told = || std::mem::take(&mut *seen.lock().unwrap());
    let run = chain(1, 3);
    take(&open(), group(&run)).unwrap();
    let on = |n| (place(0, n), Some(place(0, n)), Some(Seq(3)));
    assert_eq!(told(), [on(1), on(2), on(3)]);
    // A fork behind the first, and one of that fork, in one commit of a log that was opened again.
    let fork = run[0].next("fork");
    let (tip, nested) = (fork.next("tip").signed(), fork.next("nested").signed());
    take(&open(), group(&[fork, tip, nested])).unwrap();
    let shared = Some(place(0, 1));
    assert_eq!(
        told(),
        [
            (place(0, 1), shared, Some(Seq(1))),
            (place(0, 2), shared, Some(Seq(1))),
            (place(0, 3), shared, Some(Seq(1))),
            (place(1, 2), Some(place(1, 2)), Some(Seq(2))),
            (place(1, 3), Some(place(1, 2)), Some(Seq(2))),
            (place(2, 3), Some(place(2, 3)), Some(Seq(3))),
        ]
    );
    take(&open(), group(&[Forged::first(2, "another").signed()])).unwrap();
    assert_eq!(told()[5..], [(place(2, 3), None, None), (place(3, 1), Some(place(3, 1)), Some(Seq(1)))]);
}
