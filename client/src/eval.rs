//! Source text evaluated on the server, in the session's own sandbox.

use std::sync::Arc;
use std::time::Duration;

use farside_protocol::ErrorCode;
use rmp_serde::encode::Error;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer as _};

use crate::args::{self, Named};
use crate::encode::write;
use crate::far::Far;
use crate::function::Function;
use crate::get::GetError;
use crate::session::Session;

/// The language that is meant where none is named.
const DEFAULT: &str = "python";

/// How long until a language that is not ready is asked for again.
const AGAIN: Duration = Duration::from_millis(100);

/// A language of the server, in one session. Cheap to clone.
///
/// Its variables last from one evaluation to the next, as the state of a module's
/// instance does, and no other session sees them.
///
/// ```no_run
/// # async fn example(session: farside::Session) -> Result<(), Box<dyn std::error::Error>> {
/// let javascript = session.language("javascript");
/// javascript.execute("let x = 20");
/// assert_eq!(javascript.eval::<i64>("x + 1").get().await?, 21);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Language {
    session: Session,
    name: Arc<str>,
    timeout: Option<Duration>,
}

impl Session {
    /// A language by its name, such as `python` or `javascript`. Whether the server
    /// has it shows where a value is asked for.
    #[must_use]
    pub fn language(&self, name: &str) -> Language {
        Language { session: self.clone(), name: name.into(), timeout: None }
    }

    /// The same session, whose `eval`, `eval_with` and `execute` are in this language and
    /// not in Python.
    #[must_use]
    pub fn with_language(mut self, name: &str) -> Session {
        self.language = Some(name.into());
        self
    }

    /// Evaluates Python, or the language of [`with_language`](Session::with_language),
    /// without waiting: the value of the last expression. See [`Language::eval`].
    pub fn eval<T>(&self, source: &str) -> Far<T> {
        self.own_language().eval(source)
    }

    /// Evaluates with some variables set before. See [`Language::eval_with`].
    pub fn eval_with<T>(&self, source: &str, bindings: impl Bindings) -> Far<T> {
        self.own_language().eval_with(source, bindings)
    }

    /// Runs statements, without waiting. See [`Language::execute`].
    pub fn execute(&self, source: &str) -> Far<()> {
        self.own_language().execute(source)
    }

    fn own_language(&self) -> Language {
        self.language(self.language.as_deref().unwrap_or(DEFAULT))
    }
}

impl Language {
    /// The same language, each evaluation stopped this long after the server took it.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Language {
        self.timeout = Some(timeout);
        self
    }

    /// Evaluates source text, without waiting. The reference's value is that of the
    /// last expression. What goes wrong breaks it, with the language's own traceback.
    pub fn eval<T>(&self, source: &str) -> Far<T> {
        self.eval_with(source, ())
    }

    /// Evaluates source text after setting variables: to values, or to what references
    /// stand for, which stays on the server.
    ///
    /// ```no_run
    /// # fn example(session: farside::Session, data: farside::Far<Vec<f64>>) {
    /// let scaled = session.eval_with::<f64>("sum(data) * k", (("data", &data), ("k", 3)));
    /// # let _ = scaled;
    /// # }
    /// ```
    pub fn eval_with<T>(&self, source: &str, bindings: impl Bindings) -> Far<T> {
        self.run("eval", source, bindings)
    }

    /// Runs statements, without waiting; their reference has no value.
    pub fn execute(&self, source: &str) -> Far<()> {
        self.execute_with(source, ())
    }

    /// Runs statements after setting variables. See [`eval_with`](Language::eval_with).
    pub fn execute_with(&self, source: &str, bindings: impl Bindings) -> Far<()> {
        self.run("execute", source, bindings)
    }

    /// Waits until the server can evaluate the language. It compiles an evaluator when
    /// that is first asked for, once and for up to a minute; what is evaluated meanwhile
    /// fails as [`Unavailable`](ErrorCode::Unavailable).
    ///
    /// # Errors
    /// The server does not have the language, or its instance is poisoned.
    pub async fn ready(&self) -> Result<(), GetError> {
        loop {
            match self.execute("").get().await {
                Err(GetError::Failed(failure)) if failure.code == ErrorCode::Unavailable => {
                    tokio::time::sleep(AGAIN).await;
                }
                ready => return ready,
            }
        }
    }

    fn run<T>(&self, function: &str, source: &str, bindings: impl Bindings) -> Far<T> {
        self.function(function).call(Evaluation { source, bindings })
    }

    /// A function of the evaluator.
    pub(crate) fn function(&self, name: &str) -> Function {
        let function = Function::named(self.session.clone(), &format!("{}.{name}", self.name));
        match self.timeout {
            Some(timeout) => function.timeout(timeout),
            None => function,
        }
    }
}

