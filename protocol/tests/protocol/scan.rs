use farside_protocol::value::{FarArg, Kind, RefSite, ScanError, Scanned, scan};
use farside_protocol::{RefId, caps};
use proptest::prelude::*;
use serde::Serialize;

use crate::model::{self, Node};

#[track_caller]
fn check(bytes: &[u8], expected: Result<(Kind, usize), ScanError>) {
    assert_eq!(scan(bytes).map(|found| (found.kind, found.depth)), expected, "{bytes:02x?}");
}

#[test]
fn every_kind_is_told_with_its_depth() {
    check(&[0xc0], Ok((Kind::Nil, 0)));
    check(&[0xc2], Ok((Kind::Bool, 0)));
    check(&[0x7f], Ok((Kind::Integer, 0)));
    check(&[0xe0], Ok((Kind::Integer, 0)));
    check(&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], Ok((Kind::Integer, 0)));
    check(&[0xca, 0, 0, 0, 0], Ok((Kind::Float, 0)));
    check(&[0xa1, b'x'], Ok((Kind::String, 0)));
    check(&[0xc4, 1, 0xff], Ok((Kind::Bytes, 0)));
    check(&[0x90], Ok((Kind::List, 1)));
    check(&[0x92, 0x91, 1, 2], Ok((Kind::List, 2)));
    check(&[0x81, 0xa1, b'x', 0x80], Ok((Kind::Map, 2)));
    check(&[0xd6, 0xff, 0, 0, 0, 0], Ok((Kind::Timestamp, 0)));
    check(&[0xd4, 9, 0], Ok((Kind::Extension(9), 0)));
    check(&[0xc7, 3, 2, 1, 0, 5], Ok((Kind::Array, 0)));
    check(&[0xc7, 11, 2, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 5], Ok((Kind::Array, 0)));
}

fn extension(what: &'static str, at: usize) -> ScanError {
    ScanError::Extension { what, at }
}

#[test]
fn bytes_that_are_no_value_are_refused() {
    check(&[], Err(ScanError::Truncated));
    check(&[0xc1], Err(ScanError::Marker { at: 0 }));
    check(&[0x92, 1, 0xc1], Err(ScanError::Marker { at: 2 }));
    check(&[1, 2], Err(ScanError::Trailing { at: 1 }));
    check(&[0x90, 0xc1], Err(ScanError::Trailing { at: 1 }));
    check(&[0xa2, 0xc3, 0x28], Err(ScanError::NotUtf8 { at: 0 }));
    check(&[0x91, 0xa1, 0x80], Err(ScanError::NotUtf8 { at: 1 }));
}

#[test]
fn lengths_that_lie_are_refused_without_allocating() {
    check(&[0xc6, 255, 255, 255, 255], Err(ScanError::Truncated));
    check(&[0xdb, 255, 255, 255, 255, b'x'], Err(ScanError::Truncated));
    check(&[0xdd, 255, 255, 255, 255, 1], Err(ScanError::Truncated));
    check(&[0xdf, 255, 255, 255, 255, 1], Err(ScanError::Truncated));
    check(&[0xc9, 255, 255, 255, 255, 2], Err(ScanError::Truncated));
    check(&[0x82, 1, 2], Err(ScanError::Truncated));
}

#[test]
fn extensions_have_their_own_lengths() {
    check(&[0xd6, 1, 0, 0, 0, 0], Err(extension("a reference that is not of 8 bytes", 0)));
    let misshapen = "an array whose shape does not fit its bytes";
    let timestamp = "a timestamp that is not of 4, 8 or 12 bytes";
    check(&[0xd5, 0xff, 0, 0], Err(extension(timestamp, 0)));
    check(&[0x91, 0xd4, 2, 1], Err(extension("an array shorter than its header", 1)));
    check(&[0xc7, 4, 2, 1, 0, 5, 5], Err(extension(misshapen, 0)));
    check(&[0xd5, 2, 99, 0], Err(extension("an array of unknown element type", 0)));
    check(&[0xd5, 2, 1, 33], Err(extension("an array of more than 32 dimensions", 0)));
    check(&[0xd5, 2, 1, 1], Err(extension("an array shorter than its header", 0)));
    let mut overflow = vec![0xc7, 18, 2, 10, 2];
    overflow.extend([0xff; 16]);
    check(&overflow, Err(extension(misshapen, 0)));
}

#[test]
fn depth_has_a_cap() {
    for open in [&[0x91][..], &[0x81, 1], &[0x81][..]] {
        let mut deep = open.repeat(caps::VALUE_DEPTH);
        deep.push(0x90);
        let key_is_map = open == [0x81];
        if key_is_map {
            deep.extend([1].repeat(caps::VALUE_DEPTH));
        }
        check(&deep, Err(ScanError::TooDeep));
        deep[open.len() * caps::VALUE_DEPTH] = 1;
        assert_eq!(scan(&deep).map(|found| found.depth), Ok(caps::VALUE_DEPTH));
    }
    check(&[0x91].repeat(1 << 20), Err(ScanError::TooDeep));
    check(&[0x9f].repeat(1 << 20), Err(ScanError::TooDeep));
}

#[test]
fn references_are_found_where_they_stand() {
    #[derive(Serialize)]
    struct Args(u32, FarArg, Vec<FarArg>, &'static str);

    let id = RefId::from_bits;
    let args = Args(70_000, FarArg(id(1)), vec![FarArg(id(u64::MAX)), FarArg(id(1))], "end");
    let bytes = rmp_serde::to_vec(&args).unwrap();
    let site = |at, id| RefSite { at, len: 10, id };
    let refs = vec![site(6, id(1)), site(17, id(u64::MAX)), site(27, id(1))];
    assert_eq!(scan(&bytes), Ok(Scanned { kind: Kind::List, refs: refs.clone(), depth: 2 }));
    for site in refs {
        let reference = &bytes[site.at..site.at + site.len];
        assert_eq!(reference[..2], [0xd7, 1]);
        assert_eq!(reference[2..], site.id.to_bits().to_be_bytes());
    }
}

proptest! {
    #[test]
    fn a_value_is_well_formed_and_nothing_less_is(node in model::node(), wide: bool) {
        let mut bytes = Vec::new();
        node.encode(wide, &mut bytes);
        prop_assert!(scan(&bytes).is_ok());
        prop_assert_eq!(Node::decode(&bytes), node);
        for len in 0..bytes.len() {
            prop_assert_eq!(scan(&bytes[..len]), Err(ScanError::Truncated));
        }
        bytes.push(0xc0);
        prop_assert_eq!(scan(&bytes), Err(ScanError::Trailing { at: bytes.len() - 1 }));
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), 0x80u8..0xa4, 0xc0u8..0xe0, 0u8..4], 0..64,
        ),
    ) {
        if let Ok(found) = scan(&bytes) {
            prop_assert!(found.refs.iter().all(|site| site.at + site.len <= bytes.len()));
        }
    }
}
