//! The module `farside`: arrays of numbers, without an object for each.

mod objects;

pub(crate) use farside::{PyNdArray, module_def};

#[rustpython_vm::pymodule]
mod farside {
    use evaluator_common::array::{
        Comparison, Index, NdArray, Operand, Operation, Scalar, Selected,
    };
    use farside_protocol::array::Dtype;
    use rustpython_vm::builtins::{PyInt, PyStrRef, PyType};
    use rustpython_vm::common::lock::{PyRwLock, PyRwLockReadGuard};
    use rustpython_vm::function::{Either, OptionalArg, PosArgs, PyComparisonValue};
    use rustpython_vm::protocol::{PyIterReturn, PyMappingMethods, PyNumberMethods};
    use rustpython_vm::types::{
        AsMapping, AsNumber, Comparable, Constructor, IterNext, Iterable, PyComparisonOp,
        Representable, SelfIter,
    };
    use rustpython_vm::{
        FromArgs, Py, PyObject, PyObjectRef, PyPayload, PyRef, PyResult, VirtualMachine,
        atomic_func, pyclass,
    };

    use crate::array::objects::{
        calculate, dtype, flatten, indices, number, object, raise, scalar, to_list, with_operand,
    };

    /// An n-dimensional array of numbers of one type.
    #[pyattr]
    #[pyclass(module = "farside", name = "Array", unhashable = true)]
    #[derive(Debug, PyPayload)]
    pub(crate) struct PyNdArray {
        array: PyRwLock<NdArray>,
    }

    impl From<NdArray> for PyNdArray {
        fn from(array: NdArray) -> PyNdArray {
            PyNdArray { array: PyRwLock::new(array) }
        }
    }

    #[derive(FromArgs)]
    pub(crate) struct NewArgs {
        #[pyarg(positional)]
        source: PyObjectRef,
        #[pyarg(any, optional)]
        dtype: OptionalArg<Option<PyStrRef>>,
    }

    impl Constructor for PyNdArray {
        type Args = NewArgs;

        fn py_new(
            _cls: &Py<PyType>,
            NewArgs { source, dtype: name }: NewArgs,
            vm: &VirtualMachine,
        ) -> PyResult<PyNdArray> {
            let dtype = dtype(vm, name.flatten())?;
            if let Some(array) = source.downcast_ref::<PyNdArray>() {
                let array = array.read();
                let cast = array.cast(dtype.unwrap_or(array.dtype()));
                return cast.map(PyNdArray::from).map_err(|error| raise(vm, &error));
            }
            let (mut shape, mut numbers) = (Vec::new(), Vec::new());
            flatten(vm, &source, 0, &mut shape, &mut numbers)?;
            let array = NdArray::from_scalars(shape, &numbers, dtype);
            array.map(PyNdArray::from).map_err(|error| raise(vm, &error))
        }
    }

    /// An array of zeros.
    #[pyfunction]
    fn zeros(
        shape: PyObjectRef,
        dtype_name: OptionalArg<Option<PyStrRef>>,
        vm: &VirtualMachine,
    ) -> PyResult {
        let shape = match shape.downcast_ref::<PyInt>() {
            Some(_) => vec![shape.try_to_value::<usize>(vm)?],
            None => shape.try_to_value::<Vec<usize>>(vm)?,
        };
        let dtype = dtype(vm, dtype_name.flatten())?.unwrap_or(Dtype::F64);
        object(vm, NdArray::full(shape, Scalar::Integer(0), dtype))
    }

    /// The integers from one on to before another, in steps.
    #[pyfunction]
    fn arange(
        start: i64,
        stop: OptionalArg<i64>,
        step: OptionalArg<i64>,
        vm: &VirtualMachine,
    ) -> PyResult {
        let (start, stop) = match stop {
            OptionalArg::Present(stop) => (start, stop),
            OptionalArg::Missing => (0, start),
        };
        let array = NdArray::range(start, stop, step.unwrap_or(1));
        object(vm, array)
    }

    #[pyclass(with(Constructor, AsNumber, AsMapping, Comparable, Iterable, Representable))]
    impl PyNdArray {
        pub(crate) fn read(&self) -> PyRwLockReadGuard<'_, NdArray> {
            self.array.read()
        }

        #[pygetset]
        fn shape(zelf: &Py<Self>, vm: &VirtualMachine) -> PyObjectRef {
            let shape = zelf.read().shape().iter().map(|len| vm.ctx.new_int(*len).into()).collect();
            vm.ctx.new_tuple(shape).into()
        }

