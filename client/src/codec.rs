//! Values in other encodings than MessagePack.

use bytes::Bytes;
use farside_protocol::ContentType;

/// What a codec's own error becomes.
pub type CodecError = Box<dyn std::error::Error + Send + Sync>;

/// Another encoding of a type: JSON text, protobuf, an image format. Its bytes pass
/// through the server untouched, and carry their content type.
pub trait Codec<T> {
    /// The media type of what it writes, such as `application/json`.
    fn content_type(&self) -> ContentType;

    /// The value's bytes.
    ///
    /// # Errors
    /// When the value has no form in this encoding.
    fn encode(&self, value: &T) -> Result<Bytes, CodecError>;

    /// The value of bytes that have this codec's content type.
    ///
    /// # Errors
    /// When the bytes are not of this encoding.
    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError>;
}
