//! Fetching values.

use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::{ContentType, ErrorCode, Failure, Request};
use serde::de::DeserializeOwned;

use crate::ask::Answer;
use crate::codec::Codec;
use crate::disconnected::Disconnected;
use crate::far::{Far, check_path};

impl<T: ?Sized> Far<T> {
    /// Fetches the value, once it is there.
    ///
    /// # Errors
    /// The failure that the reference broke with, or a value of another type.
    pub async fn get(&self) -> Result<T, GetError>
    where
        T: DeserializeOwned,
    {
        let (content, bytes) = self.fetch(None).await?;
        decode(&content, &bytes)
    }

    /// Fetches a part of the value; only that part crosses the wire.
    ///
    /// A path is made of fields (`.name`, quoted keys `["a b"]`), indices (`[3]`,
    /// `[-1]`) and slices (`[10:20]`, `[::2]`); a field after a slice is taken of
    /// each item: `rows[10:20].name`.
    ///
    /// # Errors
    /// As [`get`](Far::get), and when the value has no such part.
    pub async fn get_part<U: DeserializeOwned>(&self, path: &str) -> Result<U, GetError> {
        let (content, bytes) = self.fetch(Some(path)).await?;
        decode(&content, &bytes)
    }

    /// Fetches the bytes of the value or of a part of it, as they are kept.
    ///
    /// # Errors
    /// As [`get_part`](Far::get_part), but for the type.
    pub async fn get_raw(&self, path: Option<&str>) -> Result<(ContentType, Bytes), GetError> {
        self.fetch(path).await
    }

    /// Fetches a value that is kept in another encoding than MessagePack.
    ///
    /// # Errors
    /// As [`get`](Far::get), and when the value's content type is not the codec's.
    pub async fn get_with<C: Codec<T>>(&self, codec: &C) -> Result<T, GetError>
    where
        T: Sized,
    {
        let (content, bytes) = self.fetch(None).await?;
        let expected = codec.content_type();
        let decoded = if content == expected {
            codec.decode(&bytes)
        } else {
            Err(format!("it is {}, and the codec reads {}", name(&content), name(&expected)).into())
        };
        decoded.map_err(|source| GetError::Decode { expected: type_name::<T>(), content, source })
    }

    #[tracing::instrument(level = "trace", target = "farside::client", name = "get", skip_all, fields(of = %self.id(), path))]
    async fn fetch(&self, path: Option<&str>) -> Result<(ContentType, Bytes), GetError> {
        if let Some(path) = path {
            check_path(path).map_err(GetError::Failed)?;
        }
        let of = self.sent().map_err(|failure| GetError::Failed(Failure::clone(failure)))?;
        let path = path.map(str::to_owned);
        value(self.session().link().ask(|seq| Request::Get { seq, of, path }).await)
    }
}

/// The value that an answer is.
pub(crate) fn value(
    answer: Result<Answer, Arc<Disconnected>>,
) -> Result<(ContentType, Bytes), GetError> {
    match answer {
        Ok(Answer::Value(content, bytes)) => Ok((content, bytes)),
        Ok(other) => Err(GetError::Failed(other.into_failure())),
        Err(reason) => Err(GetError::Disconnected(reason)),
    }
}

pub(crate) fn decode<T: DeserializeOwned>(
    content: &ContentType,
    bytes: &[u8],
) -> Result<T, GetError> {
    let decoded: Result<T, Box<dyn std::error::Error + Send + Sync>> = if content.is_msgpack() {
        rmp_serde::from_slice(bytes).map_err(Into::into)
    } else {
        Err(format!("it is {}, not MessagePack", name(content)).into())
    };
    decoded.map_err(|source| GetError::Decode {
        expected: type_name::<T>(),
        content: content.clone(),
        source,
    })
}

/// The type as a program writes it, without the modules that it is in.
fn type_name<T>() -> String {
    let full = std::any::type_name::<T>();
    let words = full.split_inclusive(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.filter(|word| !word.ends_with(':')).collect()
}

fn name(content: &ContentType) -> &str {
    content.other().unwrap_or("MessagePack")
}

/// Why a value can't be had.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// The reference is broken, or has no such part; the server says why, or the
    /// client, if it broke before it was sent.
    #[error(transparent)]
    Failed(Failure),
    /// The value is there, and of another type.
    #[error("the value is no `{expected}`")]
    Decode {
        /// The Rust type that was asked for.
        expected: String,
        /// The value's encoding.
        content: ContentType,
        /// Where it differs.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection was lost before the value came.
    #[error("the connection is lost")]
    Disconnected(#[source] Arc<Disconnected>),
}

impl GetError {
    /// What broke the reference, if that is what happened.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            GetError::Failed(failure) => Some(failure),
            GetError::Decode { .. } | GetError::Disconnected(_) => None,
        }
    }

    /// The error value that the guest's function itself returned, if it did and
    /// if it is an `E`. That of a call further up the chain is among the causes of
    /// [`failure`](GetError::failure).
    #[must_use]
    pub fn guest_error<E: DeserializeOwned>(&self) -> Option<E> {
        let failure = self.failure().filter(|failure| failure.code == ErrorCode::GuestError)?;
        rmp_serde::from_slice(failure.detail.as_deref()?).ok()
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            GetError::Failed(failure) => failure.hint.as_deref(),
            GetError::Decode { .. } => Some(
                "ask for the type that the function gives (`farside describe`), or for the \
                 bytes with `get_raw`",
            ),
            GetError::Disconnected(reason) => reason.hint(),
        }
    }
}
