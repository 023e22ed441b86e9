//! The views that the tests are made with.

use std::sync::{Arc, Mutex};

use hyperlog::{Encoding, Node, NodeId, Utf8};
use hyperlog_index::{Fold, Index, Keys, MapError, OnFault, Rows, ValueOf, View, words};

use crate::support::number;

type Map<E> = dyn Fn(&Node<<E as Encoding>::Value>, &mut Rows<'_>) -> Result<(), MapError> + Send + Sync;

/// A view that notes which nodes it was called for.
pub(crate) struct Probe<E: Encoding = Utf8> {
    name: String,
    version: u32,
    on_fault: OnFault,
    calls: Mutex<Vec<NodeId>>,
    map: Box<Map<E>>,
}

impl Probe {
    pub(crate) fn new<F>(name: &str, map: F) -> Self
    where
        F: Fn(&Node<String>, &mut Rows<'_>) -> Result<(), MapError> + Send + Sync + 'static,
    {
        Self::decoding(name, map)
    }
}

impl<E: Encoding> Probe<E> {
    /// One that reads values in its own way.
    pub(crate) fn decoding<F>(name: &str, map: F) -> Self
    where
        F: Fn(&Node<E::Value>, &mut Rows<'_>) -> Result<(), MapError> + Send + Sync + 'static,
    {
        let (calls, on_fault) = (Mutex::default(), OnFault::Skip);
        Self { name: name.into(), version: 1, on_fault, calls, map: Box::new(map) }
    }

    pub(crate) fn version(self, version: u32) -> Self {
        Self { version, ..self }
    }

    pub(crate) fn stops(self) -> Self {
        Self { on_fault: OnFault::Stop, ..self }
    }

    pub(crate) fn shared(self) -> Arc<Self> {
        Arc::new(self)
    }

    /// Which nodes it was called for since this was last asked.
    pub(crate) fn calls(&self) -> Vec<NodeId> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }
}

impl<E: Encoding> View for Probe<E> {
    type Encoding = E;

    fn name(&self) -> &str {
        &self.name
    }
    fn version(&self) -> u32 {
        self.version
    }
    fn map(&self, node: &Node<ValueOf<Self>>, rows: &mut Rows<'_>) -> Result<(), MapError> {
        self.calls.lock().unwrap().push(node.id);
        (self.map)(node, rows)
    }
    fn on_fault(&self) -> OnFault {
        self.on_fault
    }
}

/// The row of all nodes.
pub(crate) const ALL: &[u8] = b"all";

fn add(rows: &mut Rows<'_>, key: &[u8], n: i64) -> Result<(), MapError> {
    let before = number(rows.get(key)?);
    Ok(rows.put(key, (before + n).to_be_bytes().to_vec())?)
}

/// How often each node was mapped, and how many were in all; and what it said. A node that says `bad` is a fault.
pub(crate) fn count(node: &Node<String>, rows: &mut Rows<'_>) -> Result<(), MapError> {
    add(rows, node.id.as_bytes(), 1)?;
    add(rows, ALL, 1)?;
    let value = node.value().map_or("-", String::as_str);
    rows.put(&[b"says", node.id.as_bytes().as_slice()].concat(), value.to_owned())?;
    if value.starts_with("bad") { Err(value.into()) } else { Ok(()) }
}

pub(crate) fn tally() -> Arc<Probe> {
    Probe::new("tally", count).shared()
}

/// Whether a view has taken in each of these nodes exactly once, and no other.
pub(crate) fn each_once<V: View>(index: &Index<V>, ids: &[NodeId]) -> Result<(), String> {
    let all = number(index.get(ALL).unwrap());
    if all != i64::try_from(ids.len()).unwrap() {
        return Err(format!("{all} of {} nodes were taken in", ids.len()));
    }
    match ids.iter().map(|id| (id, number(index.get(id.as_bytes()).unwrap()))).find(|(_, times)| *times != 1)
    {
        Some((id, times)) => Err(format!("{id} was taken in {times} times")),
        None => Ok(()),
    }
}

/// Keys and values, `key=value`: a key has all values that no other write of the key has seen, by its links.
pub(crate) fn register() -> Arc<Probe> {
    Probe::new("register", |node, rows| {
        let Some((key, _)) = node.value().and_then(|text| text.split_once('=')) else { return Ok(()) };
        let row = |id: &NodeId| [key.as_bytes(), b"=", id.as_bytes()].concat();
        node.links.iter().for_each(|link| rows.del(&row(link)));
        let value = node.value().cloned().unwrap_or_default();
        rows.put(&row(&node.id), value)?;
        Ok(())
    })
    .shared()
}

/// The last writer wins by arrival: what no view may do.
pub(crate) fn arrival() -> Arc<Probe> {
    Probe::new("arrival", |node, rows| Ok(rows.put(b"last", node.id.as_bytes().to_vec())?)).shared()
}

pub(crate) type Lengths = Fold<Utf8, (u64, u64), fn(&mut (u64, u64), &Node<String>)>;

/// How many nodes there are, and how long they are together.
pub(crate) fn lengths() -> Lengths {
    Fold::new("lengths", 1, (0, 0), |(nodes, bytes), node| {
        *nodes += 1;
        *bytes += node.value().map_or(0, |text| text.len() as u64);
    })
}

pub(crate) type ByWord = Keys<Utf8, fn(&Node<String>) -> Vec<Vec<u8>>>;

/// Nodes by the words in them.
pub(crate) fn by_word() -> ByWord {
    Keys::new("by-word", 1, |node| {
        words(node.value().map_or("", String::as_str)).map(String::into_bytes).collect()
    })
}
