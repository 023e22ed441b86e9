//! What the commands take.

use clap::Args;
use hyperkv::Select;
use serde_json::Value;

use super::numbers;

/// Which keys.
#[derive(Debug, Args)]
pub(super) struct Keys {
    /// Only keys above this one
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    gt: Option<String>,
    /// Only keys below this one
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    lt: Option<String>,
    /// Only this key and those above
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    gte: Option<String>,
    /// Only this key and those below
    #[arg(long, value_name = "K", allow_hyphen_values = true)]
    lte: Option<String>,
    /// Only keys that begin with this
    #[arg(long, value_name = "P", allow_hyphen_values = true)]
    prefix: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// From the last one on
    #[arg(long)]
    reverse: bool,
    /// Leave out keys that are only deleted
    #[arg(long)]
    present: bool,
}

impl Keys {
    pub(super) fn select(self) -> Select {
        let Self { gt, lt, gte, lte, prefix, limit, reverse, present } = self;
        let select = Select::all().reverse(reverse).limit(limit.unwrap_or(u64::MAX));
        let select = narrow(select, gt, Select::gt);
        let select = narrow(select, gte, Select::gte);
        let select = narrow(select, lt, Select::lt);
        let select = narrow(select, lte, Select::lte);
        let select = narrow(select, prefix, Select::prefix);
        if present { select.without_deleted() } else { select }
    }
}

fn narrow(select: Select, key: Option<String>, by: fn(Select, String) -> Select) -> Select {
    match key {
        Some(key) => by(select, key),
        None => select,
    }
}

/// A value on the command line. Most often what is missing are the quotes that the shell took.
pub(super) fn parse_json(text: &str) -> Result<Value, String> {
    let value = serde_json::from_str(text).map_err(|error| {
        format!("not JSON ({error}): text needs quotes of its own, as in: put name '\"ana\"'")
    })?;
    match numbers::too_large(text.as_bytes()) {
        None => Ok(value),
        Some(number) => Err(format!("{number} does not fit into 64 bits: write it as text")),
    }
}
