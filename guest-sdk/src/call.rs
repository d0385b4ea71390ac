//! One call into the guest: its arguments, and the buffer that takes its answer.

use serde::{Deserialize, Serialize};

use crate::decode::{DecodeError, Decoder};
use crate::raw::Sink;

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
        let sink = Sink::new(&mut self.answer);
        let mut serializer = rmp_serde::Serializer::new(sink).with_struct_map();
        value.serialize(&mut serializer).map_err(|error| self.unserializable(&error))
    }

    #[cold]
    fn unserializable(&mut self, error: &rmp_serde::encode::Error) -> Failed {
        self.fail_with(ErrorKind::Result, &error.to_string())
    }
}

/// The head of a list of two elements.
const PAIR: u8 = 0x92;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use insta::assert_snapshot;
    use serde::ser::Error as _;
    use serde::{Serialize, Serializer};

    use super::{Body, Call};
    use crate::returns::{ReturnsResult as _, ReturnsValue as _};
    use crate::trace::Type;

    /// Runs a body over arguments in JSON; gives the answer in JSON, an error's
    /// behind an exclamation mark.
    fn run(arguments: &str, arity: u32, body: Body) -> String {
        let arguments: serde_json::Value = serde_json::from_str(arguments).unwrap();
        let arguments = rmp_serde::to_vec(&arguments).unwrap();
        let (answer, failed) = Call::run(&arguments, vec![0xc1; 9], arity, body);
        let answer: serde_json::Value = rmp_serde::from_slice(&answer).unwrap();
        format!("{}{answer}", if failed { "!" } else { "" })
    }

    #[test]
    fn arguments_go_in_and_a_value_comes_out() {
        let join: Body = |call| {
            let joined = format!("{}-{}", call.argument::<&str>("a")?, call.argument::<u8>("b")?);
            (&Type::of(&joined)).returns().answer(joined, call)
        };
        assert_snapshot!(run(r#"["x", 7]"#, 2, join), @r#""x-7""#);
        assert_snapshot!(
            run(r#"["x", -7]"#, 2, join),
            @r#"![1,"parameter `b`: invalid value: integer `-7`, expected u8"]"#);
        assert_snapshot!(
            run(r#"["x"]"#, 2, join), @r#"![1,"number of arguments: expected 2, found 1"]"#);
        assert_snapshot!(run(r#""x""#, 2, join), @r#"![1,"expected a list, found a string"]"#);
    }

    #[test]
    fn an_argument_error_names_parameter_and_place() {
        let body: Body = |call| {
            let lists: BTreeMap<String, Vec<bool>> = call.argument("lists")?;
            call.succeed(&lists.len())
        };
        assert_snapshot!(
            run(r#"[{"a": [true, 1]}]"#, 1, body),
            @r#"![1,"parameter `lists`, at `a[1]`: invalid type: integer `1`, expected a boolean"]"#);
    }

    #[test]
    fn an_err_is_the_functions_own_error_under_any_name() {
        type Outcome = Result<u8, BTreeMap<&'static str, u8>>;
        let fail: Body = |call| {
            let outcome: Outcome = Err([("code", 3)].into());
            Type::of(&outcome).returns().answer(outcome, call)
        };
        let succeed: Body = |call| {
            let outcome: Outcome = Ok(3);
            Type::of(&outcome).returns().answer(outcome, call)
        };
        assert_snapshot!(run("[]", 0, fail), @r#"![0,{"code":3}]"#);
        assert_snapshot!(run("[]", 0, succeed), @"3");
    }

    #[test]
    fn what_cannot_be_serialized_is_an_error_of_its_own() {
        struct Broken;
        impl Serialize for Broken {
            fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
                Err(S::Error::custom("out of order"))
            }
        }
        let value: Body = |call| call.succeed(&[Broken]);
        let error: Body = |call| Err(call.fail(&Broken));
        assert_snapshot!(run("[]", 0, value), @r#"![2,"out of order"]"#);
        assert_snapshot!(run("[]", 0, error), @r#"![2,"out of order"]"#);
    }
}
