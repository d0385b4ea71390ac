use farside_protocol::array::{Array, ArrayHeader, Dtype, Element};
use farside_protocol::value::{Kind, scan};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[track_caller]
fn check_bytes<T: Element>(array: &Array<T>, expected: &[u8]) {
    let bytes = rmp_serde::to_vec(array).unwrap();
    assert_eq!(bytes, expected);
    assert_eq!(scan(&bytes).map(|found| found.kind), Ok(Kind::Array));
}

#[track_caller]
fn check_error<T: Element + std::fmt::Debug>(bytes: &[u8], expected: &str) {
    let error = rmp_serde::from_slice::<Array<T>>(bytes).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_array_is_its_header_and_its_elements() {
    let matrix = Array::from_shape(vec![1, 2], vec![0x0102i16, -1]).unwrap();
    let header = [0xc7, 22, 2, 4, 2, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0];
    check_bytes(&matrix, &[&header[..], &[2, 1, 0xff, 0xff]].concat());
    check_bytes(&Array::from_shape(vec![], vec![7u8]).unwrap(), &[0xc7, 3, 2, 1, 0, 7]);
    check_bytes(&Array::<f64>::from(vec![]), &[0xc7, 10, 2, 10, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_shape_fits_its_elements() {
    assert!(Array::from_shape(vec![2, 2], vec![0u8; 3]).is_none());
    assert!(Array::from_shape(vec![usize::MAX, 2], vec![0u8; 3]).is_none());
    assert!(Array::from_shape(vec![1; 32], vec![0u8]).is_some());
    assert!(Array::from_shape(vec![1; 33], vec![0u8]).is_none());
}

#[test]
fn what_is_no_such_array_is_said() {
    let floats = rmp_serde::to_vec(&Array::from(vec![1f32])).unwrap();
    check_error::<f64>(&floats, "an array of f32, expected an array of f64");
    check_error::<u8>(&[0xd4, 9, 0], "extension 9 is no array");
    check_error::<u8>(&[0xd5, 2, 1, 1], "an array shorter than its header");
    check_error::<u8>(&[0xd5, 2, 99, 0], "an array of unknown element type");
    check_error::<u8>(&[0xd5, 2, 1, 0], "an array whose shape does not fit its bytes");
    assert!(rmp_serde::from_slice::<Array<u8>>(&[0xa1, b'x']).is_err());
}

#[test]
fn lists_are_an_array_too() {
    #[track_caller]
    fn check(list: &impl Serialize, shape: &[usize], data: &[i16]) {
        let bytes = rmp_serde::to_vec(list).unwrap();
        let array: Array<i16> = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!((array.shape(), array.data()), (shape, data));
    }
    check(&json!([]), &[0], &[]);
    check(&json!([1, -2, 300]), &[3], &[1, -2, 300]);
    check(&json!([[1, 2, 3], [4, 5, 6]]), &[2, 3], &[1, 2, 3, 4, 5, 6]);
    check(&json!([[[]], [[]]]), &[2, 1, 0], &[]);
    let deepest = (0..32).fold(json!(7), |inner, _| json!([inner]));
    check(&deepest, &[1; 32], &[7]);
}

#[test]
fn lists_that_are_no_array_are_said() {
    #[track_caller]
    fn error(list: serde_json::Value) -> String {
        let bytes = rmp_serde::to_vec(&list).unwrap();
        rmp_serde::from_slice::<Array<u8>>(&bytes).unwrap_err().to_string()
    }
    insta::assert_snapshot!(error(json!([1, 300])), @"invalid value: integer `300`, expected u8");
    insta::assert_snapshot!(error(json!([1, [2]])), @"invalid type: sequence, expected u8");
    insta::assert_snapshot!(
        error(json!([[1], 2])),
        @"invalid type: integer `2`, expected a list of 1"
    );
    insta::assert_snapshot!(
        error(json!([[], [1]])),
        @"a list of 1 beside one of 0; those of an array are equally long"
    );
    insta::assert_snapshot!(
        error(json!([[], [[]]])),
        @"a list of 1 beside one of 0; those of an array are equally long"
    );
    insta::assert_snapshot!(
        error(json!([[1, 2], [3]])),
        @"a list of 1 beside one of 2; those of an array are equally long"
    );
    let too_deep = (0..33).fold(json!(7), |inner, _| json!([inner]));
    insta::assert_snapshot!(error(too_deep), @"lists nested deeper than an array has dimensions");
}

#[test]
fn element_types_have_their_numbers() {
    for dtype in Dtype::ALL {
        assert_eq!(Dtype::from_number(dtype.number()), Some(*dtype));
    }
    let all: Vec<_> = Dtype::ALL
        .iter()
        .map(|dtype| format!("{} {} {}", dtype.number(), dtype.name(), dtype.size()))
        .collect();
    let expected = "1 u8 1, 2 i8 1, 3 u16 2, 4 i16 2, 5 u32 4, 6 i32 4, 7 u64 8, 8 i64 8, \
                    9 f32 4, 10 f64 8, 11 bool 1";
    assert_eq!(all.join(", "), expected);
}

#[test]
fn a_header_that_overflows_is_refused() {
    let header = ArrayHeader { dtype: Dtype::U64, shape: vec![1 << 61] };
    assert_eq!(header.data_len(), None);
    let mut bytes = Vec::new();
    header.encode(&mut bytes);
    let error = Err("an array whose shape does not fit its bytes");
    assert_eq!(ArrayHeader::decode(&bytes, bytes.len() as u64), error);
    assert_eq!(ArrayHeader::decode(&bytes, u64::MAX), error);
}

/// A struct with arrays in it, beside other things.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Frame {
    name: String,
    pixels: Array<u8>,
    weights: Option<Array<f32>>,
    rows: Vec<Array<i64>>,
}

fn array<T>() -> impl Strategy<Value = Array<T>>
where
    T: Element + Arbitrary,
{
    prop::collection::vec(0usize..5, 0..4).prop_flat_map(|shape| {
        let count = shape.iter().product::<usize>();
        prop::collection::vec(any::<T>(), count).prop_map(move |data| {
            Array::from_shape(shape.clone(), data).expect("as many as the shape says")
        })
    })
}

macro_rules! survives {
    ($($name:ident: $T:ident),*) => {
        proptest! {$(
            #[test]
            fn $name(array in array::<$T>()) {
                let bytes = rmp_serde::to_vec(&array).unwrap();
                let again: Array<$T> = rmp_serde::from_slice(&bytes).unwrap();
                prop_assert_eq!(again, array);
            }
        )*}
    };
}
survives!(
    u8_survives: u8, i8_survives: i8, u16_survives: u16, i16_survives: i16, u32_survives: u32,
    i32_survives: i32, u64_survives: u64, i64_survives: i64, f32_survives: f32, f64_survives: f64
);

proptest! {
    #[test]
    fn arrays_survive_inside_of_structs(
        name: String,
        pixels in array::<u8>(),
        weights in prop::option::of(array::<f32>()),
        rows in prop::collection::vec(array::<i64>(), 0..3),
    ) {
        let frame = Frame { name, pixels, weights, rows };
        let bytes = rmp_serde::to_vec_named(&frame).unwrap();
        prop_assert!(scan(&bytes).is_ok());
        prop_assert_eq!(rmp_serde::from_slice::<Frame>(&bytes).unwrap(), frame);
    }

    #[test]
    fn any_bytes_are_an_array_or_an_error(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..4], 0..40),
    ) {
        let extension = [&[0xc7, bytes.len() as u8, 2], &bytes[..]].concat();
        let decoded = rmp_serde::from_slice::<Array<u16>>(&extension);
        prop_assert!(decoded.is_err() || scan(&extension).is_ok());
    }
}
