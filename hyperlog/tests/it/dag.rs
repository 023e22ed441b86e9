//! Graphs drawn as text: `dag("a; b<-a; c<-a; d<-b,c")` adds four nodes, of which the last links two.
//! `e<-*` appends: it links whatever the heads are.

use std::collections::BTreeMap;
use std::ops::Index;

use hyperlog::{Hyperlog, NodeId, Utf8};

use crate::support::open;

/// A log, and the nodes in it by their names, which are their values.
pub(crate) struct Dag {
    pub(crate) log: Hyperlog<Utf8>,
    ids: BTreeMap<String, NodeId>,
}

/// Draws a graph into a new log.
pub(crate) fn dag(text: &str) -> Dag {
    let mut dag = Dag { log: open(1), ids: BTreeMap::new() };
    dag.draw(text);
    dag
}

impl Dag {
    /// Adds nodes. Names that were drawn before can be linked.
    pub(crate) fn draw(&mut self, text: &str) {
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, links) = part.split_once("<-").unwrap_or((part, ""));
            let node = if links == "*" {
                self.log.append(name)
            } else {
                let links = links.split(',').filter(|link| !link.is_empty());
                self.log.add(&links.map(|link| self[link]).collect::<Vec<_>>(), name)
            };
            self.ids.insert(name.to_owned(), node.unwrap().id);
        }
    }

    /// Names of nodes, sorted.
    pub(crate) fn names(&self, ids: &[NodeId]) -> String {
        let name =
            |id| self.ids.iter().find_map(|(name, known)| (known == id).then_some(name.as_str())).unwrap();
        let mut names: Vec<&str> = ids.iter().map(name).collect();
        names.sort_unstable();
        names.join(" ")
    }

    /// Names of the heads, sorted.
    pub(crate) fn heads(&self) -> String {
        self.names(&self.log.heads().unwrap())
    }
}

impl Index<&str> for Dag {
    type Output = NodeId;

    fn index(&self, name: &str) -> &NodeId {
        &self.ids[name]
    }
}

#[test]
fn a_drawing_is_what_it_says() {
    let dag = dag("a; b<-a; c<-a; d<-b,c; e; f<-*");
    assert_eq!(dag.names(&dag.log.get(&dag["d"]).unwrap().links), "b c");
    assert_eq!(dag.names(&dag.log.get(&dag["f"]).unwrap().links), "d e");
    assert_eq!(dag.heads(), "f");
}
