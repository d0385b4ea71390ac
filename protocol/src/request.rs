//! What a client says to a server.

use bytes::Bytes;

use crate::codec::{self, DecodeError, Decoder, Wire, check_len};
use crate::message::messages;
use crate::{ContentType, ModuleHash, Payload, RefId, ResumeKey, Seq, SessionId, caps};

messages! {
    /// A message from a client. Those with a `seq` are numbered: each takes the
    /// next number of its writer, and where it makes a reference, that number is
    /// the reference's id within the writer.
    ///
    /// Numbers 22 to 39 are kept for what later versions add.
    pub enum Request ("request") {
        /// The first message of a connection: who speaks, and which protocol.
        1 = Hello {
            /// The client's [`PROTOCOL_VERSION`](crate::PROTOCOL_VERSION).
            version: u16,
            /// The owner's token.
            token: String [caps::TOKEN_BYTES],
            /// The client program and its version, for the server's log.
            agent: String [caps::NAME_BYTES],
        },
        /// Opens a session or joins one; makes this connection a writer of it.
        2 = Attach {
            /// The session to join; none opens a new one.
            session: Option<AttachTo>,
            /// How long the session shall outlive its last connection.
            lease_ms: Option<u64>,
        },
        /// Invokes a function. Makes a reference; is not answered by itself.
        10 = Call {
            /// This message's number, and the reference's.
            seq: Seq,
            /// What to invoke.
            target: Target,
            /// How.
            flags: CallFlags,
            /// From the taking of the call until it is stopped.
            timeout_ms: Option<u64>,
            /// A MessagePack array (positional) or map (by name) of arguments;
            /// references stand in it as extension values.
            args: Payload,
        },
        /// Keeps a value on the server. Makes a reference.
        11 = Put {
            /// This message's number, and the reference's.
            seq: Seq,
            /// The value's encoding.
            content: ContentType,
            /// The value.
            value: Payload,
        },
        /// Makes a reference to a part of another one's value.
        12 = Select {
            /// This message's number, and the reference's.
            seq: Seq,
            /// The whole.
            of: RefId,
            /// Which part; the grammar is in [`value::path`](crate::value::path).
            path: String [caps::PATH_BYTES],
        },
        /// Asks for a value or a part of it; answered once it is there.
        13 = Get {
            /// This message's number; the answer carries it.
            seq: Seq,
            /// The reference.
            of: RefId,
            /// The part, or the whole.
            path: Option<String> [caps::PATH_BYTES],
        },
        /// Waits until `count` of the references are ready or failed.
        14 = Wait {
            /// This message's number; the answer carries it.
            seq: Seq,
            /// The references.
            refs: Vec<RefId>,
            /// How many of them.
            count: u32,
            /// Answer with what is settled by then.
            timeout_ms: Option<u64>,
        },
        /// Stops the call that shall fill a reference, be it that the call comes
        /// later. It has no number, so that it need not stand behind calls that
        /// wait for credit; repeating it does nothing.
        15 = Cancel {
            /// The call's reference.
            of: RefId,
        },
        /// Gives up references. Never cancels.
        16 = Release {
            /// This message's number.
            seq: Seq,
            /// The references.
            refs: Vec<RefId>,
        },
        /// Offers a module; answered with `Uploaded`, or with `Wanted` if the
        /// server needs its bytes as a transfer of this number.
        17 = Upload {
            /// This message's number; the answers carry it.
            seq: Seq,
            /// The module's name in the session.
            name: String [caps::NAME_BYTES],
            /// SHA-256 of its bytes.
            hash: ModuleHash,
            /// Its bytes' count.
            size: u64,
            /// Whether the fuel of its calls shall be counted.
            metered: bool,
        },
        /// Asks what is there.
        18 = Describe {
            /// This message's number; the answer carries it.
            seq: Seq,
            /// About what.
            subject: Subject,
        },
        /// Replaces a module's instance by a fresh one; its state is lost.
        19 = Renew {
            /// This message's number; the answer carries it.
            seq: Seq,
            /// The module's name in the session.
            module: String [caps::NAME_BYTES],
        },
        /// Asks for the owner's sessions. Needs no session.
        20 = Sessions {
            /// Correlates the answer.
            seq: Seq,
        },
        /// Ends a session and frees all that it holds.
        21 = CloseSession {
            /// Correlates the answer.
            seq: Seq,
            /// Which; none for the one that this connection is attached to.
            session: Option<SessionId>,
        },
        /// A piece of a transfer to the server.
        40 = Chunk {
            /// The number of the message that announced it.
            transfer: Seq,
            /// Where the piece begins.
            offset: u64,
            /// At most [`CHUNK_BYTES`](crate::caps::CHUNK_BYTES).
            bytes: Bytes [caps::CHUNK_BYTES],
        },
        /// Lets the server send a transfer's bytes up to an offset.
        41 = Credit {
            /// The number of the message that it answers.
            transfer: Seq,
            /// The offset; never lower than before.
            until: u64,
        },
        /// Gives up a transfer in either direction.
        42 = Abort {
            /// The transfer.
            transfer: Seq,
        },
    }
}

