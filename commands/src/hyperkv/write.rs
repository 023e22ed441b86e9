//! Writing keys: one, or several as one commit.

use std::io::{self, Write as _};

use hyperkv::{Change, NodeId, Read, Write};
use hyperlog::Binary;
use serde_json::Value;

use super::rows::{Form, Rows};
use super::{Program, print};
use crate::error::Failure;
use crate::show;

impl Program<'_> {
    pub(super) fn put(&self, key: &str, value: Value, links: Vec<NodeId>) -> Result<(), Failure> {
        self.write(Write::put(key, value), links)
    }

    pub(super) fn del(&self, key: &str, links: Vec<NodeId>) -> Result<(), Failure> {
        self.write(Write::del(key), links)
    }

    fn write(&self, write: Write<Value>, links: Vec<NodeId>) -> Result<(), Failure> {
        let id = self.kv.write(if links.is_empty() { write } else { write.links(links) })?;
        self.tell(&[id])
    }

    /// All rows of standard input as one commit, which holds them in memory.
    pub(super) fn batch(&self) -> Result<(), Failure> {
        let mut rows = Rows::new(io::stdin().lock(), Form::Batch, self.kv.log());
        let mut writes = Vec::new();
        loop {
            match rows.next()? {
                None => break,
                Some(Ok(row)) => writes.push(row.write),
                Some(Err(why)) => {
                    let kept = "nothing was stored".into();
                    return Err(Failure::Row { line: rows.line(), why, kept });
                }
            }
        }
        self.tell(&self.kv.with_encoding::<Binary>().batch(writes)?)
    }

    /// Says what was written.
    fn tell(&self, ids: &[NodeId]) -> Result<(), Failure> {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for id in ids {
            let line = if self.common.json { self.written(id)? } else { id.to_string() };
            writeln!(out, "{line}")?;
        }
        Ok(out.flush()?)
    }

    fn written(&self, id: &NodeId) -> Result<String, Failure> {
        let before = Change(self.kv.log().get(id)?.change.0.saturating_sub(1));
        match self.kv.writes(Read::all().since(before).limit(1)).next() {
            Some(written) => Ok(print::written_json(&written?)),
            // It does not count, which a policy could say.
            None => Ok(show::json_line(&serde_json::json!({ "id": id.to_string() }))),
        }
    }
}
