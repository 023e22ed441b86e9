//! Writes drawn as text: `A:x=1; B:x=2<-A; C:x!<-A,B` puts twice and deletes. What follows `<-` is linked and nothing else;
//! `<-*` leaves it to the map.

use std::collections::BTreeMap;
use std::ops::Index;

use hyperkv::{NodeId, Values, Write};

use crate::support::{Map, get, open};

/// The writes of HK-3: two keys that forked, one of which was merged.
pub(crate) const FORKED: &str = "A:X=555; B:X=333<-A; C:Z=1000; D:X=222<-B; E:X=400<-B; F:Y=999; G:Z=2000<-C; \
                                 H:Z=2500<-C; I:Z=3000<-G,H";

/// Nodes by their names.
#[derive(Default)]
pub(crate) struct Drawn(BTreeMap<String, NodeId>);

pub(crate) fn draw(kv: &Map, text: &str) -> Drawn {
    let mut drawn = Drawn::default();
    drawn.more(kv, text);
    drawn
}

impl Drawn {
    pub(crate) fn more(&mut self, kv: &Map, text: &str) {
        for part in text.split(';').map(str::trim) {
            let (name, write) = self.write(part);
            self.0.insert(name.to_owned(), kv.write(write).unwrap());
        }
    }

    fn write<'a>(&self, part: &'a str) -> (&'a str, Write<String>) {
        let (what, links) = part.split_once("<-").unwrap_or((part, ""));
        let (name, what) = what.split_once(':').unwrap();
        let write = match what.split_once('=') {
            Some((key, value)) => Write::put(key, value),
            None => Write::del(what.strip_suffix('!').unwrap()),
        };
        if links == "*" {
            return (name, write);
        }
        let links = links.split(',').filter(|link| !link.is_empty());
        (name, write.links(links.map(|link| self[link])))
    }

    /// Names of nodes, sorted.
    pub(crate) fn names(&self, ids: impl IntoIterator<Item = NodeId>) -> String {
        let mut names: Vec<_> = ids.into_iter().map(|id| self.name(&id)).collect();
        names.sort_unstable();
        names.join(" ")
    }

    pub(crate) fn name(&self, id: &NodeId) -> &str {
        self.0.iter().find_map(|(name, known)| (known == id).then_some(name.as_str())).unwrap()
    }

    pub(crate) fn of(&self, values: &Values<String>) -> String {
        self.names(values.ids())
    }
}

impl Index<&str> for Drawn {
    type Output = NodeId;

    fn index(&self, name: &str) -> &NodeId {
        &self.0[name]
    }
}

#[test]
fn a_drawing_is_what_it_says() {
    let kv = open(1);
    let drawn = draw(&kv, "A:x=1; B:x=2; C:x!<-A; D:y=3<-*");
    assert_eq!(get(&kv, "x"), "- 2");
    assert_eq!(drawn.of(&kv.get("x").unwrap()), "B C");
    assert_eq!(kv.log().get(&drawn["C"]).unwrap().links, [drawn["A"]]);
    let drawn = draw(&kv, "E:x=4<-*");
    assert_eq!(drawn.of(&kv.get("x").unwrap()), "E");
}
