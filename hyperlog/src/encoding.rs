//! Values as the application knows them, and as the log keeps them.

use std::error::Error as StdError;
use std::fmt;
use std::marker::PhantomData;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that does not encode or decode. The cause is what the library of the encoding says.
#[derive(Debug, thiserror::Error)]
#[error("the value is not {expected}")]
pub struct EncodingError {
    /// What it should have been.
    pub expected: &'static str,
    /// Why it is not.
    #[source]
    pub source: Box<dyn StdError + Send + Sync>,
}

/// How values of one type become bytes and back. The type parameter of [`Hyperlog`](crate::Hyperlog);
/// the log itself keeps bytes, so one log can be read through several.
pub trait Encoding: Send + Sync + 'static {
    /// What the application sees.
    type Value;

    /// Encodes a value.
    ///
    /// # Errors
    ///
    /// [`EncodingError`] when the value has no encoding.
    fn encode(value: &Self::Value) -> Result<Bytes, EncodingError>;

    /// Decodes bytes, which anybody may have written.
    ///
    /// # Errors
    ///
    /// [`EncodingError`] when they are something else.
    fn decode(bytes: &Bytes) -> Result<Self::Value, EncodingError>;
}

/// Bytes as they are: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Binary;

impl Encoding for Binary {
    type Value = Bytes;

    fn encode(value: &Bytes) -> Result<Bytes, EncodingError> {
        Ok(value.clone())
    }

    fn decode(bytes: &Bytes) -> Result<Bytes, EncodingError> {
        Ok(bytes.clone())
    }
}

/// Text in UTF-8.
#[derive(Clone, Copy, Debug, Default)]
pub struct Utf8;

impl Encoding for Utf8 {
    type Value = String;

    fn encode(value: &String) -> Result<Bytes, EncodingError> {
        Ok(Bytes::copy_from_slice(value.as_bytes()))
    }

    fn decode(bytes: &Bytes) -> Result<String, EncodingError> {
        let text = std::str::from_utf8(bytes).map_err(|error| wrong("UTF-8 text", error))?;
        Ok(text.to_owned())
    }
}

/// JSON, through `serde_json`.
pub struct Json<T>(PhantomData<fn() -> T>);

impl<T: Serialize + DeserializeOwned + 'static> Encoding for Json<T> {
    type Value = T;

    fn encode(value: &T) -> Result<Bytes, EncodingError> {
        serde_json::to_vec(value).map(Bytes::from).map_err(|error| wrong("JSON of the expected shape", error))
    }

    fn decode(bytes: &Bytes) -> Result<T, EncodingError> {
        serde_json::from_slice(bytes).map_err(|error| wrong("JSON of the expected shape", error))
    }
}

/// [Postcard](https://postcard.jamesmunns.com), a compact binary encoding.
///
/// Anybody may have written the bytes, and postcard bounds neither depth nor counts by them: a `T` that
/// contains itself (a list of boxes) can be made to overflow the stack, and a sequence of a type without
/// size (`Vec<()>`) to go on for years. Use flat types, of items that take a byte at least.
pub struct Postcard<T>(PhantomData<fn() -> T>);

impl<T: Serialize + DeserializeOwned + 'static> Encoding for Postcard<T> {
    type Value = T;

    fn encode(value: &T) -> Result<Bytes, EncodingError> {
        postcard::to_allocvec(value)
            .map(Bytes::from)
            .map_err(|error| wrong("postcard of the expected shape", error))
    }

    fn decode(bytes: &Bytes) -> Result<T, EncodingError> {
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(value),
            Ok(_) => Err(wrong("postcard of the expected shape", postcard::Error::DeserializeBadEncoding)),
            Err(error) => Err(wrong("postcard of the expected shape", error)),
        }
    }
}

fn wrong(expected: &'static str, source: impl StdError + Send + Sync + 'static) -> EncodingError {
    EncodingError { expected, source: Box::new(source) }
}

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Json")
    }
}

impl<T> fmt::Debug for Postcard<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Postcard")
    }
}
