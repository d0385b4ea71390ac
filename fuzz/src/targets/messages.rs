//! Messages, both ways: any bytes are messages or an error, and a message that was read
//! is written as it is read again.

use bytes::Bytes;
use farside_protocol::{Reply, Request};

macro_rules! target {
    ($(#[$doc:meta])* $name:ident, $Message:ident) => {
        $(#[$doc])*
        ///
        /// # Panics
        /// When a message comes back as another one.
        pub fn $name(data: &[u8]) {
            let frame = Bytes::copy_from_slice(data);
            let read = $Message::decode_frame(frame).map_while(Result::ok);
            let messages: Vec<$Message> = read.collect();
            let mut written = Vec::new();
            messages.iter().for_each(|message| message.encode(&mut written));
            let again: Vec<$Message> = $Message::decode_frame(written.clone().into())
                .collect::<Result<_, _>>()
                .unwrap_or_else(|error| panic!("what was written can't be read: {error}"));
            assert_eq!(again, messages);
            let mut rewritten = Vec::new();
            again.iter().for_each(|message| message.encode(&mut rewritten));
            assert_eq!(rewritten, written);
        }
    };
}

target! {
    /// Frames of a client.
    request, Request
}

target! {
    /// Frames of a server.
    reply, Reply
}
