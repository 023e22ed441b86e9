//! Rows of standard input: a JSON object a line, each a write.

use std::io::BufRead;

use bytes::Bytes;
use hyperkv::{Json, KEY_BYTES_MAX, NodeId, Write};
use hyperlog::{Encoding, EncodingError, Hyperlog, LINKS_MAX, VALUE_BYTES_MAX};
use serde_json::{Map, Value};

use super::numbers;
use crate::error::Failure;
use crate::lines::{self, Line};

/// Longest line, in bytes: the longest value with every character escaped, and some room to write it in.
const LINE_BYTES_MAX: usize = 8 * VALUE_BYTES_MAX;

/// Why a line is no row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    #[error("longer than {LINE_BYTES_MAX} bytes")]
    TooLong,
    #[error("not JSON: {what} at column {column}")]
    Json { what: String, column: usize },
    #[error("not an object, as in {{\"key\":\"a\",\"value\":1}}")]
    NoObject,
    #[error("batch type not provided: \"put\" or \"del\"")]
    NoType,
    #[error("batch type not recognized: \"put\" or \"del\"")]
    Type,
    #[error("{field} not provided")]
    Missing { field: String },
    #[error("{field} is not text")]
    NoText { field: String },
    #[error("{field} is neither text nor a whole number")]
    NoKey { field: String },
    #[error("{0} does not fit into 64 bits: write it as text")]
    Number(String),
    #[error("a del has no value")]
    DelValue,
    #[error("links are a list of ids, of 64 hexadecimal digits each")]
    Links,
    #[error("at most {LINKS_MAX} links, not {0}")]
    ManyLinks(usize),
    #[error("it links to {0}, which is not in this log")]
    UnknownLink(NodeId),
    #[error("there is no field {0:?}: only {1}")]
    Unknown(String, &'static str),
    #[error("a key has 1 to {KEY_BYTES_MAX} bytes, this one has {0}: shorten or hash it")]
    KeySize(usize),
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    #[error("key and value have {0} bytes, above the {VALUE_BYTES_MAX} that a write can have")]
    Large(usize),
}

/// What lines look like.
pub(super) enum Form {
    Batch,
    Import,
    /// The value itself, with its key in this field.
    Keyed(String),
}

/// A row that can be written.
pub(super) struct Row {
    pub(super) key: String,
    /// None deletes.
    pub(super) value: Option<Value>,
    /// The value as the map keeps it: parsed JSON can take many times the memory.
    pub(super) json: Option<Bytes>,
    pub(super) write: Write<Bytes>,
    /// The length of its line.
    pub(super) bytes: usize,
}

/// The rows of an input.
pub(super) struct Rows<'a, R> {
    input: R,
    form: Form,
    log: &'a Hyperlog,
    line: u64,
    bytes: u64,
}

impl<'a, R: BufRead> Rows<'a, R> {
    pub(super) const fn new(input: R, form: Form, log: &'a Hyperlog) -> Self {
        Self { input, form, log, line: 0, bytes: 0 }
    }

    /// The number of the last line that was read, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// How many bytes were read.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next row. Lines with nothing in them are none.
    pub(super) fn next(&mut self) -> Result<Option<Result<Row, RowError>>, Failure> {
        loop {
            let line = match lines::next(&mut self.input, LINE_BYTES_MAX)? {
                Line::Whole(line) => line,
                Line::End => return Ok(None),
                Line::TooLong => {
                    self.line += 1;
                    return Ok(Some(Err(RowError::TooLong)));
                }
            };
            self.line += 1;
            self.bytes += line.len() as u64 + 1;
            if !line.trim_ascii().is_empty() {
                return self.row(&line).map(Some);
            }
        }
    }

