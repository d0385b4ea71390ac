//! Keeping values on the server.

use bytes::Bytes;
use farside_protocol::{ContentType, ErrorCode, Failure, RefId, Request, caps};
use serde::Serialize;

use crate::codec::Codec;
use crate::encode;
use crate::far::Far;
use crate::session::Session;

impl Session {
    /// Sends a value for the server to keep, without waiting. Bulk data should be
    /// a byte string (`serde_bytes`) or an [`Array`](crate::Array), which travel
    /// as one block.
    pub fn put<T: Serialize + ?Sized>(&self, value: &T) -> Far<T> {
        let what = || "the value".to_owned();
        let bytes = encode::encode(self.id(), what, |out| encode::write(value, out));
        self.put_encoded(ContentType::MSGPACK, bytes)
    }

    /// Sends bytes for the server to keep under a content type, without waiting.
    /// Under [`ContentType::MSGPACK`] they must be one encoded value.
    pub fn put_bytes(&self, content: ContentType, bytes: impl Into<Bytes>) -> Far<Bytes> {
        self.put_encoded(content, Ok(bytes.into()))
    }

    /// Sends a value for the server to keep in the codec's encoding, without waiting.
    pub fn put_with<T, C: Codec<T>>(&self, codec: &C, value: &T) -> Far<T> {
        let bytes = codec.encode(value).map_err(|error| {
            let message = format!("the value can't be sent: {error}");
            Failure::new(ErrorCode::InvalidArgument, message)
        });
        self.put_encoded(codec.content_type(), bytes)
    }

    fn put_encoded<T: ?Sized>(
        &self,
        content: ContentType,
        bytes: Result<Bytes, Failure>,
    ) -> Far<T> {
        let made = bytes.and_then(|bytes| {
            check(&content, &bytes)?;
            let (value, body) = encode::payload(bytes);
            let seq = self.link().refer(0, body, |seq| Request::Put { seq, content, value })?;
            Ok(RefId::new(self.writer(), seq))
        });
        Far::new(self.clone(), made)
    }
}

fn check(content: &ContentType, bytes: &Bytes) -> Result<(), Failure> {
    if bytes.len() as u64 > caps::VALUE_BYTES {
        let message = format!("the value can't be sent: it has {} bytes", bytes.len());
        return Err(Failure::new(ErrorCode::ValueTooLarge, message));
    }
    if content.other().is_some_and(|name| name.len() > caps::NAME_BYTES) {
        let message = format!("a content type is at most {} bytes long", caps::NAME_BYTES);
        return Err(Failure::new(ErrorCode::InvalidArgument, message));
    }
    Ok(())
}
