//! Channels at the command line: who may write, and what becomes of the nodes of those who may not any more.

mod copied;
mod early;
mod ended;
mod killed;
mod kinds;
mod recovery;
mod relayed;
mod story;
mod strange;

use std::path::PathBuf;

use serde_json::Value;

use crate::hyperkv::sync;
use crate::place::{Log, json_lines};

impl Log {
    /// Founds a channel; returns its key.
    #[track_caller]
    fn found(&self, name: &str) -> String {
        self.run(["found", "--", name]).done().trim_end().to_owned()
    }

    /// Where the recovery key of a channel founded here is, unless it was put elsewhere.
    fn recovery(&self) -> PathBuf {
        let mut path = self.0.clone().into_os_string();
        path.push(".recovery");
        path.into()
    }

    /// Opens the channel; returns the key of the writer here.
    #[track_caller]
    fn open(&self, key: &str) -> String {
        self.does(&format!("open {key}")).trim_end().to_owned()
    }

    /// Authorizes a writer; returns the grant.
    #[track_caller]
    fn authorize(&self, words: &str) -> String {
        self.does(&format!("authorize {words}")).trim_end().to_owned()
    }

    #[track_caller]
    fn whoami(&self) -> Value {
        serde_json::from_str(&self.does("whoami --json")).unwrap()
    }

    #[track_caller]
    fn writer(&self) -> String {
        self.does("whoami").trim_end().to_owned()
    }

    /// The keys that may write, with their roles, ascending by key.
    #[track_caller]
    fn members(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let members = json_lines(&self.does("members --json"));
        members.iter().map(|member| (text(&member["key"]), text(&member["role"]))).collect()
    }

    /// The ids of the nodes that do not count, ascending.
    fn void(&self) -> Vec<String> {
        let mut void: Vec<String> = (self.nodes().iter().filter(|node| node["void"] == true))
            .map(|node| node["id"].as_str().unwrap().to_owned())
            .collect();
        void.sort_unstable();
        void
    }
}

/// A member and an admin in sync: ana, who founded the channel, ben, whom she authorized, and the channel's key.
fn two(place: &crate::place::Place) -> (Log, Log, String) {
    let (ana, ben) = (place.log("ana"), place.log("ben"));
    let key = ana.found("team");
    ana.authorize(&ben.open(&key));
    sync(&ana, &ben);
    (ana, ben, key)
}

/// All have the same nodes, and see the same in them.
#[track_caller]
fn all_agree(logs: &[&Log]) {
    let (first, others) = logs.split_first().unwrap();
    for command in ["list --json", "conflicts --json", "version", "members --json", "members --all --json"] {
        let seen = first.kv(command);
        for other in others {
            assert_eq!(other.kv(command), seen, "{command}");
        }
    }
    for other in others {
        assert_eq!((other.ids(), other.heads(), other.void()), (first.ids(), first.heads(), first.void()));
    }
    for log in logs {
        log.is_sound();
        let (list, void) = (log.kv("list --json"), log.void());
        log.kv("reindex");
        assert_eq!((log.kv("list --json"), log.void()), (list, void), "built anew it is another view");
    }
}