    fn row(&self, line: &[u8]) -> Result<Result<Row, RowError>, Failure> {
        let read = match object(line).and_then(|object| self.form.read(object)) {
            Ok(read) => read,
            Err(why) => return Ok(Err(why)),
        };
        for link in read.2.iter().flatten() {
            if !self.log.contains(link)? {
                return Ok(Err(RowError::UnknownLink(*link)));
            }
        }
        Ok(Row::new(read, line.len()))
    }
}

/// A key, its value, and what that supersedes.
type Read = (String, Option<Value>, Option<Vec<NodeId>>);

impl Form {
    fn read(&self, object: Map<String, Value>) -> Result<Read, RowError> {
        match self {
            Self::Batch => op(object, true),
            Self::Import => op(object, false),
            Self::Keyed(field) => Ok((key_in(&object, field)?, Some(Value::Object(object)), None)),
        }
    }
}

fn object(line: &[u8]) -> Result<Map<String, Value>, RowError> {
    match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => match numbers::too_large(line) {
            None => Ok(object),
            Some(number) => Err(RowError::Number(number)),
        },
        Ok(_) => Err(RowError::NoObject),
        Err(error) => {
            let said = error.to_string();
            // There is but one line in a line.
            let what = said.split(" at line ").next().unwrap_or(&said).to_owned();
            Err(RowError::Json { what, column: error.column() })
        }
    }
}

/// A row with `type`, `key`, `value`; in a batch, which says its type, `links`, too.
fn op(mut row: Map<String, Value>, batch: bool) -> Result<Read, RowError> {
    let deletes = match row.shift_remove("type") {
        None if batch => return Err(RowError::NoType),
        None => false,
        Some(Value::String(name)) if name == "put" => false,
        Some(Value::String(name)) if name == "del" => true,
        Some(_) => return Err(RowError::Type),
    };
    let key = match row.shift_remove("key").ok_or_else(|| missing("key"))? {
        Value::String(key) => key,
        _ => return Err(RowError::NoText { field: "key".into() }),
    };
    let value = match (row.shift_remove("value"), deletes) {
        (None, false) => return Err(missing("value")),
        (Some(_), true) => return Err(RowError::DelValue),
        (value, _) => value,
    };
    let links = if batch { row.shift_remove("links").map(links_of).transpose()? } else { None };
    let known = if batch { "type, key, value and links" } else { "type, key and value" };
    match row.into_iter().next() {
        Some((field, _)) => Err(RowError::Unknown(field, known)),
        None => Ok((key, value, links)),
    }
}

fn missing(field: &str) -> RowError {
    RowError::Missing { field: field.into() }
}

fn key_in(object: &Map<String, Value>, field: &str) -> Result<String, RowError> {
    match object.get(field) {
        Some(Value::String(key)) => Ok(key.clone()),
        Some(Value::Number(key)) if !key.is_f64() => Ok(key.to_string()),
        Some(_) => Err(RowError::NoKey { field: field.into() }),
        None => Err(missing(field)),
    }
}

fn links_of(links: Value) -> Result<Vec<NodeId>, RowError> {
    let Value::Array(links) = links else { return Err(RowError::Links) };
    if links.len() > LINKS_MAX {
        return Err(RowError::ManyLinks(links.len()));
    }
    let id = |link: &Value| link.as_str()?.parse().ok();
    links.iter().map(|link| id(link).ok_or(RowError::Links)).collect()
}

impl Row {
    fn new((key, value, links): Read, bytes: usize) -> Result<Self, RowError> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(RowError::KeySize(key.len()));
        }
        let json = value.as_ref().map(Json::<Value>::encode).transpose()?;
        let size = key.len() + json.as_ref().map_or(0, Bytes::len) + OP_BYTES;
        if size > VALUE_BYTES_MAX {
            return Err(RowError::Large(size));
        }
        let write = json.clone().map_or_else(|| Write::del(&key), |json| Write::put(&key, json));
        let write = match links {
            None => write,
            Some(links) => write.links(links),
        };
        Ok(Self { key, value, json, write, bytes })
    }
}

/// What a write has besides its key and value.
const OP_BYTES: usize = 3;