impl Request {
    /// The message's number, where it is a numbered one.
    #[must_use]
    pub fn seq(&self) -> Option<Seq> {
        match self {
            Request::Call { seq, .. }
            | Request::Put { seq, .. }
            | Request::Select { seq, .. }
            | Request::Get { seq, .. }
            | Request::Wait { seq, .. }
            | Request::Release { seq, .. }
            | Request::Upload { seq, .. }
            | Request::Describe { seq, .. }
            | Request::Renew { seq, .. }
            | Request::Sessions { seq }
            | Request::CloseSession { seq, .. } => Some(*seq),
            Request::Hello { .. }
            | Request::Attach { .. }
            | Request::Cancel { .. }
            | Request::Chunk { .. }
            | Request::Credit { .. }
            | Request::Abort { .. } => None,
        }
    }
}

/// An existing session and the right to join it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachTo {
    /// The session.
    pub session: SessionId,
    /// Its secret.
    pub key: ResumeKey,
}

impl Wire for AttachTo {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.session, self.key).encode(out);
    }

    fn decode(input: &mut Decoder) -> Result<AttachTo, DecodeError> {
        let (session, key) = Wire::decode(input)?;
        Ok(AttachTo { session, key })
    }
}

/// What a call invokes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// By the numbers that `Uploaded` and the manifest gave.
    Index {
        /// The module's number in the session.
        module: u32,
        /// The function's place in the manifest.
        function: u32,
    },
    /// By name: `module.function`, or `function` while that is unique.
    Name(String),
    /// The function of that name in the module whose call made a reference: what is to
    /// be done with an object is done where it lives.
    Beside {
        /// The reference.
        of: RefId,
        /// The function's name within the module.
        function: String,
    },
    /// A function for the items of a list or array, which is the only argument, or the
    /// first before an initial value.
    Each {
        /// What is done with the items.
        how: Each,
        /// The function; not again one of this kind.
        function: Box<Target>,
    },
}

/// What is done with each item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// The results are a list, or an array if the items are and the results are numbers.
    Map,
    /// The items with a true result are left.
    Filter,
    /// Each item is put together with what came before.
    Reduce,
}

impl Wire for Each {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Each::Map => 1u8,
            Each::Filter => 2,
            Each::Reduce => 3,
        }
        .encode(out);
    }

    fn decode(input: &mut Decoder) -> Result<Each, DecodeError> {
        match u8::decode(input)? {
            1 => Ok(Each::Map),
            2 => Ok(Each::Filter),
            3 => Ok(Each::Reduce),
            number => Err(DecodeError::UnknownNumber { of: "each", number: u64::from(number) }),
        }
    }
}

/// What a target of three parts begins with; 2 to 9 are kept for later ones.
const BESIDE: u8 = 0;
const EACH: u8 = 1;

