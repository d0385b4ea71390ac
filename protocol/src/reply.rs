//! What a server says to a client.

use bytes::Bytes;

use crate::codec::{DecodeError, Decoder, Wire};
use crate::message::messages;
use crate::{
    ContentType, Failure, ModuleHash, Payload, RefId, ResumeKey, Seq, SessionId, WriterId, caps,
};

messages! {
    /// A message from a server. A `seq` is the number of the request answered.
    ///
    /// Numbers 19 to 39 are kept for what later versions add.
    pub enum Reply ("reply") {
        /// The token is good and the versions fit.
        1 = Welcome {
            /// The server's [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION).
            version: u16,
            /// The server program and its version.
            server: String [caps::NAME_BYTES],
            /// Version of the guest ABI that it runs.
            guest_abi: u32,
            /// Version of its data folder's format.
            data_format: u32,
            /// The wasmtime release that it is built with.
            wasmtime: String [caps::NAME_BYTES],
        },
        /// This connection is a writer of the session now.
        2 = Attached {
            /// The session.
            session: SessionId,
            /// Its secret.
            key: ResumeKey,
            /// The writer's number.
            writer: WriterId,
            /// The highest message number taken from this writer so far.
            taken: u64,
            /// Calls that the writer may have made, in all.
            calls: u64,
            /// Argument bytes that the writer may have sent, in all.
            bytes: u64,
            /// How long the session outlives its last connection.
            lease_ms: u64,
        },
        /// The connection is of no use any more, and why; it is closed next.
        3 = Refused {
            /// Why.
            failure: Failure,
        },
        /// Messages up to `taken` are taken and never taken again; calls and
        /// bytes are the new totals that the writer may reach.
        10 = Ack {
            /// The highest message number taken.
            taken: u64,
            /// Calls that the writer may have made, in all.
            calls: u64,
            /// Argument bytes that the writer may have sent, in all.
            bytes: u64,
        },
        /// The value that was asked for.
        11 = Value {
            /// The request.
            seq: Seq,
            /// The value's encoding.
            content: ContentType,
            /// The value.
            value: Payload,
        },
        /// What was asked for can't be had; also ends a transfer that broke off.
        12 = Failed {
            /// The request.
            seq: Seq,
            /// Why.
            failure: Failure,
        },
        /// The state of the references of a `wait`, in its order.
        13 = Waited {
            /// The request.
            seq: Seq,
            /// One state for each reference.
            states: Vec<RefState>,
        },
        /// The module is in the session.
        14 = Uploaded {
            /// The request.
            seq: Seq,
            /// The module's number in the session.
            module: u32,
            /// Its name in the session.
            name: String [caps::NAME_BYTES],
            /// SHA-256 of its bytes.
            hash: ModuleHash,
            /// Whether another module had this name; its instance's state is gone.
            replaced: bool,
            /// The [`Manifest`](crate::manifest::Manifest), as MessagePack.
            manifest: Payload,
        },
        /// The server needs the module's bytes: send them as a transfer.
        15 = Wanted {
            /// The request.
            seq: Seq,
        },
        /// What was asked for, as the MessagePack of a type in
        /// [`outline`](crate::outline).
        16 = Described {
            /// The request.
            seq: Seq,
            /// The description.
            body: Payload,
        },
        /// It is done.
        17 = Done {
            /// The request.
            seq: Seq,
        },
        /// A line that a guest logged.
        18 = Log {
            /// The call that logged it.
            of: RefId,
            /// How grave.
            level: LogLevel,
            /// The line.
            text: String [caps::INLINE_BYTES],
        },
        /// A piece of a transfer to the client.
        40 = Chunk {
            /// The number of the request that it answers.
            transfer: Seq,
            /// Where the piece begins.
            offset: u64,
            /// At most [`CHUNK_BYTES`](crate::caps::CHUNK_BYTES).
            bytes: Bytes [caps::CHUNK_BYTES],
        },
        /// Lets the client send a transfer's bytes up to an offset.
        41 = Credit {
            /// The number of the message that announced it.
            transfer: Seq,
            /// The offset; never lower than before.
            until: u64,
        },
    }
}

macro_rules! wire_enum {
    (
        $(#[$doc:meta])*
        pub enum $Enum:ident ($of:literal) { $( $(#[$case_doc:meta])* $number:literal = $Case:ident, )* }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Enum { $( $(#[$case_doc])* $Case, )* }

        impl Wire for $Enum {
            fn encode(&self, out: &mut Vec<u8>) {
                out.push(match self { $( $Enum::$Case => $number, )* });
            }

            fn decode(input: &mut Decoder) -> Result<$Enum, DecodeError> {
                match u8::decode(input)? {
                    $( $number => Ok($Enum::$Case), )*
                    number => {
                        Err(DecodeError::UnknownNumber { of: $of, number: u64::from(number) })
                    }
                }
            }
        }
    };
}

wire_enum! {
    /// Where a reference is in its life.
    pub enum RefState ("reference state") {
        /// Its call has not finished.
        0 = Pending,
        /// Its value is there.
        1 = Ready,
        /// It is broken; a `get` says why.
        2 = Failed,
        /// Released, evicted or never made.
        3 = Gone,
    }
}

wire_enum! {
    /// How grave a guest's log line is.
    pub enum LogLevel ("log level") {
        /// It went wrong.
        1 = Error,
        /// It may go wrong.
        2 = Warn,
        /// What happens.
        3 = Info,
        /// For those who look closely.
        4 = Debug,
    }
}
