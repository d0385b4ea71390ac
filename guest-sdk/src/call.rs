//! One call into the guest: its arguments, and the buffer that takes its answer.

use serde::{Deserialize, Serialize};

use crate::decode::{DecodeError, Decoder};

/// What an error's bytes are about; the first element of their list.
#[derive(Clone, Copy, Debug)]
enum ErrorKind {
    /// The function returned `Err`.
    Returned = 0,
    /// An argument could not be decoded.
    Argument = 1,
    /// The result could not be serialized.
    Result = 2,
}

/// The call did not succeed; the answer holds why.
#[derive(Debug)]
pub struct Failed(());

/// One call into the guest.
pub struct Call<'a> {
    arguments: Decoder<'a>,
    answer: Vec<u8>,
}

/// The body of an entry, as the macro writes it.
pub(crate) type Body = fn(&mut Call<'_>) -> Result<(), Failed>;

impl<'a> Call<'a> {
    /// Runs an entry's body over its argument bytes; gives the answer's bytes,
    /// written into `buffer`, and whether they are an error's.
    pub(crate) fn run(bytes: &'a [u8], buffer: Vec<u8>, arity: u32, body: Body) -> (Vec<u8>, bool) {
        let mut call = Call { arguments: Decoder::new(bytes), answer: buffer };
        call.answer.clear();
        let outcome = call.begin(arity).and_then(|()| body(&mut call));
        (call.answer, outcome.is_err())
    }

    fn begin(&mut self, arity: u32) -> Result<(), Failed> {
        match self.arguments.list() {
            Ok(count) if count == u64::from(arity) => Ok(()),
            Ok(count) => {
                let text = format!("number of arguments: expected {arity}, found {count}");
                Err(self.fail_with(ErrorKind::Argument, &text))
            }
            Err(error) => Err(self.fail_with(ErrorKind::Argument, &error.to_string())),
        }
    }

    /// Decodes the next argument.
    ///
    /// # Errors
    /// [`Failed`] if it is not of the parameter's type.
    #[inline]
    pub fn argument<T: Deserialize<'a>>(&mut self, name: &'static str) -> Result<T, Failed> {
        T::deserialize(&mut self.arguments).map_err(|error| self.misfit(name, &error))
    }

    #[cold]
    fn misfit(&mut self, name: &str, error: &DecodeError) -> Failed {
        let text = match error.path().as_str() {
            "" => format!("parameter `{name}`: {}", error.text()),
            path => format!("parameter `{name}`, at `{path}`: {}", error.text()),
        };
        self.fail_with(ErrorKind::Argument, &text)
    }

    /// Answers with the function's result.
    pub(crate) fn succeed(&mut self, value: &impl Serialize) -> Result<(), Failed> {
        self.write(value)
    }

    /// Answers with the function's own error.
    pub(crate) fn fail(&mut self, error: &impl Serialize) -> Failed {
        self.fail_with(ErrorKind::Returned, error)
    }

    fn fail_with(&mut self, kind: ErrorKind, value: &(impl Serialize + ?Sized)) -> Failed {
        self.answer.clear();
        self.answer.extend_from_slice(&[PAIR, kind as u8]);
        match self.write(value) {
            Ok(()) => Failed(()),
            Err(failed) => failed,
        }
    }

    fn write(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Failed> {
        let mut serializer = rmp_serde::Serializer::new(&mut self.answer).with_struct_map();
        value.serialize(&mut serializer).map_err(|error| self.unserializable(&error))
    }

    #[cold]
    fn unserializable(&mut self, error: &rmp_serde::encode::Error) -> Failed {
        self.fail_with(ErrorKind::Result, &error.to_string())
    }
}

/// The head of a list of two elements.
const PAIR: u8 = 0x92;
