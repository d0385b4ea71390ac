//! Parameters and results of many types, under names that the macro also uses.

#![forbid(unsafe_code)]
#![deny(warnings)]

use std::borrow::Cow;
use std::collections::HashMap;

use farside_guest::serde::{Deserialize, Serialize};
use farside_guest::{Array, Bytes, function};

mod glue {
    #[derive(super::Serialize, super::Deserialize)]
    pub struct Call {
        pub name: String,
    }
}

#[derive(Serialize)]
struct OneWay;

type Outcome<T> = Result<T, String>;

/// Names that the macro's own must not meet.
#[function]
fn call(call: glue::Call, address: u32, len: u32, value: i8) -> glue::Call {
    let _ = (address, len, value);
    call
}

#[function]
fn describe(mut function: String, r#type: Option<&str>) -> Outcome<String> {
    function.push_str(r#type.ok_or("no type")?);
    Ok(function)
}

#[function]
pub fn r#move(bytes: &[u8], text: Cow<'_, str>) -> Bytes {
    Bytes::from([bytes, text.as_bytes()].concat())
}

#[function(pure)]
pub(crate) fn arrays(a: Array<f64>, b: HashMap<String, Vec<(u8, Option<bool>)>>) -> Array<f64> {
    let _ = b;
    a
}

#[function]
fn one_way() -> Result<OneWay, OneWay> {
    Err(OneWay)
}

#[function]
fn nothing() {}

#[function]
fn first_line(text: &str) -> &str {
    text
}

fn main() {}