impl Wire for Target {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Target::Index { module, function } => (*module, *function).encode(out),
            Target::Name(name) => name.encode(out),
            Target::Beside { of, function } => {
                codec::put_array(out, 3);
                BESIDE.encode(out);
                of.encode(out);
                function.encode(out);
            }
            Target::Each { how, function } => {
                codec::put_array(out, 3);
                EACH.encode(out);
                how.encode(out);
                function.encode(out);
            }
        }
    }

    fn decode(input: &mut Decoder) -> Result<Target, DecodeError> {
        if !input.peek_is_array()? {
            return Target::decode_name(input);
        }
        match input.array()? {
            2 => Ok(Target::Index { module: u32::decode(input)?, function: u32::decode(input)? }),
            3 => match u8::decode(input)? {
                BESIDE => {
                    let (of, function) = (RefId::decode(input)?, String::decode(input)?);
                    check_len("a function's name", &function, caps::NAME_BYTES)?;
                    Ok(Target::Beside { of, function })
                }
                EACH => match (Each::decode(input)?, Target::decode_plain(input)?) {
                    (how, Some(function)) => Ok(Target::Each { how, function: Box::new(function) }),
                    (_, None) => {
                        Err(DecodeError::OutOfRange { what: "the function for each item" })
                    }
                },
                number => {
                    Err(DecodeError::UnknownNumber { of: "target", number: u64::from(number) })
                }
            },
            _ => Err(DecodeError::OutOfRange { what: "a target" }),
        }
    }
}

impl Target {
    /// A target by name or numbers; none for any other.
    fn decode_plain(input: &mut Decoder) -> Result<Option<Target>, DecodeError> {
        if !input.peek_is_array()? {
            return Target::decode_name(input).map(Some);
        }
        match input.array()? {
            2 => {
                let (module, function) = (u32::decode(input)?, u32::decode(input)?);
                Ok(Some(Target::Index { module, function }))
            }
            _ => Ok(None),
        }
    }

    fn decode_name(input: &mut Decoder) -> Result<Target, DecodeError> {
        let name = String::decode(input)?;
        // A module's name, a dot and a function's.
        check_len("a function's name", &name, 2 * caps::NAME_BYTES + 1)?;
        Ok(Target::Name(name))
    }
}

/// How a call is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallFlags {
    /// In a store of its own, made for this call.
    pub fresh: bool,
    /// Answer with the value as a `get` would.
    pub get: bool,
    /// Release the reference once it is answered; only with `get`.
    pub release: bool,
}

impl Wire for CallFlags {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.fresh) | u8::from(self.get) << 1 | u8::from(self.release) << 2);
    }

    fn decode(input: &mut Decoder) -> Result<CallFlags, DecodeError> {
        let bits = u8::decode(input)?;
        let flags = CallFlags { fresh: bits & 1 != 0, get: bits & 2 != 0, release: bits & 4 != 0 };
        if bits > 7 || (flags.release && !flags.get) {
            return Err(DecodeError::OutOfRange { what: "call flags" });
        }
        Ok(flags)
    }
}

/// What a `Describe` asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The session: its modules, limits and use of them.
    Session,
    /// The session's references.
    Refs,
    /// One reference.
    Ref(RefId),
}

impl Wire for Subject {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Subject::Session => (1u8, None::<RefId>).encode(out),
            Subject::Refs => (2u8, None::<RefId>).encode(out),
            Subject::Ref(id) => (3u8, Some(*id)).encode(out),
        }
    }

    fn decode(input: &mut Decoder) -> Result<Subject, DecodeError> {
        match Wire::decode(input)? {
            (1u8, None) => Ok(Subject::Session),
            (2, None) => Ok(Subject::Refs),
            (3, Some(id)) => Ok(Subject::Ref(id)),
            (number, _) => {
                Err(DecodeError::UnknownNumber { of: "subject", number: u64::from(number) })
            }
        }
    }
}