/// The arguments of an evaluation.
struct Evaluation<'a, B> {
    source: &'a str,
    bindings: B,
}

impl<B: Bindings> args::private::Sealed for Evaluation<'_, B> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        // A list of two.
        out.push(0x92);
        write(self.source, out)?;
        self.bindings.write(out)
    }
}

/// What can be the variables of an evaluation: a tuple of pairs of a name and a
/// value, an array or `Vec` of them, or [`Named`] values: a map or a struct. A
/// [`Far`] stands for its value, which is not fetched.
///
/// ```
/// use farside::Bindings;
/// fn takes(_: impl Bindings) {}
/// takes(());
/// takes((("name", "Ada"), ("years", 36)));
/// takes([("low", 0.5), ("high", 1.5)]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no set of variables",
    note = "variables are a tuple of pairs: `((\"x\", 1), (\"y\", &far))`; one alone is \
            written `((\"x\", 1),)`"
)]
pub trait Bindings: private::Sealed {}

impl<B: private::Sealed> Bindings for B {}

mod private {
    pub trait Sealed {
        /// Appends the variables as a MessagePack map.
        #[doc(hidden)]
        fn write(&self, out: &mut Vec<u8>) -> Result<(), super::Error>;
    }
}

impl private::Sealed for () {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        // An empty map.
        out.push(0x80);
        Ok(())
    }
}

impl<T: Serialize> private::Sealed for Named<T> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        write(&self.0, out)
    }
}

impl<V: Serialize, const N: usize> private::Sealed for [(&str, V); N] {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        pairs(self, out)
    }
}

impl<V: Serialize> private::Sealed for Vec<(String, V)> {
    fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        pairs(self, out)
    }
}

fn pairs<K: Serialize, V: Serialize>(pairs: &[(K, V)], out: &mut Vec<u8>) -> Result<(), Error> {
    let mut serializer = rmp_serde::Serializer::new(out).with_struct_map();
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    pairs.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
    map.end()
}

macro_rules! tuples {
    ($( $count:literal ($($T:ident $place:tt)+) )*) => {$(
        impl<$($T: Serialize),+> private::Sealed for ($((&str, $T),)+) {
            fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
                let mut serializer = rmp_serde::Serializer::new(out).with_struct_map();
                let mut map = serializer.serialize_map(Some($count))?;
                $( map.serialize_entry(self.$place.0, &self.$place.1)?; )+
                map.end()
            }
        }
    )*};
}

tuples! {
    1 (A 0)
    2 (A 0 B 1)
    3 (A 0 B 1 C 2)
    4 (A 0 B 1 C 2 D 3)
    5 (A 0 B 1 C 2 D 3 E 4)
    6 (A 0 B 1 C 2 D 3 E 4 F 5)
    7 (A 0 B 1 C 2 D 3 E 4 F 5 G 6)
    8 (A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::private::Sealed;
    use super::*;

    fn check(bindings: impl Sealed, expected: &str) {
        let mut bytes = Vec::new();
        bindings.write(&mut bytes).unwrap();
        let map: BTreeMap<String, serde_json::Value> = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(serde_json::to_string(&map).unwrap(), expected);
    }

    #[test]
    fn variables_of_every_form_are_a_map() {
        check((), "{}");
        check((("x", 1),), r#"{"x":1}"#);
        check((("x", 1), ("y", "two")), r#"{"x":1,"y":"two"}"#);
        check([("x", 1), ("y", 2)], r#"{"x":1,"y":2}"#);
        check(vec![("x".to_owned(), 1.5)], r#"{"x":1.5}"#);
        check(Named(BTreeMap::from([("x", true)])), r#"{"x":true}"#);
    }
}
