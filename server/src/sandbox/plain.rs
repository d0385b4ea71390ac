//! Plain core modules: exported functions over numbers, called as they are.

use farside_protocol::manifest::{Function, Param, Schema, TypeName};
use farside_protocol::value::{Head, check_arguments, scan};
use farside_protocol::{ErrorCode, Failure};
use wasmtime::{FuncType, Store, Val, ValType};

use super::arguments::Arguments;
use super::fault::{self, Fault};
use super::host::Host;

/// Largest argument list of a plain function: numbers only.
const ARGUMENT_BYTES: usize = 64 * 1024;

/// The description of an exported function, if it is over numbers only.
pub(super) fn describe(name: &str, ty: &FuncType) -> Option<Function> {
    let params = ty
        .params()
        .enumerate()
        .map(|(place, ty)| {
            let schema = schema(&ty)?;
            Some(Param { name: format!("arg{place}"), schema, optional: false })
        })
        .collect::<Option<Vec<_>>>()?;
    let mut results = ty.results().map(|ty| schema(&ty)).collect::<Option<Vec<_>>>()?;
    let result = match results.len() {
        0 => Schema::of(TypeName::Null),
        1 => results.remove(0),
        _ => Schema { prefix_items: results, ..Schema::of(TypeName::Array) },
    };
    Some(Function { name: name.to_owned(), params, result, ..Function::default() })
}

fn schema(ty: &ValType) -> Option<Schema> {
    let (name, format) = match ty {
        ValType::I32 => (TypeName::Integer, "int32"),
        ValType::I64 => (TypeName::Integer, "int64"),
        ValType::F32 => (TypeName::Number, "float"),
        ValType::F64 => (TypeName::Number, "double"),
        ValType::V128 | ValType::Ref(_) => return None,
    };
    Some(Schema::of(name).with_format(format))
}

pub(super) async fn call(
    store: &mut Store<Host>,
    func: wasmtime::Func,
    arguments: &Arguments,
    description: &Function,
) -> Result<Vec<u8>, Fault> {
    let ty = func.ty(&*store);
    let params = decode(arguments, &ty, description)?;
    let mut results = vec![Val::I32(0); ty.results().len()];
    if let Err(error) = func.call_async(&mut *store, &params, &mut results).await {
        return Err(fault::from_wasmtime(&error, store.data_mut()));
    }
    Ok(encode(&results))
}

fn decode(arguments: &Arguments, ty: &FuncType, description: &Function) -> Result<Vec<Val>, Fault> {
    let wrong = |message: String| Fault::orderly(Failure::new(ErrorCode::InvalidArgument, message));
    if arguments.len() > ARGUMENT_BYTES {
        let name = &description.name;
        return Err(wrong(format!("{name} takes numbers, not {} bytes", arguments.len())));
    }
    let bytes = arguments.to_vec();
    scan(&bytes).map_err(|error| wrong(error.to_string()))?;
    let reordered =
        check_arguments(description, &bytes).map_err(|error| wrong(error.to_string()))?;
    let bytes = reordered.as_deref().unwrap_or(&bytes);
    let mut at = Head::read(bytes).map_or(0, |head| head.len);
    ty.params()
        .map(|ty| {
            let head = bytes.get(at..).and_then(Head::read);
            at += head.map_or(0, |head| head.len);
            head.and_then(|head| number(&ty, &head))
                .ok_or_else(|| wrong(format!("{} takes numbers", description.name)))
        })
        .collect()
}

fn number(ty: &ValType, head: &Head) -> Option<Val> {
    match ty {
        ValType::I32 => i32::try_from(head.integer()?).ok().map(Val::I32),
        ValType::I64 => i64::try_from(head.integer()?).ok().map(Val::I64),
        ValType::F32 => head.number().map(|number| Val::F32((number as f32).to_bits())),
        ValType::F64 => head.number().map(|number| Val::F64(number.to_bits())),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

fn encode(results: &[Val]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + 9 * results.len());
    if results.len() != 1 {
        match results.len() {
            0 => out.push(0xc0),
            len => out.extend_from_slice(&[0xdc, (len >> 8) as u8, len as u8]),
        }
    }
    for result in results {
        match result {
            Val::I32(number) => put_integer(&mut out, i64::from(*number)),
            Val::I64(number) => put_integer(&mut out, *number),
            Val::F32(bits) => {
                out.push(0xca);
                out.extend_from_slice(&bits.to_be_bytes());
            }
            Val::F64(bits) => {
                out.push(0xcb);
                out.extend_from_slice(&bits.to_be_bytes());
            }
            // `describe` lets no function with other results through.
            _ => out.push(0xc0),
        }
    }
    out
}

fn put_integer(out: &mut Vec<u8>, number: i64) {
    match number {
        0..=0x7f => out.push(number as u8),
        -32..=-1 => out.push(number as i8 as u8),
        _ => {
            out.push(0xd3);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}
