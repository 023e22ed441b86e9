//! Reading the graph in local order, in which links always come first.

use std::marker::PhantomData;

use scuttleup::{Reader, Stop};

use crate::encoding::Encoding;
use crate::error::Error;
use crate::graph::to_node;
use crate::node::Node;

/// Nodes as [`Read`](crate::Read) selects them. As an iterator it blocks while it is live and nothing is
/// new; [`recv`](Self::recv) waits without blocking the thread.
///
/// A node whose value does not decode is an error in its place; the next call goes on after it.
pub struct Changes<E> {
    reader: Reader,
    encoding: PhantomData<fn() -> E>,
}

impl<E> std::fmt::Debug for Changes<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Changes").field(&self.reader).finish()
    }
}

impl<E: Encoding> Changes<E> {
    pub(crate) const fn new(reader: Reader) -> Self {
        Self { reader, encoding: PhantomData }
    }

    /// Something that ends this reader from another thread or task.
    #[must_use]
    pub fn stop_handle(&self) -> Stop {
        self.reader.stop_handle()
    }

    /// The next node, if there is one now. Never waits, live or not.
    pub fn try_next(&mut self) -> Option<Result<Node<E::Value>, Error>> {
        self.reader.try_next().map(decode::<E>)
    }

    /// Waits for the next node. None at the end, which a live reader without a limit never reaches.
    pub async fn recv(&mut self) -> Option<Result<Node<E::Value>, Error>> {
        self.reader.recv().await.map(decode::<E>)
    }
}

#[cfg(not(target_family = "wasm"))]
impl<E: Encoding> Iterator for Changes<E> {
    type Item = Result<Node<E::Value>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.reader.next().map(decode::<E>)
    }
}

fn decode<E: Encoding>(entry: Result<scuttleup::Entry, scuttleup::Error>) -> Result<Node<E::Value>, Error> {
    to_node(&entry?)?.decode::<E>()
}
