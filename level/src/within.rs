//! A part of a level that looks like a level of its own.

use std::sync::Arc;

use bytes::Bytes;

use crate::{Batch, Durability, Error, KeyRange, Level, Order, Read, Rows, Sub};

/// `level`, seen through names that begin with `prefix/`.
///
/// [`sub`](Level::sub) and [`remove`](Level::remove) put the prefix before the name, [`subs`](Level::subs) shows
/// only such names, without it. Rows, batches, snapshots and [`Sub`]s are those of `level`, so reading and writing
/// cost the same, and one batch may reach into several parts. Parts nest.
///
/// This keeps names apart, it does not keep secrets: who holds a [`Sub`] can use it anywhere in `level`. A prefix
/// that no name can begin with shows in the [`Error::Name`] of the first use.
///
/// ```
/// # use std::sync::Arc;
/// use level::{Level, Memory, within};
///
/// let level: Arc<dyn Level> = Arc::new(Memory::new());
/// let chat = within(level.clone(), "chat");
/// assert_eq!(chat.sub("log")?, level.sub("chat/log")?);
/// assert_eq!(chat.subs()?, ["log"]);
/// # Ok::<(), level::Error>(())
/// ```
pub fn within(level: Arc<dyn Level>, prefix: &str) -> Arc<dyn Level> {
    Arc::new(Within { level, prefix: format!("{prefix}/") })
}

struct Within {
    level: Arc<dyn Level>,
    /// Ends with a slash.
    prefix: String,
}

impl Within {
    fn full(&self, name: &str) -> Result<String, Error> {
        let full = format!("{}{name}", self.prefix);
        // Without this, an empty name would be a name that ends with a slash.
        if name.is_empty() { Err(Error::Name { name: full }) } else { Ok(full) }
    }
}

impl Read for Within {
    fn get(&self, sub: Sub, key: &[u8]) -> Result<Option<Bytes>, Error> {
        self.level.get(sub, key)
    }

    fn range(&self, sub: Sub, range: KeyRange, order: Order) -> Rows<'_> {
        self.level.range(sub, range, order)
    }
}

impl Level for Within {
    fn sub(&self, name: &str) -> Result<Sub, Error> {
        self.level.sub(&self.full(name)?)
    }

    fn subs(&self) -> Result<Vec<String>, Error> {
        let own = |name: String| name.strip_prefix(&self.prefix).map(str::to_owned);
        Ok(self.level.subs()?.into_iter().filter_map(own).collect())
    }

    fn remove(&self, name: &str) -> Result<bool, Error> {
        self.level.remove(&self.full(name)?)
    }

    fn apply(&self, batch: Batch, durability: Durability) -> Result<(), Error> {
        self.level.apply(batch, durability)
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, Error> {
        self.level.snapshot()
    }

    fn sync(&self) -> Result<(), Error> {
        self.level.sync()
    }
}
