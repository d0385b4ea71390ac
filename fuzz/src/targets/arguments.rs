//! Arguments as guests decode them, by the SDK's decoder built for this machine: any bytes
//! are arguments of some type or an error, and what is decoded is encoded as a value.

use std::collections::{BTreeMap, HashMap};

use farside_guest::glue::{Call, Failed, ReturnsValue as _, Type, answer};
use farside_guest::{Array, Bytes, Raw};
use farside_protocol::value::scan;
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Point {
    x: f64,
    y: Option<i32>,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Dot(Point),
    Line(Point, Point),
    Named { name: String, inner: Option<Box<Shape>> },
}

#[derive(Debug, Serialize, Deserialize)]
struct Unit;

/// A body that takes one argument of a type and gives it back.
macro_rules! echo {
    ($($Type:ty),* $(,)?) => {
        [$({
            let body: fn(&mut Call<'_>) -> Result<(), Failed> = |call| {
                let value: $Type = call.argument("value")?;
                (&Type::of(&value)).returns().answer(value, call)
            };
            body
        }),*]
    };
}

/// Arguments for functions of many types.
///
/// # Panics
/// When an answer to proper arguments is no value.
pub fn arguments(data: &[u8]) {
    let are_a_value = scan(data).is_ok();
    let bodies = echo![
        bool,
        u8,
        i64,
        u128,
        i128,
        f32,
        f64,
        char,
        String,
        Option<i16>,
        Vec<u8>,
        Vec<f64>,
        Vec<Vec<u16>>,
        (i8, String, bool),
        [u32; 3],
        BTreeMap<String, i64>,
        HashMap<u16, Vec<bool>>,
        BTreeMap<i32, Option<String>>,
        Point,
        Vec<Shape>,
        Unit,
        Bytes,
        Raw,
        Vec<Raw>,
        Array<f64>,
        Array<u8>,
        Array<i16>,
    ];
    for body in bodies {
        let (given, _failed) = answer(data, 1, body);
        assert!(!are_a_value || scan(&given).is_ok(), "{data:02x?} gives {given:02x?}");
    }
}
