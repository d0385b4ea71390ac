//! Values of the wire as values of the language, and back.

use evaluator_common::array::NdArray;
use evaluator_common::value::{DEPTH, Item, Malformed, Reader, Timestamp, Writer};
use evaluator_common::{EvalError, Objects};
use farside_guest::Raw;
use malachite_bigint::BigInt;
use num_traits::ToPrimitive as _;
use rustpython_vm::builtins::{
    PyByteArray, PyBytes, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyMemoryView, PySet, PyStr,
    PyTuple,
};
use rustpython_vm::function::ArgBytesLike;
use rustpython_vm::{
    AsObject as _, PyObject, PyObjectRef, PyPayload as _, TryFromBorrowedObject as _,
    VirtualMachine,
};

use crate::array::PyNdArray;
use crate::failure::Failure;

/// The functions of `boot.py` for what is neither Rust's nor the language's own.
#[derive(Clone)]
pub(crate) struct Forms {
    pub(crate) describe: PyObjectRef,
    pub(crate) moment: PyObjectRef,
}

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Failure {
        Failure::Other(EvalError::new("TypeError", "a binding is no proper value"))
    }
}

/// Reads one value.
pub(crate) fn read(
    vm: &VirtualMachine,
    forms: &Forms,
    objects: &Objects<PyObjectRef>,
    bytes: &[u8],
) -> Result<PyObjectRef, Failure> {
    Reading { vm, forms, objects, reader: Reader::new(bytes) }.value(Place::Value)
}

struct Reading<'a> {
    vm: &'a VirtualMachine,
    forms: &'a Forms,
    objects: &'a Objects<PyObjectRef>,
    reader: Reader<'a>,
}

/// Where a value stands: a map's key is made such that it can be one.
#[derive(Clone, Copy)]
enum Place {
    Key,
    Value,
}

impl Reading<'_> {
    fn value(&mut self, place: Place) -> Result<PyObjectRef, Failure> {
        let ctx = &self.vm.ctx;
        Ok(match self.reader.next_item()? {
            Item::Nil => ctx.none(),
            Item::Bool(value) => ctx.new_bool(value).into(),
            Item::Integer(value) => ctx.new_int(value).into(),
            Item::BigInteger(bytes) => ctx.new_bigint(&BigInt::from_signed_bytes_be(bytes)).into(),
            Item::Float(value) => ctx.new_float(value).into(),
            Item::Text(text) => ctx.new_str(text).into(),
            Item::Bytes(bytes) => ctx.new_bytes(bytes.to_vec()).into(),
            Item::List(len) => {
                let mut items = Vec::with_capacity(len);
                for _ in 0..len {
                    items.push(self.value(place)?);
                }
                match place {
                    Place::Key => self.vm.ctx.new_tuple(items).into(),
                    Place::Value => self.vm.ctx.new_list(items).into(),
                }
            }
            Item::Map(len) => {
                let map = ctx.new_dict();
                for _ in 0..len {
                    let key = self.value(Place::Key)?;
                    let value = self.value(Place::Value)?;
                    map.set_item(&*key, value, self.vm)?;
                }
                map.into()
            }
            Item::Array(body) => {
                let array = NdArray::decode(body).map_err(|_| Malformed)?;
                PyNdArray::from(array).into_pyobject(self.vm)
            }
            Item::Timestamp(Timestamp { seconds, nanoseconds }) => {
                self.forms.moment.call((seconds, nanoseconds), self.vm)?
            }
            Item::Object(id) => match self.objects.get(id) {
                Some(object) => object.clone(),
                None => return Err(Failure::Other(EvalError::no_object(id))),
            },
            Item::Unknown(number) => {
                let text = format!("a binding holds an unknown extension, {number}");
                return Err(Failure::Other(EvalError::new("TypeError", text)));
            }
        })
    }
}

/// Writes one value.
pub(crate) fn write(vm: &VirtualMachine, forms: &Forms, value: &PyObject) -> Result<Raw, Failure> {
    let mut writing = Writing { vm, forms, writer: Writer::new(), path: Vec::new() };
    writing.value(value)?;
    Ok(Raw::from_bytes(writing.writer.into_bytes()))
}

struct Writing<'a> {
    vm: &'a VirtualMachine,
    forms: &'a Forms,
    writer: Writer,
    /// The way to the value that is written.
    path: Vec<Step>,
}

