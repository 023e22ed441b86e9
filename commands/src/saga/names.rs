//! Which keys go by which name, so that a name that several have is shown as one.

use std::collections::{BTreeMap, BTreeSet};

use saga::WriterId;

use super::item::Who;

/// Names that are kept. Who makes up more hides nobody: only that two have the same is not told any more.
const NAMES_MAX: usize = 4096;

#[derive(Debug)]
pub(crate) struct Names {
    me: WriterId,
    /// By name in lower case, since `Ana` looks much like `ana`.
    keys: BTreeMap<String, BTreeSet<WriterId>>,
    /// What each was called last.
    last: BTreeMap<WriterId, String>,
    heard: usize,
}

impl Names {
    pub(crate) fn new(me: WriterId) -> Self {
        Self { me, keys: BTreeMap::new(), last: BTreeMap::new(), heard: 0 }
    }

    /// Somebody goes by this name. Whether that is news, and somebody else does, too.
    pub(crate) fn hear(&mut self, key: WriterId, name: &str) -> bool {
        let known = self.keys.get(&name.to_lowercase()).is_some_and(|keys| keys.contains(&key));
        if !known && self.heard >= NAMES_MAX {
            return false;
        }
        self.last.insert(key, name.to_owned());
        let keys = self.keys.entry(name.to_lowercase()).or_default();
        let is_new = keys.insert(key);
        self.heard += usize::from(is_new);
        is_new && keys.len() > 1
    }

    /// Somebody under the name that goes with what is shown.
    pub(crate) fn who(&self, key: WriterId, name: Option<&str>) -> Who {
        let name = name.map(ToOwned::to_owned).or_else(|| self.last.get(&key).cloned());
        let others = |name: &String| self.keys.get(&name.to_lowercase()).is_some_and(|keys| keys.len() > 1);
        Who { key, is_me: key == self.me, ambiguous: name.as_ref().is_some_and(others), name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> WriterId {
        saga::Identity::from_seed(&[byte; 32]).writer()
    }

    #[test]
    fn a_name_that_another_key_has_is_told_once_and_marked_from_then_on() {
        let mut names = Names::new(key(1));
        assert!(!names.hear(key(1), "ana"));
        assert!(!names.who(key(1), None).ambiguous);
        assert!(names.hear(key(2), "Ana"));
        assert!(!names.hear(key(2), "Ana"));
        for (n, name) in [(1, "ana"), (2, "Ana")] {
            assert_eq!(names.who(key(n), None).name.as_deref(), Some(name));
            assert!(names.who(key(n), None).ambiguous);
        }
        assert!(names.who(key(1), None).is_me && !names.who(key(2), None).is_me);
        assert_eq!(names.who(key(3), None).name, None);
    }

    #[test]
    fn who_makes_up_names_does_not_fill_the_memory() {
        let mut names = Names::new(key(1));
        for n in 0..2 * NAMES_MAX {
            names.hear(key(2), &n.to_string());
        }
        assert_eq!(names.keys.len(), NAMES_MAX);
    }
}
