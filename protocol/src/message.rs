//! What requests and replies have in common: how a closed enum of messages gets
//! its numbers and its wire form, and how values ride in messages.

use std::marker::PhantomData;
use std::sync::Arc;

use bytes::Bytes;

use crate::caps;
use crate::codec::{DecodeError, Decoder, Wire};

/// The messages of a frame, decoded one at a time.
pub(crate) struct Messages<M> {
    input: Decoder,
    /// How many more there may be.
    left: usize,
    of: PhantomData<fn() -> M>,
}

impl<M> Messages<M> {
    pub(crate) fn of(frame: Bytes) -> Messages<M> {
        let input = Decoder::new(frame);
        Messages { input, left: caps::MESSAGES_IN_FRAME, of: PhantomData }
    }
}

impl<M: Wire> Iterator for Messages<M> {
    type Item = Result<M, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.input.is_empty() {
            return None;
        }
        let message = match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                M::decode(&mut self.input)
            }
            None => Err(DecodeError::TooManyMessages),
        };
        if message.is_err() {
            self.input.end();
        }
        Some(message)
    }
}

/// Value bytes in a message, or the announcement of a transfer that brings them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The bytes themselves; at most [`INLINE_BYTES`](crate::caps::INLINE_BYTES).
    Inline(Bytes),
    /// `size` bytes follow in chunks; the transfer's id is the number of the
    /// message that announces it (or that it answers).
    Transfer {
        /// Bytes in all.
        size: u64,
    },
}

impl Payload {
    /// Bytes in all, wherever they are.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Payload::Inline(bytes) => bytes.len() as u64,
            Payload::Transfer { size } => *size,
        }
    }
}

/// How a value's bytes are encoded: MessagePack, or a media type whose bytes
/// pass through untouched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentType(Option<Arc<str>>);

impl ContentType {
    /// The canonical encoding; such values can be selected from and spliced.
    pub const MSGPACK: ContentType = ContentType(None);

    /// A media type such as `image/png`.
    #[must_use]
    pub fn named(media_type: &str) -> ContentType {
        ContentType(Some(media_type.into()))
    }

    /// Whether this is the canonical encoding.
    #[must_use]
    pub fn is_msgpack(&self) -> bool {
        self.0.is_none()
    }

    /// The media type, unless it is the canonical encoding.
    #[must_use]
    pub fn other(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// Defines a closed enum of messages with their numbers. Each message is an array
/// of its number and its fields, in the order written here; `[N]` after a field
/// caps its length.
macro_rules! messages {
    (
        $(#[$enum_doc:meta])*
        pub enum $Enum:ident ($kind:literal) {
            $(
                $(#[$doc:meta])*
                $number:literal = $Name:ident {
                    $( $(#[$field_doc:meta])* $field:ident: $type:ty $([$cap:expr])?, )*
                },
            )*
        }
    ) => {
        $(#[$enum_doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $Enum {
            $( $(#[$doc])* $Name { $( $(#[$field_doc])* $field: $type, )* }, )*
        }

        impl $Enum {
            /// The names of all messages.
            pub const NAMES: &[&str] = &[ $( stringify!($Name), )* ];

            /// The message's name.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $( $Enum::$Name { .. } => stringify!($Name), )* }
            }

            /// Appends the message to a frame.
            pub fn encode(&self, out: &mut Vec<u8>) {
                $crate::codec::Wire::encode(self, out);
            }

            /// The messages of a frame, decoded one at a time; the payloads are
            /// slices of the frame. After an error there are no more.
            pub fn decode_frame(
                frame: ::bytes::Bytes,
            ) -> impl Iterator<Item = Result<$Enum, $crate::codec::DecodeError>> {
                $crate::message::Messages::of(frame)
            }
        }

        impl $crate::codec::Wire for $Enum {
            fn encode(&self, out: &mut Vec<u8>) {
                match self {
                    $( $Enum::$Name { $($field,)* } => {
                        let fields: u32 = 1 $( + { let _ = $field; 1 } )*;
                        $crate::codec::put_array(out, fields);
                        $crate::codec::put_uint(out, $number);
                        $( $crate::codec::Wire::encode($field, out); )*
                    } )*
                }
            }

            fn decode(
                input: &mut $crate::codec::Decoder,
            ) -> Result<$Enum, $crate::codec::DecodeError> {
                let found = input.array()?;
                match input.uint()? {
                    $( $number => {
                        const EXPECTED: u32 = 1 $( + { stringify!($field); 1 } )*;
                        if found != EXPECTED {
                            return Err($crate::codec::DecodeError::FieldCount {
                                message: stringify!($Name),
                                expected: EXPECTED,
                                found,
                            });
                        }
                        $(
                            let $field: $type = $crate::codec::Wire::decode(input)?;
                            $( $crate::codec::check_len(stringify!($field), &$field, $cap)?; )?
                        )*
                        Ok($Enum::$Name { $( $field, )* })
                    } )*
                    number => {
                        Err($crate::codec::DecodeError::UnknownNumber { of: $kind, number })
                    }
                }
            }
        }
    };
}
pub(crate) use messages;
