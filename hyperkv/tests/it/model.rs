//! The map, worked out naively from all nodes: the values of a key are the writes of it that no other one names in its
//! links. It reads the bytes of operations by itself.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hyperkv::{Change, HyperKv, NodeId, Past, Select, Value, Values, What};
use hyperlog::{Binary, Node};

use crate::support::{nodes, rebuilt, rows};

#[derive(Clone, Debug)]
pub(crate) struct Wrote {
    pub(crate) change: Change,
    pub(crate) id: NodeId,
    links: Vec<NodeId>,
    pub(crate) key: Bytes,
    fields: Bytes,
    /// None deletes.
    value: Option<Bytes>,
}

/// All writes that count, in local order.
#[derive(Clone, Debug)]
pub(crate) struct Model(pub(crate) Vec<Wrote>);

/// Key, fields and value.
type Parts<'a> = (&'a [u8], &'a [u8], Option<&'a [u8]>);

/// Reads an operation by the format.
fn parse(bytes: &[u8]) -> Option<Parts<'_>> {
    let (tag, rest) = bytes.split_first()?;
    let (len, rest) = rest.split_first_chunk::<2>()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*len)))?;
    let (fields, rest) = if matches!(tag, 0xfa | 0xfb) {
        let (len, rest) = rest.split_first_chunk::<4>()?;
        rest.split_at_checked(u32::from_be_bytes(*len) as usize).filter(|(fields, _)| !fields.is_empty())?
    } else {
        (&[][..], rest)
    };
    let is_put = matches!(tag, 0xf8 | 0xfa);
    let is_del = matches!(tag, 0xf9 | 0xfb) && rest.is_empty();
    let is_op = (is_put || is_del) && (1..=1024).contains(&key.len());
    is_op.then_some((key, fields, is_put.then_some(rest)))
}

fn wrote(node: Node) -> Option<Wrote> {
    let bytes = node.value()?.clone();
    let (key, fields, value) = parse(&bytes)?;
    let copy = Bytes::copy_from_slice;
    let (key, fields, value) = (copy(key), copy(fields), value.map(copy));
    Some(Wrote { change: node.change, id: node.id, links: node.links, key, fields, value })
}

impl Model {
    pub(crate) fn of<E>(kv: &HyperKv<E>) -> Self {
        let counts = |node: &Node| !kv.log().is_void(&node.id).unwrap();
        Self(nodes(kv.log()).into_iter().filter(counts).filter_map(wrote).collect())
    }

    /// As it was when there were only these.
    pub(crate) fn with(&self, was_there: impl Fn(&Wrote) -> bool) -> Self {
        Self(self.0.iter().filter(|wrote| was_there(wrote)).cloned().collect())
    }

    pub(crate) fn keys(&self) -> BTreeSet<Bytes> {
        self.0.iter().map(|wrote| wrote.key.clone()).collect()
    }

    fn of_key<'a>(&'a self, key: &'a [u8]) -> impl DoubleEndedIterator<Item = &'a Wrote> {
        self.0.iter().filter(move |wrote| wrote.key == key)
    }

    /// What a key holds, by id.
    pub(crate) fn current<'a>(&'a self, key: &'a [u8]) -> BTreeMap<NodeId, &'a Wrote> {
        let seen: BTreeSet<_> = self.of_key(key).flat_map(|wrote| &wrote.links).collect();
        self.of_key(key).filter(|wrote| !seen.contains(&wrote.id)).map(|wrote| (wrote.id, wrote)).collect()
    }

    fn is_deleted(&self, key: &[u8]) -> bool {
        self.current(key).values().all(|wrote| wrote.value.is_none())
    }

    fn agrees(&self, key: &[u8], values: &Values<Bytes>) -> Result<(), String> {
        let same = |(wrote, value): (&Wrote, &Value<Bytes>)| {
            let what = wrote.value.clone().map_or(What::Deleted, What::Put);
            wrote.id == value.id && wrote.fields == value.fields && what == value.what
        };
        let current = self.current(key);
        let all = current.len() == values.iter().len() && values.len() == current.len() as u64;
        if all && current.into_values().zip(values).all(same) {
            return Ok(());
        }
        Err(format!("{key:02x?} holds {values:?}, and should hold {:?}", self.current(key)))
    }

    /// Looks whether a map is so, over these keys and those that were written.
    pub(crate) fn check<E>(&self, kv: &HyperKv<E>, keys: &[&str]) -> Result<(), String> {
        let kv = kv.with_encoding::<Binary>();
        let others = keys.iter().map(|key| Bytes::copy_from_slice(key.as_bytes()));
        for key in self.keys().into_iter().chain(others) {
            self.agrees(&key, &kv.get(&key).unwrap())?;
            let history: Vec<_> = kv.history(&key).unwrap().map(|wrote| wrote.unwrap().id).collect();
            let expected: Vec<_> = self.of_key(&key).rev().map(|wrote| wrote.id).collect();
            if history != expected {
                return Err(format!("{key:02x?} has the history {history:?}, and should have {expected:?}"));
            }
        }
        let writes: Vec<_> = kv.writes(hyperkv::Read::all()).map(|wrote| wrote.unwrap().id).collect();
        if writes.iter().ne(self.0.iter().map(|wrote| &wrote.id)) {
            return Err(format!("the writes are {writes:?}"));
        }
        self.check_list(&kv, &Asked::default())
    }