enum Step {
    Place(usize),
    Key(PyObjectRef),
}

impl Writing<'_> {
    fn value(&mut self, value: &PyObject) -> Result<(), Failure> {
        let vm = self.vm;
        if vm.is_none(value) {
            self.writer.nil();
        } else if value.class().is(vm.ctx.types.bool_type) {
            self.writer.bool(value.is(&vm.ctx.true_value));
        } else if let Some(integer) = value.downcast_ref::<PyInt>() {
            self.integer(integer.as_bigint());
        } else if let Some(float) = value.downcast_ref::<PyFloat>() {
            self.writer.float(float.to_f64());
        } else if let Some(text) = value.downcast_ref::<PyStr>() {
            let Some(text) = text.to_str() else {
                return Err(self.not_plain("a text with surrogates"));
            };
            self.writer.text(text);
        } else if let Some(bytes) = value.downcast_ref::<PyBytes>() {
            self.writer.bytes(bytes.as_bytes());
        } else if let Some(array) = value.downcast_ref::<PyNdArray>() {
            self.writer.array(&array.read());
        } else if value.downcast_ref::<PyByteArray>().is_some()
            || value.downcast_ref::<PyMemoryView>().is_some()
        {
            let bytes = ArgBytesLike::try_from_borrowed_object(vm, value)?;
            self.writer.bytes(&bytes.borrow_buf());
        } else if self.path.len() >= DEPTH {
            return Err(self.not_plain("what is nested too deep, or in itself"));
        } else if let Some(list) = value.downcast_ref::<PyList>() {
            // Copied: writing an item may run code that changes the list.
            let items = list.borrow_vec().to_vec();
            self.list(&items)?;
        } else if let Some(tuple) = value.downcast_ref::<PyTuple>() {
            self.list(tuple.as_slice())?;
        } else if let Some(map) = value.downcast_ref::<PyDict>() {
            let entries: Vec<_> = map.into_iter().collect();
            self.writer.map(entries.len());
            for (key, value) in entries {
                self.path.push(Step::Key(key.clone()));
                self.value(&key)?;
                self.value(&value)?;
                self.path.pop();
            }
        } else if let Some(set) = value.downcast_ref::<PySet>() {
            self.list(&set.elements())?;
        } else if let Some(set) = value.downcast_ref::<PyFrozenSet>() {
            self.list(&set.elements())?;
        } else {
            self.described(value)?;
        }
        Ok(())
    }

    fn integer(&mut self, integer: &BigInt) {
        match integer.to_i64() {
            Some(integer) => self.writer.integer(integer.into()),
            None => self.writer.big_integer(&integer.to_signed_bytes_be()),
        }
    }

    fn list(&mut self, items: &[PyObjectRef]) -> Result<(), Failure> {
        self.writer.list(items.len());
        for (place, item) in items.iter().enumerate() {
            self.path.push(Step::Place(place));
            self.value(item)?;
            self.path.pop();
        }
        Ok(())
    }

    /// What `boot.py` knows to be like something plain, or says what it is.
    fn described(&mut self, value: &PyObject) -> Result<(), Failure> {
        let vm = self.vm;
        let described = self.forms.describe.call((value.to_owned(),), vm)?;
        let parts = match described.downcast_ref::<PyTuple>() {
            Some(parts) => parts.as_slice(),
            None => &[],
        };
        let [kind, rest @ ..] = parts else { return Err(self.not_plain("an object")) };
        match (&*kind.str(vm)?.to_string_lossy(), rest) {
            ("value", [value]) => self.value(value),
            ("moment", [seconds, nanoseconds]) => {
                let seconds = seconds.try_to_value(vm)?;
                let nanoseconds = nanoseconds.try_to_value(vm)?;
                self.writer.timestamp(Timestamp { seconds, nanoseconds });
                Ok(())
            }
            ("no", [what]) => Err(self.not_plain(&what.str(vm)?.to_string_lossy())),
            _ => Err(self.not_plain("an object")),
        }
    }

    fn not_plain(&self, what: &str) -> Failure {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Place(place) => path.push_str(&format!("[{place}]")),
                Step::Key(key) => match key.repr(self.vm) {
                    Ok(key) => path.push_str(&format!("[{}]", key.to_string_lossy())),
                    Err(_) => path.push_str("[?]"),
                },
            }
        }
        Failure::not_plain(what, &path)
    }
}
