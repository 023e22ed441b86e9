//! Mapping nodes, one after the other, into one commit.

use std::any::Any;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hyperlog::{Change, Kind, Node};
use level::{Batch, Read, Sub};

use crate::error::{Error, Panicked, PassedOver};
use crate::layout::Skipped;
use crate::rows::Rows;
use crate::view::{MapError, OnFault, View};

/// A commit of a view in the making.
pub(crate) struct Mapper<'a, V: View + ?Sized> {
    pub(crate) view: &'a V,
    pub(crate) stored: &'a dyn Read,
    pub(crate) sub: Sub,
    /// Nodes that do not count.
    pub(crate) void: BTreeSet<Change>,
    pub(crate) batch: Batch,
}

impl<V: View + ?Sized> Mapper<'_, V> {
    /// Takes in one node, all of what the view does with it or nothing.
    pub(crate) fn map(&mut self, node: Node) -> Result<(), Error> {
        // What the policy says to itself is none of the application's.
        if node.kind != Kind::Data || self.void.contains(&node.change) {
            return Ok(());
        }
        let (change, id) = (node.change, node.id);
        let mut rows = Rows::new(self.stored, self.sub, &self.batch);
        let decode_and_map = || self.view.map(&node.decode::<V::Encoding>()?, &mut rows);
        let mapped = catch_unwind(AssertUnwindSafe(decode_and_map))
            .unwrap_or_else(|panic| Err(Panicked(words_of(&*panic)).into()));
        let view = || self.view.name().to_owned();
        match (mapped, self.view.on_fault()) {
            // A view that makes do without a row that the store failed to give would be wrong for good.
            (mapped, _) if rows.store_failed() => {
                let source = mapped.err().unwrap_or_else(|| PassedOver.into());
                return Err(Error::Interrupted { view: view(), source });
            }
            (Ok(()), _) => {
                let written = rows.into_written();
                self.batch.append(written);
            }
            (Err(source), OnFault::Stop) => return Err(Error::Stopped { view: view(), change, id, source }),
            (Err(source), OnFault::Skip) => {
                let reason = in_words(&source);
                tracing::debug!(view = self.view.name(), %change, %id, reason, "skipped a node");
                let (key, row) = Skipped { change, id, reason }.encode();
                self.batch.put(self.sub, key, row);
            }
        }
        Ok(())
    }
}

/// An error and its causes.
fn in_words(error: &MapError) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

/// What a panic says, where it says something.
fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied();
    words.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without words").to_owned()
}
