//! Arrays as the languages use them.

use farside_protocol::array::Dtype;

use super::{
    ArrayError, Comparison, Index, NdArray, Operand, Operation, Scalar, Selected, dtype_named,
};

const WHOLE: Index = Index::Slice { start: None, stop: None, step: None };

fn integers(shape: &[usize]) -> NdArray {
    let len: usize = shape.iter().product();
    let scalars: Vec<Scalar> = (0..len).map(|n| Scalar::Integer(n as i128)).collect();
    NdArray::from_scalars(shape.to_vec(), &scalars, None).unwrap()
}

fn floats(numbers: &[f64]) -> NdArray {
    let scalars: Vec<Scalar> = numbers.iter().copied().map(Scalar::Float).collect();
    NdArray::from_scalars(vec![numbers.len()], &scalars, None).unwrap()
}

fn values(array: &NdArray) -> Vec<f64> {
    (0..array.len()).map(|place| array.at(place).float()).collect()
}

fn selected(array: &NdArray, indices: &[Index]) -> (Vec<usize>, Vec<f64>) {
    match array.select(indices).unwrap() {
        Selected::Number(number) => (vec![], vec![number.float()]),
        Selected::Array(array) => (array.shape().to_vec(), values(&array)),
    }
}

fn slice(start: Option<isize>, stop: Option<isize>, step: Option<isize>) -> Index {
    Index::Slice { start, stop, step }
}

#[test]
fn bytes_there_and_back() {
    for dtype in Dtype::ALL {
        let array = integers(&[2, 1]).cast(*dtype).unwrap();
        let back = NdArray::decode(&array.encode()).unwrap();
        assert_eq!(back, array);
        assert_eq!(back.dtype(), *dtype);
        assert_eq!(values(&back), [0.0, 1.0]);
    }
}

#[test]
fn slices_are_those_of_lists() {
    let array = integers(&[5]);
    assert_eq!(selected(&array, &[Index::At(-1)]), (vec![], vec![4.0]));
    assert_eq!(selected(&array, &[slice(Some(1), Some(4), Some(2))]).1, [1.0, 3.0]);
    assert_eq!(selected(&array, &[slice(None, None, Some(-1))]).1, [4.0, 3.0, 2.0, 1.0, 0.0]);
    assert_eq!(selected(&array, &[slice(Some(-2), Some(99), None)]).1, [3.0, 4.0]);
    assert_eq!(selected(&array, &[slice(Some(3), Some(1), None)]).1, [0.0; 0]);
    assert_eq!(selected(&array, &[slice(Some(9), Some(-9), Some(-3))]).1, [4.0, 1.0]);
    let error = array.select(&[Index::At(5)]).unwrap_err();
    assert_eq!(error.to_string(), "index 5 is out of bounds for axis 0 with size 5");
    assert!(array.select(&[Index::At(0), Index::At(0)]).is_err());
    assert!(array.select(&[slice(None, None, Some(0))]).is_err());
}

#[test]
fn dimensions_are_indexed_one_by_one() {
    let array = integers(&[2, 3]);
    assert_eq!(selected(&array, &[Index::At(1)]), (vec![3], vec![3.0, 4.0, 5.0]));
    assert_eq!(selected(&array, &[WHOLE, Index::At(-1)]), (vec![2], vec![2.0, 5.0]));
    assert_eq!(selected(&array, &[Index::At(1), Index::At(1)]), (vec![], vec![4.0]));
    let mut array = array;
    array.assign(&[WHOLE, Index::At(0)], Operand::Number(Scalar::Integer(9))).unwrap();
    assert_eq!(values(&array), [9.0, 1.0, 2.0, 9.0, 4.0, 5.0]);
    array.assign(&[Index::At(0)], Operand::Array(&integers(&[3]))).unwrap();
    assert_eq!(values(&array), [0.0, 1.0, 2.0, 9.0, 4.0, 5.0]);
    assert!(array.assign(&[Index::At(0)], Operand::Array(&integers(&[2]))).is_err());
    assert!(array.assign(&[Index::At(0)], Operand::Number(Scalar::Float(0.5))).is_err());
}

fn calculate(left: &NdArray, operation: Operation, right: &NdArray) -> NdArray {
    NdArray::calculate(Operand::Array(left), operation, Operand::Array(right)).unwrap()
}

#[test]
fn shapes_are_matched_from_the_last_dimension() {
    let row = integers(&[3]);
    let column = integers(&[2, 1]);
    let sum = calculate(&row, Operation::Add, &column);
    assert_eq!(sum.shape(), [2, 3]);
    assert_eq!(values(&sum), [0.0, 1.0, 2.0, 1.0, 2.0, 3.0]);
    let misfit =
        NdArray::calculate(Operand::Array(&row), Operation::Add, Operand::Array(&integers(&[2])));
    assert_eq!(misfit.unwrap_err().to_string(), "arrays of shapes (3,) and (2,) do not match");
    let none = calculate(&integers(&[0]), Operation::Add, &integers(&[1]));
    assert!(none.is_empty());
}

