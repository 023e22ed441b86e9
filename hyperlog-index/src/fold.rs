//! A ready-made view: one value, into which every node is folded.

use std::marker::PhantomData;

use hyperlog::{Encoding, Node};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::index::Index;
use crate::rows::Rows;
use crate::view::{MapError, View};

/// A value into which every node is folded: a count, a sum, a set of names. It lies in one row, in postcard, and is
/// read and written for each node, so keep it small.
///
/// Nodes come after what they link to, and otherwise in any order: what is done for two nodes that do not know of each
/// other must not depend on which comes first.
///
/// ```
/// use hyperlog::{Hyperlog, Identity, Memory, Utf8};
/// use hyperlog_index::{Fold, Index};
///
/// let level = Memory::new();
/// let log = Hyperlog::<Utf8>::open(level.clone(), Identity::generate())?;
/// let letters = Fold::<Utf8, u64, _>::new("letters", 1, 0, |sum, node| {
///     *sum += node.value().map_or(0, |text| text.chars().count() as u64);
/// });
/// let letters = Index::open(&log, level, letters)?;
/// log.append("logs")?;
/// log.append("views")?;
/// assert_eq!(letters.value()?, 9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Fold<E, S, F> {
    name: String,
    version: u32,
    empty: S,
    fold: F,
    encoding: PhantomData<fn() -> E>,
}

impl<E, S, F> std::fmt::Debug for Fold<E, S, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fold")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The only row.
const ROW: &[u8] = b"";

impl<E, S, F> Fold<E, S, F>
where
    E: Encoding,
    S: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    F: Fn(&mut S, &Node<E::Value>) + Send + Sync + 'static,
{
    /// Folds every node into what begins as `empty`. Another `fold` is another `version`.
    pub fn new(name: impl Into<String>, version: u32, empty: S, fold: F) -> Self {
        Self { name: name.into(), version, empty, fold, encoding: PhantomData }
    }
}

impl<E, S, F> View for Fold<E, S, F>
where
    E: Encoding,
    S: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    F: Fn(&mut S, &Node<E::Value>) + Send + Sync + 'static,
{
    type Encoding = E;

    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> u32 {
        self.version
    }

    fn map(&self, node: &Node<E::Value>, rows: &mut Rows<'_>) -> Result<(), MapError> {
        let mut value = match rows.get(ROW)? {
            Some(row) => postcard::from_bytes(&row)?,
            None => self.empty.clone(),
        };
        (self.fold)(&mut value, node);
        Ok(rows.put(ROW, postcard::to_allocvec(&value)?)?)
    }
}

impl<E, S, F> Index<Fold<E, S, F>>
where
    E: Encoding,
    S: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
    F: Fn(&mut S, &Node<E::Value>) + Send + Sync + 'static,
{
    /// The value with all nodes in it. Catches up, and then is one point read.
    ///
    /// # Errors
    ///
    /// As [`ready`](Self::ready); [`Error::Damaged`] when the row is that of another type: a change of the type is
    /// another version, too.
    pub fn value(&self) -> Result<S, Error> {
        match self.get(ROW)? {
            None => Ok(self.view().empty.clone()),
            Some(row) => {
                let damaged = |_| Error::Damaged { view: self.view().name.clone() };
                postcard::from_bytes(&row).map_err(damaged)
            }
        }
    }
}