    /// Looks whether a map lists so.
    pub(crate) fn check_list(&self, kv: &HyperKv<Binary>, asked: &Asked) -> Result<(), String> {
        let listed: Vec<_> = kv.list(asked.select()).unwrap().map(Result::unwrap).collect();
        let keys = asked.of(self.keys().into_iter(), |key| !(asked.without_deleted && self.is_deleted(key)));
        if listed.iter().map(|entry| &entry.key).ne(&keys) {
            return Err(format!("{asked:?} lists {listed:?}, and should list {keys:02x?}"));
        }
        listed.iter().try_for_each(|entry| self.agrees(&entry.key, &entry.values))?;
        let conflicts: Vec<_> =
            kv.conflicts(asked.select()).unwrap().map(|entry| entry.unwrap().key).collect();
        let is_conflict =
            |key: &Bytes| self.current(key).len() > 1 && !(asked.without_deleted && self.is_deleted(key));
        let expected = asked.of(self.keys().into_iter(), is_conflict);
        if conflicts != expected {
            return Err(format!("{asked:?} gives the conflicts {conflicts:02x?}, not {expected:02x?}"));
        }
        Ok(())
    }

    /// Looks whether a map was so.
    pub(crate) fn check_past(&self, past: &Past<Binary>, asked: &Asked, keys: &[&str]) -> Result<(), String> {
        keys.iter().try_for_each(|key| self.agrees(key.as_bytes(), &past.get(key).unwrap()))?;
        let listed: Vec<_> = past.list(asked.select()).unwrap().map(Result::unwrap).collect();
        let keys = asked.of(self.keys().into_iter(), |key| !(asked.without_deleted && self.is_deleted(key)));
        if listed.iter().map(|entry| &entry.key).ne(&keys) {
            return Err(format!("{asked:?} listed {listed:?}, and should have listed {keys:02x?}"));
        }
        listed.iter().try_for_each(|entry| self.agrees(&entry.key, &entry.values))
    }
}

/// A [`Select`] whose parts can be looked at.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) prefix: &'static str,
    pub(crate) gt: Option<&'static str>,
    pub(crate) lte: Option<&'static str>,
    pub(crate) limit: u64,
    pub(crate) reverse: bool,
    pub(crate) without_deleted: bool,
}

impl Default for Asked {
    fn default() -> Self {
        Self { prefix: "", gt: None, lte: None, limit: u64::MAX, reverse: false, without_deleted: false }
    }
}

impl Asked {
    pub(crate) fn select(&self) -> Select {
        let mut select = Select::all().prefix(self.prefix).limit(self.limit).reverse(self.reverse);
        if let Some(key) = self.gt {
            select = select.gt(key);
        }
        if let Some(key) = self.lte {
            select = select.lte(key);
        }
        if self.without_deleted { select.without_deleted() } else { select }
    }

    fn holds(&self, key: &[u8]) -> bool {
        key.starts_with(self.prefix.as_bytes())
            && self.gt.is_none_or(|gt| key > gt.as_bytes())
            && self.lte.is_none_or(|lte| key <= lte.as_bytes())
    }

    /// Those of some keys that are asked for, in order.
    fn of(&self, keys: impl Iterator<Item = Bytes>, wanted: impl Fn(&Bytes) -> bool) -> Vec<Bytes> {
        let mut keys: Vec<_> = keys.filter(|key| self.holds(key) && wanted(key)).collect();
        if self.reverse {
            keys.reverse();
        }
        keys.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        keys
    }
}

/// Checks a map against the model, and its view against one that was built at once.
pub(crate) fn check<E>(kv: &HyperKv<E>) {
    Model::of(kv).check(kv, &["never"]).unwrap();
    assert_eq!(rows(kv), rebuilt(kv));
}

#[test]
fn the_checker_sees_what_is_wrong() {
    let kv = crate::support::open(1);
    crate::draw::draw(&kv, crate::draw::FORKED);
    kv.del("X").unwrap();
    let model = Model::of(&kv);
    model.check(&kv, &[]).unwrap();
    let wrong = |change: &dyn Fn(&mut Vec<Wrote>)| {
        let mut model = model.clone();
        change(&mut model.0);
        model.check(&kv, &[]).unwrap_err()
    };
    assert!(wrong(&|writes| writes[8].links.clear()).contains("should hold"));
    assert!(wrong(&|writes| drop(writes.remove(0))).contains("history"));
    assert!(wrong(&|writes| writes[5].value = None).contains("should hold"));
    assert!(wrong(&|writes| writes[5].fields = "x".into()).contains("should hold"));
    assert!(wrong(&|writes| writes[9].key = "Y".into()).contains("should hold"));
    assert!(wrong(&|writes| writes.swap(0, 1)).contains("history"));
    assert!(wrong(&|writes| writes.swap(1, 2)).contains("the writes are"));
    let (kv, asked) = (kv.with_encoding::<Binary>(), Asked { without_deleted: true, ..Asked::default() });
    model.check_list(&kv, &asked).unwrap();
    let mut other = model.clone();
    other.0[9].value = Some("x".into());
    other.check_list(&kv, &asked).unwrap_err();
    let past = |place: usize| kv.at(model.0[place].change).unwrap();
    let then = |place: usize| model.with(|wrote| wrote.change <= model.0[place].change);
    then(5).check_past(&past(5), &asked, &["X", "Y", "Z"]).unwrap();
    then(5).check_past(&past(4), &asked, &["Y"]).unwrap_err();
    then(4).check_past(&past(5), &asked, &[]).unwrap_err();
}
