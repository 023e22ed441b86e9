//! For tests: a policy that does what nodes say.

use std::collections::BTreeMap;

use crate::{
    AdmitError, Asking, Effects, Known, LogError, Node, NodeId, Policy, Refusal, Rows, StoredRows, WriterId,
};

/// A policy by words: `void:ID` voids a node and `restore:ID` brings it back, so a node is void when more nodes void it
/// than restore it. Nodes that speak of one that is not there are refused, and so is `no`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdicts {
    /// Who may not write here at all.
    pub barred: Option<WriterId>,
}

/// Why [`Verdicts`] refuses something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the verdict is no")]
pub struct No;

fn no() -> AdmitError {
    AdmitError::Refused(Refusal(Box::new(No)))
}

/// Whom a value speaks of, and which way: above 0 against it.
#[must_use]
pub fn verdict(value: &[u8]) -> Option<(NodeId, i64)> {
    let (word, id) = std::str::from_utf8(value).ok()?.split_once(':')?;
    let weight = match word {
        "void" => 1,
        "restore" => -1,
        _ => return None,
    };
    Some((id.parse().ok()?, weight))
}

impl Policy for Verdicts {
    fn admit(&self, node: &Asking<'_>, known: &Known<'_>) -> Result<(), AdmitError> {
        let value = node.value.map_or(&[][..], |value| value);
        match verdict(value) {
            Some((id, _)) if !known.contains(&id)? => Err(no()),
            _ if value == b"no" => Err(no()),
            _ => Ok(()),
        }
    }

    fn store(&self, nodes: &[Node], rows: &mut Rows<'_>) -> Result<Effects, LogError> {
        let mut weights = BTreeMap::<NodeId, i64>::new();
        for (id, weight) in nodes.iter().filter_map(|node| verdict(node.value()?)) {
            *weights.entry(id).or_default() += weight;
        }
        let mut effects = Effects::default();
        for (id, weight) in weights {
            let row = rows.get(id.as_bytes())?;
            let before = row.and_then(|row| row.as_ref().try_into().ok()).map_or(0, i64::from_be_bytes);
            let after = before.saturating_add(weight);
            if let Some(change) = rows.change_of(&id)? {
                match (before > 0, after > 0) {
                    (false, true) => effects.voided.push(change),
                    (true, false) => effects.restored.push(change),
                    _ => {}
                }
            }
            rows.put(id.as_bytes(), after.to_be_bytes().to_vec());
        }
        Ok(effects)
    }

    fn cap(&self, writer: WriterId, _: Option<NodeId>, _: &StoredRows) -> Result<Option<NodeId>, AdmitError> {
        if self.barred == Some(writer) { Err(no()) } else { Ok(None) }
    }
}
