//! Every backend keeps the promises of the trait, and who does not is caught.

use std::{cell::RefCell, path::PathBuf, sync::Arc};

use level::{
    Fjall, Level, Memory,
    testing::{Crashing, Failing, conformance, conformance_reopening},
};

/// Paths for databases, in a folder that goes when this does.
pub(crate) struct Paths {
    folder: tempfile::TempDir,
    next: RefCell<u32>,
}

impl Paths {
    pub(crate) fn new() -> Paths {
        Paths { folder: tempfile::tempdir().unwrap(), next: RefCell::new(0) }
    }

    pub(crate) fn next(&self) -> PathBuf {
        let mut next = self.next.borrow_mut();
        *next += 1;
        self.folder.path().join(next.to_string())
    }
}

#[test]
fn memory_keeps_every_promise() {
    conformance(Memory::new);
}

#[test]
fn fjall_keeps_every_promise() {
    let paths = Paths::new();
    let make = || Fjall::open(paths.next()).unwrap();
    conformance_reopening(make, |level| {
        let path = level.path().to_owned();
        drop(level);
        Fjall::open(path).unwrap()
    });
}

#[test]
fn a_level_that_crashes_keeps_every_promise() {
    conformance_reopening(Crashing::new, |level| level.crash(usize::MAX));
}

#[test]
fn a_level_that_may_fail_keeps_every_promise_until_it_does() {
    conformance(|| Failing::new(Memory::new()));
}

#[test]
fn a_pointer_to_a_level_keeps_every_promise() {
    conformance(|| -> Arc<dyn Level> { Arc::new(Memory::new()) });
    conformance(|| Box::new(Memory::new()));
}
