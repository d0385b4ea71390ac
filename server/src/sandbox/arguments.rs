//! A call's arguments as they go into guest memory: the client's bytes, with the
//! referenced values spliced in where the references stood.

use bytes::Bytes;
use farside_protocol::codec::put_bin_header;
use farside_protocol::value::RefSite;

/// Argument bytes and what is spliced into them. Nothing is copied until
/// [`write_into`](Arguments::write_into).
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    bytes: Bytes,
    splices: Vec<Splice>,
    len: usize,
}

#[derive(Debug)]
struct Splice {
    site: RefSite,
    /// A byte string's head, for a value in another encoding.
    head: Vec<u8>,
    value: Bytes,
}

impl Arguments {
    /// Arguments without references in them.
    pub(crate) fn new(bytes: Bytes) -> Arguments {
        Arguments { len: bytes.len(), bytes, splices: Vec::new() }
    }

    /// Puts a value in a reference's place; sites come in ascending order. A
    /// value in another encoding than MessagePack becomes a byte string.
    pub(crate) fn splice(&mut self, site: RefSite, value: Bytes, is_msgpack: bool) {
        let mut head = Vec::new();
        if !is_msgpack {
            put_bin_header(&mut head, value.len());
        }
        self.len = self.len - site.len + head.len() + value.len();
        self.splices.push(Splice { site, head, value });
    }

    /// Bytes in all, with the referenced values.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Writes all of it; `target` is exactly [`len`](Arguments::len) bytes.
    pub(super) fn write_into(&self, target: &mut [u8]) {
        let mut rest = target;
        let mut put = |bytes: &[u8]| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(bytes.len());
            head.copy_from_slice(bytes);
            rest = tail;
        };
        let mut at = 0;
        for splice in &self.splices {
            put(&self.bytes[at..splice.site.at]);
            put(&splice.head);
            put(&splice.value);
            at = splice.site.at + splice.site.len;
        }
        put(&self.bytes[at..]);
    }

    /// All of it in one piece.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        let mut whole = vec![0; self.len];
        self.write_into(&mut whole);
        whole
    }
}
