use std::cell::Cell;
use std::convert::Infallible;
use std::num::NonZeroU64;

use bytes::Bytes;
use farside_protocol::array::Array;
use farside_protocol::caps;
use farside_protocol::value::{
    Blocks, Path, Piece, ScanError, SelectError, Selection, scan, select,
};
use proptest::prelude::*;
use serde_json::json;

use crate::model::{self, Node};

/// Bytes that a source in blocks reads at once.
const BLOCK: NonZeroU64 = NonZeroU64::new(64 * 1024).unwrap();

fn pack<T: serde::Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

fn try_select(value: &[u8], path: &str) -> Result<Selection, SelectError<Infallible>> {
    select(value, &path.parse().unwrap())
}

#[test]
fn the_last_of_many_values_is_found_wherever_blocks_end() {
    // Values of every length around the ends of blocks, in blocks of every source.
    for size in [1, 2, 3, 5, 9, 10, 300, 5000] {
        let item = serde_bytes::ByteBuf::from(vec![7; size]);
        let mut list: Vec<serde_bytes::ByteBuf> = vec![item; 12_000 / size + 3];
        list.push(serde_bytes::ByteBuf::from(b"last".to_vec()));
        let value = pack(&(list.clone(), "after", vec![1u8; 9000], -7));
        let parts = [("[0][-1]", pack(&list.last())), ("[1]", pack(&"after")), ("[-1]", pack(&-7))];
        for (path, part) in parts {
            let selected = try_select(&value, path).unwrap();
            assert_eq!(selected.assemble(&Bytes::from(value.clone())), part, "{size} {path}");
            for block in [1, 7, 4096, 4097] {
                let read = |at: u64, len: usize| {
                    Ok::<_, Infallible>(Bytes::copy_from_slice(&value[at as usize..][..len]))
                };
                let source = Blocks::new(value.len() as u64, NonZeroU64::new(block).unwrap(), read);
                let selected = select(source, &path.parse().unwrap()).unwrap();
                assert_eq!(selected.assemble(&Bytes::from(value.clone())), part);
            }
        }
    }
}

#[test]
fn a_list_that_is_cut_short_is_damaged() {
    for whole in [pack(&vec![1u8; 10_000]), pack(&vec!["some text"; 1000]), pack(&vec![1e9; 999])] {
        for end in [3, 4, 5, 100, 4095, 4096, 4097, 8192, whole.len() - 1] {
            let error = try_select(&whole[..end], "[-1]").unwrap_err();
            assert!(matches!(error, SelectError::Damaged { .. }), "{end}: {error}");
        }
    }
}

/// The part is the value that JSON can say.
#[track_caller]
fn check(value: &serde_json::Value, path: &str, expected: &serde_json::Value) {
    let value = pack(value);
    let part = try_select(&value, path).unwrap().assemble(&value);
    assert_eq!(rmp_serde::from_slice::<serde_json::Value>(&part).unwrap(), *expected);
}

#[track_caller]
fn check_error(value: &impl serde::Serialize, path: &str, expected: &str) {
    let error = try_select(&pack(value), path).unwrap_err();
    let hint = error.hint().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    assert_eq!(format!("{error}{hint}"), expected);
}