#[test]
fn integers_stay_integers_and_never_wrap() {
    let one = integers(&[4]);
    let minus = |number| Operand::Number(Scalar::Integer(number));
    let with =
        |operation, number| NdArray::calculate(Operand::Array(&one), operation, minus(number));
    assert_eq!(values(&with(Operation::FloorDivide, -2).unwrap()), [0.0, -1.0, -1.0, -2.0]);
    assert_eq!(values(&with(Operation::Remainder, -2).unwrap()), [0.0, -1.0, 0.0, -1.0]);
    assert_eq!(values(&with(Operation::Power, 3).unwrap()), [0.0, 1.0, 8.0, 27.0]);
    assert_eq!(values(&with(Operation::Divide, 2).unwrap()), [0.0, 0.5, 1.0, 1.5]);
    assert_eq!(with(Operation::Remainder, 0), Err(ArrayError::DivisionByZero));
    assert!(matches!(
        with(Operation::Multiply, i128::from(i64::MAX)),
        Err(ArrayError::Overflow(_))
    ));
    assert_eq!(with(Operation::Add, 1).unwrap().dtype(), Dtype::I64);
}

#[test]
fn single_precision_stays_with_plain_numbers() {
    let single = floats(&[0.5, 1.5]).cast(Dtype::F32).unwrap();
    let number = Operand::Number(Scalar::Float(2.0));
    let doubled = NdArray::calculate(Operand::Array(&single), Operation::Multiply, number);
    assert_eq!(doubled.unwrap().dtype(), Dtype::F32);
    assert_eq!(calculate(&single, Operation::Add, &floats(&[1.0])).dtype(), Dtype::F64);
    assert_eq!(calculate(&single, Operation::Add, &integers(&[1])).dtype(), Dtype::F64);
}

#[test]
fn a_comparison_filters() {
    let array = floats(&[1.0, f64::NAN, 3.0]);
    let two = Operand::Number(Scalar::Integer(2));
    let above = NdArray::compare(Operand::Array(&array), Comparison::Greater, two).unwrap();
    assert_eq!(values(&above), [0.0, 0.0, 1.0]);
    assert_eq!(values(&array.filter(&above).unwrap()), [3.0]);
    assert!(above.any() && !above.all());
    let differs = NdArray::compare(Operand::Array(&array), Comparison::NotEqual, two).unwrap();
    assert!(differs.all());
    assert!(array.filter(&array).is_err());
}

#[test]
fn many_become_one() {
    assert_eq!(integers(&[5]).sum(), Scalar::Integer(10));
    // Adding one after the other is off by 1.4e-12.
    assert!((floats(&vec![0.1; 1000]).sum().float() - 100.0).abs() < 5e-13);
    assert_eq!(integers(&[4]).mean(), Some(1.5));
    assert_eq!(floats(&[]).mean(), None);
    assert_eq!(floats(&[2.0, -1.0]).min(), Ok(Scalar::Float(-1.0)));
    assert!(floats(&[2.0, f64::NAN, 3.0]).max().unwrap().float().is_nan());
    assert!(floats(&[]).max().is_err());
}

#[test]
fn reshaping_finds_what_is_left() {
    let array = integers(&[6]);
    assert_eq!(array.reshape(&[2, -1]).unwrap().shape(), [2, 3]);
    assert_eq!(
        array.reshape(&[4, -1]).unwrap_err().to_string(),
        "cannot reshape an array of 6 into (4, -1)"
    );
    assert_eq!(
        array.reshape(&[5]).unwrap_err().to_string(),
        "cannot reshape an array of 6 into (5,)"
    );
    assert!(array.reshape(&[-1, -1]).is_err());
    assert!(array.reshape(&[-2]).is_err());
}

#[test]
fn there_is_an_end_to_memory() {
    let huge = vec![usize::MAX / 2, 2];
    assert_eq!(NdArray::full(huge, Scalar::Float(0.0), Dtype::F64), Err(ArrayError::Memory));
    assert_eq!(
        NdArray::full(vec![usize::MAX, 2], Scalar::Float(0.0), Dtype::F64),
        Err(ArrayError::Memory)
    );
}

#[test]
fn ranges_are_those_of_python() {
    let range = |start, stop, step| values(&NdArray::range(start, stop, step).unwrap());
    assert_eq!(range(0, 3, 1), [0.0, 1.0, 2.0]);
    assert_eq!(range(5, 0, -2), [5.0, 3.0, 1.0]);
    assert_eq!(range(3, 3, 1), [0.0; 0]);
    assert_eq!(range(3, 0, 1), [0.0; 0]);
    assert!(NdArray::range(0, 1, 0).is_err());
    assert_eq!(NdArray::range(i64::MIN, i64::MAX, 1), Err(ArrayError::Memory));
}

#[test]
fn types_have_two_names() {
    assert_eq!(dtype_named("f32"), Some(Dtype::F32));
    assert_eq!(dtype_named("float32"), Some(Dtype::F32));
    assert_eq!(dtype_named("complex64"), None);
}
