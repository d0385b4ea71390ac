//! Memory for payloads that come in pieces, or that are copied as a whole.

use std::fmt;

use bytes::Bytes;
use memmap2::MmapMut;

/// From so many bytes on a payload has memory of its own, in large pages where the
/// system has them. Memory that is touched for the first time costs a page fault for
/// each page, and with pages of 4 KiB those take longer than the copying.
const LARGE: usize = 4 << 20;

/// Bytes that are appended to until they are a whole payload. They are allocated once, if
/// the first guess is right.
pub struct Buffer(Memory);

enum Memory {
    Small(Vec<u8>),
    Large(Large),
}

/// Memory from the system itself. It takes none of the machine's until it is written to.
struct Large {
    map: MmapMut,
    len: usize,
}

impl Buffer {
    /// An empty buffer for so many bytes; it grows if there are more.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Buffer {
        Buffer(match bytes {
            ..LARGE => Memory::Small(Vec::with_capacity(bytes)),
            // Without memory of this kind it grows as bytes come.
            _ => Large::new(bytes).map_or(Memory::Small(Vec::new()), Memory::Large),
        })
    }

    /// A copy of some bytes.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Buffer {
        let mut buffer = Buffer::with_capacity(bytes.len());
        buffer.append(bytes);
        buffer
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_ref().len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_ref().is_empty()
    }

    /// Appends bytes.
    pub fn append(&mut self, bytes: &[u8]) {
        match &mut self.0 {
            Memory::Small(small) => small.extend_from_slice(bytes),
            Memory::Large(large) => match large.map.get_mut(large.len..large.len + bytes.len()) {
                Some(place) => {
                    place.copy_from_slice(bytes);
                    large.len += bytes.len();
                }
                None => {
                    let mut grown = Buffer::with_capacity(2 * large.map.len());
                    grown.append(large.as_ref());
                    grown.append(bytes);
                    *self = grown;
                }
            },
        }
    }

    /// The bytes, which keep the memory as long as anything holds a part of them.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Memory::Small(small) => Bytes::from(small),
            Memory::Large(large) => Bytes::from_owner(large),
        }
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        match &self.0 {
            Memory::Small(small) => small,
            Memory::Large(large) => large.as_ref(),
        }
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("len", &self.len()).finish()
    }
}

impl Large {
    /// None if the system gives no memory of this kind.
    fn new(bytes: usize) -> Option<Large> {
        let map = MmapMut::map_anon(bytes).ok()?;
        // Where the system has no large pages, small ones do.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Some(Large { map, len: 0 })
    }
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        &self.map[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_comes_out() {
        for guess in [0, 10, LARGE - 1, LARGE, LARGE + 4097, 3 * LARGE] {
            let mut buffer = Buffer::with_capacity(guess);
            let mut expected = Vec::new();
            assert!(buffer.is_empty());
            for (number, len) in [1, 0, 5000, LARGE / 2, LARGE, 7].into_iter().enumerate() {
                let piece = vec![number as u8; len];
                buffer.append(&piece);
                expected.extend_from_slice(&piece);
                assert_eq!(buffer.len(), expected.len());
            }
            assert!(buffer.as_ref() == expected);
            assert!(buffer.into_bytes() == expected);
        }
        assert!(Buffer::copy_of(&[3; LARGE]).into_bytes() == [3; LARGE][..]);
    }
}