#[test]
fn fields_places_and_slices_name_parts() {
    let table = json!({
        "rows": [{"name": "a", "tags": [1, 2]}, {"name": "b", "tags": [3]}, {"name": "c", "tags": [4]}],
        "odd key": {"x": true},
    });
    check(&table, "", &table);
    check(&table, "rows[1].name", &json!("b"));
    check(&table, r#"["odd key"].x"#, &json!(true));
    check(&table, "rows[-1].tags", &json!([4]));
    check(&table, "rows[0:2].name", &json!(["a", "b"]));
    check(&table, "rows[:].tags[0]", &json!([1, 3, 4]));
    check(&table, "rows[::-1].name", &json!(["c", "b", "a"]));
    check(&table, "rows[1:][0].name", &json!("b"));
    check(&table, "rows[::2][1:].name", &json!(["c"]));
    check(&table, "rows[5:9]", &json!([]));
    check(&table, "rows[5:9].name", &json!([]));
    check(&json!([[[1, 2], [3]], [[4, 5]]]), "[:][0]", &json!([[1, 2], [3]]));
}

#[test]
fn strings_are_cut_between_characters() {
    check(&json!("größe"), "[2:4]", &json!("öß"));
    check(&json!("größe"), "[-1]", &json!("e"));
    check(&json!("größe"), "[::-1]", &json!("eßörg"));
    check(&json!("größe"), "[::2][1]", &json!("ö"));
    check(&json!("größe"), "[9:]", &json!(""));
}

#[test]
fn byte_strings_give_bytes_and_integers() {
    let value = pack(&serde_bytes::Bytes::new(&[10, 11, 12, 13]));
    let part = |path| try_select(&value, path).unwrap().assemble(&value);
    assert_eq!(part("[1:3]"), [0xc4, 2, 11, 12]);
    assert_eq!(part("[::-2]"), [0xc4, 2, 13, 11]);
    assert_eq!(part("[-1]"), [13]);
}

#[test]
fn maps_have_integer_keys() {
    let value = [0x83, 7, 0xc3, 0xff, 0xc2, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255, 0xc0];
    let part = |path| try_select(&value, path).unwrap().assemble(&value);
    assert_eq!(part("[7]"), [0xc3]);
    assert_eq!(part("[-1]"), [0xc2]);
    assert_eq!(part("[18446744073709551615]"), [0xc0]);
}

#[test]
fn arrays_give_arrays_and_plain_numbers() {
    let cube = Array::from_shape(vec![2, 3, 4], (0..24i16).collect()).unwrap();
    let value = pack(&cube);
    let numbers = |path| {
        let part = try_select(&value, path).unwrap().assemble(&value);
        let part: Array<i16> = rmp_serde::from_slice(&part).unwrap();
        (part.shape().to_vec(), part.into_data())
    };
    assert_eq!(numbers("[1, 2]"), (vec![4], vec![20, 21, 22, 23]));
    assert_eq!(numbers("[:, 0, 1:3]"), (vec![2, 2], vec![1, 2, 13, 14]));
    assert_eq!(numbers("[0][::-1][:, 0]"), (vec![3], vec![8, 4, 0]));
    assert_eq!(numbers("[:, :, 5:]"), (vec![2, 3, 0], vec![]));
    assert_eq!(try_select(&value, "[1, 2, 3]").unwrap().assemble(&value), [23]);
    assert_eq!(try_select(&value, "[-1][-1][-1]").unwrap().assemble(&value), [23]);
}

#[test]
fn the_big_parts_are_ranges_of_the_source() {
    let bytes = pack(&serde_bytes::Bytes::new(&[7; 1000]));
    let selection = try_select(&bytes, "[100:400]").unwrap();
    let header = Piece::Bytes(vec![0xc5, 1, 44]);
    assert_eq!(selection.pieces(), [header, Piece::Range(103..403)]);
    assert_eq!(selection.len(), 303);

    let table = pack(&json!({"a": 1, "rows": ["x".repeat(200), "y".repeat(200), "z"]}));
    let at = |text: &str| table.windows(3).position(|window| window == text.as_bytes()).unwrap();
    let (x, y) = (at("xxx") as u64 - 2, at("yyy") as u64 - 2);
    let one = try_select(&table, "rows[1]").unwrap();
    assert_eq!(one.as_range(), Some(y..y + 202));
    let some = try_select(&table, "rows[:2]").unwrap();
    assert_eq!(some.pieces(), [Piece::Bytes(vec![0x92]), Piece::Range(x..x + 404)]);
    let backwards = try_select(&table, "rows[1::-1]").unwrap();
    let pieces = [Piece::Bytes(vec![0x92]), Piece::Range(y..y + 202), Piece::Range(x..x + 202)];
    assert_eq!(backwards.pieces(), pieces);

    let matrix = pack(&Array::from_shape(vec![10, 100], vec![0u32; 1000]).unwrap());
    let rows = try_select(&matrix, "[2:5]").unwrap();
    let [Piece::Bytes(header), Piece::Range(range)] = rows.pieces() else {
        panic!("{rows:?}");
    };
    assert_eq!(header.len(), 4 + 2 + 16);
    assert_eq!(range.end - range.start, 3 * 400);
}

#[test]
fn small_parts_that_lie_apart_are_one_piece() {
    let rows: Vec<_> = (0..100).map(|n| json!({"name": n, "rest": "some text"})).collect();
    let selection = try_select(&pack(&rows), "[:].name").unwrap();
    assert!(matches!(selection.pieces(), [Piece::Bytes(bytes)] if bytes.len() == 103));
}

#[test]
fn an_error_says_which_step_failed_and_what_was_there() {
    let table = json!({
        "rows": [{"age": 1, "name": "x"}, {"age": 2, "neme": "y"}],
        "empty": {},
        "n": 1.5,
    });
    check_error(&table, "rows[0].nmae", "no field `nmae` at `rows[0]`; it has `name`, `age`");
    check_error(&table, "rows[:].name", "no field `name` at `rows[1]`; it has `neme`, `age`");
    check_error(&table, "rows[::-1].x.y", "no field `x` at `rows[1]`; it has `age`, `neme`");
    check_error(&table, "row", "no field `row`; it has `rows`, `n`, `empty`");
    check_error(&table, "empty.x", "no field `x` at `empty`; it has no keys");
    check_error(&table, "empty[7]", "no key 7 at `empty`; it has no keys");
    check_error(&table, "[0]", "no key 0; it has `empty`, `n`, `rows`");
    check_error(&table, "[0:1]", "a map has no part `[0:1]`");
    check_error(&table, "n.x", "a float has no field `x` at `n`");
    check_error(&table, "n[0]", "a float has no part `[0]` at `n`");
    check_error(&table, "rows[2]", "index 2 is out of range at `rows`: it has 2 elements");
    check_error(&table, "rows[1:][-2]", "index -2 is out of range at `rows[1:]`: it has 1 element");
    check_error(&table, "rows[0, 1]", "a list of 1 dimension takes no 2 indices at `rows`");
    check_error(
        &table,
        "rows.name",
        "a list has no field `name` at `rows`\nhint: `rows[:].name` takes the field of each element",
    );
    check_error(&"text", "x", "a string has no field `x`");
    check_error(&"text", "[0].x", "a string has no field `x` at `[0]`");
    check_error(&"text", "[4]", "index 4 is out of range: it has 4 elements");
}

#[test]
fn an_error_of_an_array_says_in_which_dimension() {
    let matrix = Array::from_shape(vec![2, 3], vec![0f64; 6]).unwrap();
    check_error(&matrix, "[1, 3]", "index 3 is out of range: it has 3 elements in dimension 2");
    check_error(&matrix, "[1][3]", "index 3 is out of range at `[1]`: it has 3 elements");
    check_error(&matrix, "[0, 0, 0]", "an array of 2 dimensions takes no 3 indices");
    check_error(&matrix, "[0, 0][0]", "a float has no part `[0]` at `[0,0]`");
    check_error(&matrix, "x", "an array has no field `x`");
}

#[test]
fn a_map_of_many_keys_names_the_nearest() {
    let map: std::collections::BTreeMap<_, _> = (0..20).map(|n| (format!("key{n}"), n)).collect();
    check_error(
        &map,
        "kex13",
        "no field `kex13`; it has `key13`, `key1`, `key10`, `key11`, `key12`, `key14`, `key15`, \
         `key16` and 12 more",
    );
}

#[test]
fn lengths_that_lie_are_damage() {
    #[track_caller]
    fn check(value: &[u8], path: &str, at: u64) {
        assert_eq!(try_select(value, path), Err(SelectError::Damaged { at }));
    }
    check(&[], "", 0);
    check(&[0xc1], "", 0);
    check(&[0xc6, 255, 255, 255, 255, 1], "[0]", 0);
    check(&[0xdd, 255, 255, 255, 255, 1], "[1:].x", 6);
    check(&[0xdd, 255, 255, 255, 255, 1], "[::-1]", 6);
    check(&[0xdf, 255, 255, 255, 255, 1], "x", 6);
    check(&[0xc7, 3, 2, 1, 1, 0], "[0]", 0);
}

#[test]
fn an_array_without_elements_may_be_of_any_shape() {
    let mut value = vec![0xc7, 26, 2, 10, 3];
    [1u64 << 63, 0, 1 << 63].iter().for_each(|len| value.extend(len.to_le_bytes()));
    let part = |path| scan(&try_select(&value, path).unwrap().assemble(&value)).map(|_| ());
    assert_eq!(part("[::-1, :, 7]"), Ok(()));
    assert_eq!(part("[9223372036854775807]"), Ok(()));
    assert_eq!(part("[::3][1]"), Ok(()));
}

#[test]
fn what_is_copied_together_has_a_cap() {
    // Claims more elements than there could be, so that only the claim is big.
    let read = |at: u64, len: usize| {
        let mut block = vec![0; len];
        if at == 0 {
            block[..5].copy_from_slice(&[0xc6, 255, 255, 255, 255]);
        }
        Ok::<_, Infallible>(Bytes::from(block))
    };
    let source = Blocks::new(5 + u64::from(u32::MAX), BLOCK, read);
    let every_eighth: Path = "[::8]".parse().unwrap();
    assert_eq!(select(source, &every_eighth), Err(SelectError::Scattered));
    assert!(u64::from(u32::MAX) / 8 > caps::SCATTERED_BYTES);
}

#[test]
fn big_byte_strings_on_the_way_are_not_read() {
    let mut value = vec![0x93, 0xc6, 0, 0x10, 0, 0];
    value.resize(6 + 0x10_0000, 0xee);
    value.extend([0xc3, 0x91, 5]);
    let read = Cell::new(0);
    let source = Blocks::new(value.len() as u64, BLOCK, |at: u64, len: usize| {
        read.set(read.get() + len);
        Ok::<_, Infallible>(Bytes::copy_from_slice(&value[at as usize..at as usize + len]))
    });
    let selection = select(source, &"[2][0]".parse().unwrap()).unwrap();
    assert_eq!(selection.assemble(&value), [5]);
    assert!(read.get() <= 3 * 64 * 1024, "{} bytes were read", read.get());
}

#[test]
fn what_storage_says_is_told() {
    let source =
        Blocks::new(9, BLOCK, |_, _| Err::<Bytes, _>(std::io::Error::other("disk on fire")));
    let error = select(source, &"[0]".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "reading the value failed");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "disk on fire");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn selecting_is_what_it_is_on_decoded_values(
        (node, path) in model::node_and_path(), other in model::path(), wide: bool,
    ) {
        let mut value = Vec::new();
        node.encode(wide, &mut value);
        for path in [path, other] {
            let expected = node.select(path.steps());
            match select(&value[..], &path) {
                Err(error) => prop_assert_eq!(expected, None, "{} failed: {}", path, error),
                Ok(selection) => {
                    let part = selection.assemble(&value);
                    prop_assert_eq!(part.len() as u64, selection.len());
                    prop_assert!(scan(&part).is_ok());
                    prop_assert_eq!(Some(Node::decode(&part)), expected, "{}", path);
                }
            }
        }
    }

    #[test]
    fn blocks_select_the_same_as_memory((node, path) in model::node_and_path()) {
        let mut value = Vec::new();
        // Puts block borders inside of what is selected.
        Node::Bytes(vec![0; 65_500]).encode(false, &mut value);
        let start = value.len();
        node.encode(false, &mut value);
        let bytes = Bytes::from([&[0x92], &value[..]].concat());
        let path: Path = format!("[1]{}", after_a_step(&path)).parse().unwrap();
        let source = Blocks::new(bytes.len() as u64, BLOCK, |at: u64, len: usize| {
            Ok::<_, Infallible>(bytes.slice(at as usize..at as usize + len))
        });
        prop_assert!(start > 65_000);
        prop_assert_eq!(select(source, &path), select(&bytes[..], &path));
    }

    #[test]
    fn any_bytes_and_any_path_give_a_part_or_an_error(
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), 0x80u8..0xa4, 0xc0u8..0xe0, Just(2), Just(b'a')], 0..64,
        ),
        path in model::path(),
    ) {
        if let Ok(selection) = select(&bytes[..], &path) {
            let part = selection.assemble(&bytes);
            prop_assert_eq!(part.len() as u64, selection.len());
            if scan(&bytes).is_ok() {
                prop_assert!(!matches!(scan(&part), Err(ScanError::Truncated)));
                prop_assert!(scan(&part).is_ok());
            }
        }
    }

    #[test]
    fn a_value_cut_short_gives_a_part_or_an_error(
        (node, path) in model::node_and_path(), cut in 0.0..1.0f64,
    ) {
        let mut value = Vec::new();
        node.encode(false, &mut value);
        value.truncate((value.len() as f64 * cut) as usize);
        if let Ok(selection) = select(&value[..], &path) {
            let part = selection.assemble(&value);
            prop_assert!(scan(&part).is_ok());
        }
    }
}

/// A path's text where it goes on from another step.
fn after_a_step(path: &Path) -> String {
    path.steps().iter().map(ToString::to_string).collect()
}
