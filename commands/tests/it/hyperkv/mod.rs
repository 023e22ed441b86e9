//! The map at the command line. Numbers such as HI-13 and HK-16 name the behaviour of the original that is kept.

mod importing;
mod killed;
mod live;
mod reading;
mod shown;
mod strange;
mod together;
mod view;
mod writing;

use std::process::Command;

use serde_json::Value;

use crate::place::{Log, Ran, json_lines, run};
use crate::replicate::{dupsh, line};

impl Log {
    /// A call of `hyperkv`, in words as a shell has them.
    pub(crate) fn call(&self, words: &str) -> Command {
        let mut command = self.hyperkv();
        command.args(shlex::split(words).unwrap());
        command
    }

    /// What `hyperkv` answers.
    pub(crate) fn kv_run(&self, words: &str) -> Ran {
        run(&mut self.call(words), b"")
    }

    /// What `hyperkv` answers when it goes well.
    #[track_caller]
    pub(crate) fn kv(&self, words: &str) -> String {
        self.kv_run(words).done()
    }

    /// The line in which `hyperkv` says why not.
    #[track_caller]
    pub(crate) fn kv_fails(&self, words: &str) -> String {
        self.kv_run(words).failed()
    }

    /// What `hyperkv` answers to what it reads.
    pub(crate) fn kv_reads(&self, words: &str, input: impl AsRef<[u8]>) -> Ran {
        run(&mut self.call(words), input.as_ref())
    }

    /// Gives a key a value in JSON; returns the id.
    #[track_caller]
    pub(crate) fn put(&self, key: &str, json: &str) -> String {
        run(self.hyperkv().args(["put", "--", key, json]), b"").done().trim_end().to_owned()
    }

    /// What a key holds, by id.
    #[track_caller]
    pub(crate) fn get(&self, key: &str) -> Value {
        let text = run(self.hyperkv().args(["get", "--", key]), b"").done();
        assert_eq!(text.lines().count(), 1, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// What a key holds, sorted, without ids; null for a delete.
    #[track_caller]
    pub(crate) fn held(&self, key: &str) -> Vec<Value> {
        held(&self.get(key))
    }

    /// The keys that a command lists, in its order.
    #[track_caller]
    pub(crate) fn keys(&self, words: &str) -> Vec<String> {
        let lines = json_lines(&self.kv(&format!("{words} --json")));
        lines.iter().map(|line| line["key"].as_str().unwrap().to_owned()).collect()
    }
}

/// The values of an object by ids, sorted; null for a delete.
#[track_caller]
fn held(values: &Value) -> Vec<Value> {
    let values = values.as_object().unwrap();
    assert!(values.keys().all(|id| id.len() == 64), "{values:?}");
    let mut held: Vec<Value> = values.values().map(|value| value["value"].clone()).collect();
    held.sort_by_key(ToString::to_string);
    held
}

/// Syncs two maps to the end; what both said.
#[track_caller]
pub(crate) fn sync(a: &Log, b: &Log) -> (String, String) {
    dupsh(&line(&a.call("sync")), &line(&b.call("sync"))).well()
}