        #[pygetset]
        fn dtype(zelf: &Py<Self>) -> &'static str {
            zelf.read().dtype().name()
        }

        #[pygetset]
        fn ndim(zelf: &Py<Self>) -> usize {
            zelf.read().shape().len()
        }

        #[pygetset]
        fn size(zelf: &Py<Self>) -> usize {
            zelf.read().len()
        }

        fn length(&self, vm: &VirtualMachine) -> PyResult<usize> {
            let array = self.read();
            array
                .shape()
                .first()
                .copied()
                .ok_or_else(|| vm.new_type_error("len() of an array without dimensions".to_owned()))
        }

        fn item(&self, needle: &PyObject, vm: &VirtualMachine) -> PyResult {
            let array = self.read();
            if let Some(condition) = needle.downcast_ref::<PyNdArray>() {
                return object(vm, array.filter(&condition.read()));
            }
            let selected = array.select(&indices(vm, needle)?);
            match selected.map_err(|error| raise(vm, &error))? {
                Selected::Number(scalar) => Ok(number(vm, scalar)),
                Selected::Array(array) => object(vm, Ok(array)),
            }
        }

        fn set_item(
            &self,
            needle: &PyObject,
            value: Option<PyObjectRef>,
            vm: &VirtualMachine,
        ) -> PyResult<()> {
            let Some(value) = value else {
                return Err(vm.new_type_error("an array's items cannot be deleted".to_owned()));
            };
            let indices = indices(vm, needle)?;
            // A copy of what is assigned: it may be this array.
            let copy = value.downcast_ref::<PyNdArray>().map(|array| array.read().clone());
            let operand = match (&copy, scalar(vm, &value)) {
                (Some(array), _) => Operand::Array(array),
                (None, Some(scalar)) => Operand::Number(scalar),
                (None, None) => {
                    let text = "a number or an array can be assigned to an array's items";
                    return Err(vm.new_type_error(text.to_owned()));
                }
            };
            let assigned = self.array.write().assign(&indices, operand);
            assigned.map_err(|error| raise(vm, &error))
        }

        #[pymethod]
        fn sum(zelf: &Py<Self>, vm: &VirtualMachine) -> PyObjectRef {
            number(vm, zelf.read().sum())
        }

        #[pymethod]
        fn mean(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<f64> {
            let mean = zelf.read().mean();
            mean.ok_or_else(|| vm.new_value_error("mean of an array without numbers".to_owned()))
        }

        #[pymethod]
        fn min(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            let least = zelf.read().min();
            least.map(|least| number(vm, least)).map_err(|error| raise(vm, &error))
        }

        #[pymethod]
        fn max(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            let most = zelf.read().max();
            most.map(|most| number(vm, most)).map_err(|error| raise(vm, &error))
        }

        #[pymethod]
        fn any(zelf: &Py<Self>) -> bool {
            zelf.read().any()
        }

        #[pymethod]
        fn all(zelf: &Py<Self>) -> bool {
            zelf.read().all()
        }

        #[pymethod]
        fn tolist(zelf: &Py<Self>, vm: &VirtualMachine) -> PyObjectRef {
            let array = zelf.read();
            to_list(vm, &array, array.shape(), 0)
        }

        #[pymethod]
        fn reshape(zelf: &Py<Self>, shape: PosArgs, vm: &VirtualMachine) -> PyResult {
            let shape = shape.into_vec();
            let shape: Vec<isize> = match &shape[..] {
                [one] if one.downcast_ref::<PyInt>().is_none() => one.try_to_value(vm)?,
                all => all.iter().map(|len| len.try_to_value(vm)).collect::<PyResult<_>>()?,
            };
            object(vm, zelf.read().reshape(&shape))
        }

        #[pymethod]
        fn flatten(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            object(vm, zelf.read().reshape(&[-1]))
        }

        #[pymethod]
        fn astype(zelf: &Py<Self>, name: PyStrRef, vm: &VirtualMachine) -> PyResult {
            let array = zelf.read();
            let dtype = dtype(vm, Some(name))?;
            object(vm, array.cast(dtype.unwrap_or(array.dtype())))
        }

        #[pymethod]
        fn copy(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            object(vm, Ok(zelf.read().clone()))
        }
    }

    impl AsMapping for PyNdArray {
        fn as_mapping() -> &'static PyMappingMethods {
            static METHODS: PyMappingMethods = PyMappingMethods {
                length: atomic_func!(|mapping, vm| {
                    PyNdArray::mapping_downcast(mapping).length(vm)
                }),
                subscript: atomic_func!(|mapping, needle, vm| {
                    PyNdArray::mapping_downcast(mapping).item(needle, vm)
                }),
                ass_subscript: atomic_func!(|mapping, needle, value, vm| {
                    PyNdArray::mapping_downcast(mapping).set_item(needle, value, vm)
                }),
            };
            &METHODS
        }
    }

    impl AsNumber for PyNdArray {
        fn as_number() -> &'static PyNumberMethods {
            static METHODS: PyNumberMethods = PyNumberMethods {
                add: Some(|left, right, vm| calculate(left, Operation::Add, right, vm)),
                subtract: Some(|left, right, vm| calculate(left, Operation::Subtract, right, vm)),
                multiply: Some(|left, right, vm| calculate(left, Operation::Multiply, right, vm)),
                true_divide: Some(|left, right, vm| calculate(left, Operation::Divide, right, vm)),
                floor_divide: Some(|left, right, vm| {
                    calculate(left, Operation::FloorDivide, right, vm)
                }),
                remainder: Some(|left, right, vm| calculate(left, Operation::Remainder, right, vm)),
                power: Some(|left, right, modulus, vm| {
                    if vm.is_none(modulus) {
                        calculate(left, Operation::Power, right, vm)
                    } else {
                        Ok(vm.ctx.not_implemented())
                    }
                }),
                negative: Some(|array, vm| {
                    object(vm, PyNdArray::number_downcast(array).read().negative())
                }),
                absolute: Some(|array, vm| {
                    object(vm, PyNdArray::number_downcast(array).read().absolute())
                }),
                boolean: Some(|array, vm| {
                    let array = PyNdArray::number_downcast(array).read();
                    if array.len() == 1 {
                        return Ok(array.any());
                    }
                    let text = "the truth of an array of several numbers is ambiguous: \
                                use any() or all()";
                    Err(vm.new_value_error(text.to_owned()))
                }),
                ..PyNumberMethods::NOT_IMPLEMENTED
            };
            &METHODS
        }
    }

    impl Comparable for PyNdArray {
        fn slot_richcompare(
            zelf: &PyObject,
            other: &PyObject,
            op: PyComparisonOp,
            vm: &VirtualMachine,
        ) -> PyResult<Either<PyObjectRef, PyComparisonValue>> {
            let comparison = match op {
                PyComparisonOp::Eq => Comparison::Equal,
                PyComparisonOp::Ne => Comparison::NotEqual,
                PyComparisonOp::Lt => Comparison::Less,
                PyComparisonOp::Le => Comparison::LessEqual,
                PyComparisonOp::Gt => Comparison::Greater,
                _ => Comparison::GreaterEqual,
            };
            let result = with_operand(vm, zelf, |left| {
                with_operand(vm, other, |right| NdArray::compare(left, comparison, right))
            });
            match result.flatten() {
                Some(result) => Ok(Either::A(object(vm, result)?)),
                None => Ok(Either::B(PyComparisonValue::NotImplemented)),
            }
        }

        fn cmp(
            _zelf: &Py<Self>,
            _other: &PyObject,
            _op: PyComparisonOp,
            _vm: &VirtualMachine,
        ) -> PyResult<PyComparisonValue> {
            Ok(PyComparisonValue::NotImplemented)
        }
    }

    impl Iterable for PyNdArray {
        fn iter(zelf: PyRef<Self>, vm: &VirtualMachine) -> PyResult {
            zelf.length(vm)?;
            let iterator = PyNdArrayIterator { array: zelf, next: PyRwLock::new(0) };
            Ok(iterator.into_pyobject(vm))
        }
    }

    impl Representable for PyNdArray {
        fn repr_str(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<String> {
            let array = zelf.read();
            let dtype = array.dtype().name();
            if array.len() > SHOWN {
                let shape: Vec<String> = array.shape().iter().map(usize::to_string).collect();
                return Ok(format!("Array(<{} numbers>, dtype='{dtype}')", shape.join(" x ")));
            }
            let list = to_list(vm, &array, array.shape(), 0).repr(vm)?;
            Ok(format!("Array({}, dtype='{dtype}')", list.to_string_lossy()))
        }
    }

    /// Most numbers that a representation shows.
    const SHOWN: usize = 1000;

    /// Goes over the first dimension.
    #[pyattr]
    #[pyclass(module = "farside", name = "ArrayIterator")]
    #[derive(Debug, PyPayload)]
    pub(crate) struct PyNdArrayIterator {
        array: PyRef<PyNdArray>,
        next: PyRwLock<isize>,
    }

    #[pyclass(with(IterNext, Iterable), flags(DISALLOW_INSTANTIATION))]
    impl PyNdArrayIterator {}

    impl SelfIter for PyNdArrayIterator {}

    impl IterNext for PyNdArrayIterator {
        fn next(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<PyIterReturn> {
            let place = *zelf.next.read();
            let array = zelf.array.read();
            if array.shape().first().is_none_or(|len| place >= len.cast_signed()) {
                return Ok(PyIterReturn::StopIteration(None));
            }
            *zelf.next.write() = place + 1;
            match array.select(&[Index::At(place)]).map_err(|error| raise(vm, &error))? {
                Selected::Number(scalar) => Ok(PyIterReturn::Return(number(vm, scalar))),
                Selected::Array(array) => Ok(PyIterReturn::Return(object(vm, Ok(array))?)),
            }
        }
    }
}
