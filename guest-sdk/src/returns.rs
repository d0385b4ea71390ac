//! How a function's return type becomes an answer.
//!
//! A macro sees a type's tokens, not the type: whether `Outcome` is an alias of a
//! `Result` is known to the compiler alone. So the macro's output asks by method:
//! for a [`Type`] of a `Result` the method of [`ReturnsResult`] is found first,
//! for any other type the one of [`ReturnsValue`], one reference further away.

use serde::Serialize;

use crate::call::{Call, Failed};
use crate::trace::{Trace, Type};

/// A function that returns a `Result`.
pub struct Fallible<T, E> {
    /// What it gives.
    pub value: Type<T>,
    /// What it fails with.
    pub error: Type<E>,
}

/// A function that always gives a value.
pub struct Infallible<T> {
    /// What it gives.
    pub value: Type<T>,
    /// What it fails with.
    pub error: NoError,
}

/// The error of a function that has none.
pub struct NoError;

/// Found first, for a `Result`.
pub trait ReturnsResult {
    #[doc(hidden)]
    type Returns;
    #[doc(hidden)]
    fn returns(&self) -> Self::Returns;
}

impl<T, E> ReturnsResult for Type<Result<T, E>> {
    type Returns = Fallible<T, E>;

    fn returns(&self) -> Fallible<T, E> {
        Fallible { value: Type::new(), error: Type::new() }
    }
}

/// Found for all other types.
pub trait ReturnsValue {
    #[doc(hidden)]
    type Returns;
    #[doc(hidden)]
    fn returns(&self) -> Self::Returns;
}

impl<T> ReturnsValue for &Type<T> {
    type Returns = Infallible<T>;

    fn returns(&self) -> Infallible<T> {
        Infallible { value: Type::new(), error: NoError }
    }
}

impl<T, E> Fallible<T, E> {
    /// Serializes what the function returned.
    ///
    /// # Errors
    /// [`Failed`] if that was an error, or cannot be serialized.
    pub fn answer(&self, returned: Result<T, E>, call: &mut Call<'_>) -> Result<(), Failed>
    where
        T: Serialize,
        E: Serialize,
    {
        match returned {
            Ok(value) => call.succeed(&value),
            Err(error) => Err(call.fail(&error)),
        }
    }
}

impl<T> Infallible<T> {
    /// Serializes what the function returned.
    ///
    /// # Errors
    /// [`Failed`] if it cannot be serialized.
    pub fn answer(&self, value: T, call: &mut Call<'_>) -> Result<(), Failed>
    where
        T: Serialize,
    {
        call.succeed(&value)
    }
}

impl NoError {
    /// No type.
    #[must_use]
    pub fn trace(&self) -> Option<Trace> {
        None
    }
}
