//! What arrays are made of and give: numbers, indices, nested lists, exceptions.

use evaluator_common::array::{
    ArrayError, Index, NdArray, Operand, Operation, Scalar, dtype_named,
};
use farside_protocol::array::Dtype;
use num_traits::ToPrimitive as _;
use rustpython_vm::builtins::{
    PyBaseExceptionRef, PyFloat, PyInt, PyList, PySlice, PyStrRef, PyTuple,
};
use rustpython_vm::{
    AsObject as _, PyObject, PyObjectRef, PyPayload as _, PyResult, VirtualMachine,
};

use super::PyNdArray;

pub(super) fn raise(vm: &VirtualMachine, error: &ArrayError) -> PyBaseExceptionRef {
    let text = error.to_string();
    match error {
        ArrayError::Shape(_) => vm.new_value_error(text),
        ArrayError::Index(_) => vm.new_index_error(text),
        ArrayError::Type(_) => vm.new_type_error(text),
        ArrayError::Overflow(_) => vm.new_overflow_error(text),
        ArrayError::DivisionByZero => vm.new_zero_division_error(text),
        ArrayError::Memory => vm.new_memory_error(text),
    }
}

pub(super) fn object(vm: &VirtualMachine, array: Result<NdArray, ArrayError>) -> PyResult {
    let array = array.map_err(|error| raise(vm, &error))?;
    Ok(PyNdArray::from(array).into_pyobject(vm))
}

pub(super) fn number(vm: &VirtualMachine, scalar: Scalar) -> PyObjectRef {
    match scalar {
        Scalar::Bool(bit) => vm.ctx.new_bool(bit).into(),
        Scalar::Integer(integer) => vm.ctx.new_int(integer).into(),
        Scalar::Float(float) => vm.ctx.new_float(float).into(),
    }
}

/// The number that an object is, if it is one.
pub(super) fn scalar(vm: &VirtualMachine, value: &PyObject) -> Option<Scalar> {
    if let Some(float) = value.downcast_ref::<PyFloat>() {
        return Some(Scalar::Float(float.to_f64()));
    }
    if value.class().is(vm.ctx.types.bool_type) {
        return Some(Scalar::Bool(value.is(&vm.ctx.true_value)));
    }
    let integer = value.downcast_ref::<PyInt>()?.as_bigint();
    let float = || integer.to_f64().map(Scalar::Float);
    integer.to_i128().map(Scalar::Integer).or_else(float)
}

/// Does something with an object as one side of an operation; none if it cannot
/// be one.
pub(super) fn with_operand<T>(
    vm: &VirtualMachine,
    value: &PyObject,
    f: impl FnOnce(Operand<'_>) -> T,
) -> Option<T> {
    if let Some(array) = value.downcast_ref::<PyNdArray>() {
        return Some(f(Operand::Array(&array.read())));
    }
    scalar(vm, value).map(|number| f(Operand::Number(number)))
}

pub(super) fn calculate(
    left: &PyObject,
    operation: Operation,
    right: &PyObject,
    vm: &VirtualMachine,
) -> PyResult {
    let result = with_operand(vm, left, |left| {
        with_operand(vm, right, |right| NdArray::calculate(left, operation, right))
    });
    match result.flatten() {
        Some(result) => object(vm, result),
        None => Ok(vm.ctx.not_implemented()),
    }
}

pub(super) fn dtype(vm: &VirtualMachine, name: Option<PyStrRef>) -> PyResult<Option<Dtype>> {
    let Some(name) = name else { return Ok(None) };
    let name = name.to_string_lossy();
    let known = dtype_named(&name);
    known.map(Some).ok_or_else(|| {
        let names: Vec<&str> = Dtype::ALL.iter().map(|dtype| dtype.name()).collect();
        vm.new_type_error(format!("no element type {name:?}: there are {}", names.join(", ")))
    })
}

fn index(vm: &VirtualMachine, needle: &PyObject) -> PyResult<Index> {
    if let Some(slice) = needle.downcast_ref::<PySlice>() {
        let part = |part: Option<&PyObject>| -> PyResult<Option<isize>> {
            match part {
                Some(part) if !vm.is_none(part) => {
                    let place = part.try_index(vm)?;
                    let place = place.as_bigint();
                    let end = if place.sign() == malachite_bigint::Sign::Minus {
                        isize::MIN
                    } else {
                        isize::MAX
                    };
                    Ok(Some(place.to_isize().unwrap_or(end)))
                }
                _ => Ok(None),
            }
        };
        return Ok(Index::Slice {
            start: part(slice.start.as_deref())?,
            stop: part(Some(&*slice.stop))?,
            step: part(slice.step.as_deref())?,
        });
    }
    let place = needle.try_index(vm)?;
    let place = place.as_bigint().to_isize();
    place.map(Index::At).ok_or_else(|| vm.new_index_error("index is too large".to_owned()))
}

pub(super) fn indices(vm: &VirtualMachine, needle: &PyObject) -> PyResult<Vec<Index>> {
    match needle.downcast_ref::<PyTuple>() {
        Some(needles) => needles.as_slice().iter().map(|one| index(vm, one)).collect(),
        None => Ok(vec![index(vm, needle)?]),
    }
}

/// Reads nested lists: the shape from the first of each, and all numbers.
pub(super) fn flatten(
    vm: &VirtualMachine,
    value: &PyObject,
    depth: usize,
    shape: &mut Vec<usize>,
    numbers: &mut Vec<Scalar>,
) -> PyResult<()> {
    let items = if let Some(list) = value.downcast_ref::<PyList>() {
        list.borrow_vec().to_vec()
    } else if let Some(tuple) = value.downcast_ref::<PyTuple>() {
        tuple.as_slice().to_vec()
    } else if let Some(number) = scalar(vm, value) {
        if depth != shape.len() {
            return Err(ragged(vm));
        }
        numbers.push(number);
        return Ok(());
    } else if depth == 0 {
        value.to_owned().try_to_value::<Vec<PyObjectRef>>(vm)?
    } else {
        let class = value.class();
        return Err(vm.new_type_error(format!("a {} is no number", class.name())));
    };
    if depth == shape.len() && numbers.is_empty() {
        shape.push(items.len());
    } else if shape.get(depth) != Some(&items.len()) {
        return Err(ragged(vm));
    }
    if depth > farside_protocol::array::DIMENSIONS {
        return Err(vm.new_value_error("lists nested too deep for an array".to_owned()));
    }
    items.iter().try_for_each(|item| flatten(vm, item, depth + 1, shape, numbers))
}

fn ragged(vm: &VirtualMachine) -> PyBaseExceptionRef {
    vm.new_value_error("an array needs lists of equal length".to_owned())
}

pub(super) fn to_list(
    vm: &VirtualMachine,
    array: &NdArray,
    shape: &[usize],
    begin: usize,
) -> PyObjectRef {
    let [len, inner @ ..] = shape else { return number(vm, array.at(begin)) };
    let size: usize = inner.iter().product();
    let items = (0..*len).map(|place| to_list(vm, array, inner, begin + place * size));
    vm.ctx.new_list(items.collect()).into()
}
