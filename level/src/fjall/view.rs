//! What a reader of the disk sees: the database at one moment.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use ::fjall::{Keyspace, Readable, Snapshot};
use bytes::Bytes;

use super::{Shared, errors::Failed};
use crate::{Error, KeyRange, Order, Read, Row, Rows, Sub, rules::is_key};

/// The database at one moment between two batches.
pub(super) struct View {
    pub(super) names: Arc<BTreeMap<String, Sub>>,
    /// Only the sub-levels of `names`.
    pub(super) keyspaces: Arc<BTreeMap<Sub, Keyspace>>,
    pub(super) snapshot: Snapshot,
}

impl View {
    fn keyspace(&self, sub: Sub) -> Result<&Keyspace, Error> {
        self.keyspaces.get(&sub).ok_or(Error::UnknownSub { sub })
    }

    pub(super) fn get(&self, path: &Path, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        let keyspace = self.keyspace(sub)?;
        if !is_key(key) {
            return Ok(None);
        }
        let value = self.snapshot.get(keyspace, key).failed("read", path)?;
        Ok(value.map(Bytes::from))
    }

    pub(super) fn range<'a>(&self, path: &'a Path, sub: Sub, range: KeyRange, order: Order) -> Rows<'a> {
        let keyspace = match self.keyspace(sub) {
            Ok(keyspace) => keyspace,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let rows = self.snapshot.range::<&[u8], _>(keyspace, range.bounds());
        let owned = move |row: ::fjall::Guard| -> Result<Row, Error> {
            let (key, value) = row.into_inner().failed("read", path)?;
            Ok((key.into(), value.into()))
        };
        match order {
            Order::Ascending => Box::new(UntilError::new(rows.map(owned))),
            Order::Descending => Box::new(UntilError::new(rows.rev().map(owned))),
        }
    }
}

/// A view that somebody keeps: it keeps the database open, too.
pub(super) struct Kept {
    pub(super) view: Arc<View>,
    pub(super) shared: Arc<Shared>,
}

impl Read for Kept {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.view.get(&self.shared.path, sub, key)
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.view.range(&self.shared.path, sub, range, order)
    }
}

/// Ends after the first error: what the engine would go on with then is not said.
struct UntilError<I>(Option<I>);

impl<I> UntilError<I> {
    fn new(rows: I) -> UntilError<I> {
        UntilError(Some(rows))
    }
}

impl<I: Iterator<Item = Result<Row, Error>>> Iterator for UntilError<I> {
    type Item = Result<Row, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.0.as_mut()?.next();
        if !matches!(row, Some(Ok(_))) {
            self.0 = None;
        }
        row
    }
}
