//! The arguments of a call.

use bytes::Bytes;
use farside_protocol::value;
use rmp_serde::encode::Error;
use serde::Serialize;
use serde::ser::Error as _;

use crate::encode::write;

/// What can be the arguments of a call: a tuple of values by position, [`Named`]
/// values by parameter name, [`Positional`] ones whose number is not known when
/// the program is written, or [`RawArguments`].
///
/// ```
/// use farside::Arguments;
/// fn takes(_: impl Arguments) {}
/// takes(());
/// takes((1, "two", vec![3.0]));
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of arguments",
    note = "arguments are a tuple of serializable values; one alone is written `(value,)`"
)]
pub trait Arguments: private::Sealed {}

impl<A: private::Sealed> Arguments for A {}

pub(crate) mod private {
    pub trait Sealed {
        /// Appends the arguments as one MessagePack value.
        #[doc(hidden)]
        fn write(&self, out: &mut Vec<u8>) -> Result<(), super::Error>;
    }
}

/// Arguments by parameter name: a struct or a map with text keys.
///
/// ```
/// use farside::{Arguments, Named};
/// #[derive(serde::Serialize)]
/// struct Between { low: f64, high: f64 }
/// fn takes(_: impl Arguments) {}
/// takes(Named(Between { low: 0.0, high: 1.0 }));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Named<T>(pub T);

/// Arguments by position, as many as the list has.
#[derive(Clone, Debug)]
pub struct Positional<V>(pub Vec<V>);

/// Arguments that are encoded already: a MessagePack list, or a map by parameter
/// name, in which references stand as extension values.
#[derive(Clone, Debug)]
pub struct RawArguments(pub Bytes);

impl<T: Serialize> private::Sealed for Named<T> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        write(&self.0, out)
    }
}

impl<V: Serialize> private::Sealed for Positional<V> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        write(&self.0, out)
    }
}

impl private::Sealed for RawArguments {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        value::scan(&self.0).map_err(Error::custom)?;
        out.extend_from_slice(&self.0);
        Ok(())
    }
}

/// Arguments that a function of this crate writes.
pub(crate) struct Written<F>(pub(crate) F);

impl<F: Fn(&mut Vec<u8>) -> Result<(), Error>> private::Sealed for Written<F> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        (self.0)(out)
    }
}

impl private::Sealed for () {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        write(&[(); 0], out)
    }
}

macro_rules! tuples {
    ($( ($($T:ident)+) )*) => {$(
        impl<$($T: Serialize),+> private::Sealed for ($($T,)+) {
            fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
                write(self, out)
            }
        }
    )*};
}

tuples! {
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
    (A B C D E F G H I)
    (A B C D E F G H I J)
    (A B C D E F G H I J K)
    (A B C D E F G H I J K L)
}
