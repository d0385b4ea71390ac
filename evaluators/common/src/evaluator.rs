//! What every evaluator exports, whatever its language.

use std::collections::BTreeMap;

use farside_guest::Raw;

use crate::{DEFAULT_NAME, EvalError, Interrupt, Lines};

/// What is wanted of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The value of its last statement.
    Value,
    /// That it runs.
    Nothing,
}

/// A text to evaluate.
#[derive(Debug)]
pub struct Script {
    /// The text.
    pub source: String,
    /// Values that become global variables before.
    pub bindings: BTreeMap<String, Raw>,
    /// The file name that errors show.
    pub name: String,
    /// What is wanted of it.
    pub wanted: Wanted,
}

impl Script {
    /// A text with what callers may leave out.
    #[must_use]
    pub fn new(
        source: String,
        bindings: Option<BTreeMap<String, Raw>>,
        name: Option<String>,
        wanted: Wanted,
    ) -> Script {
        let name = name.unwrap_or_else(|| DEFAULT_NAME.to_owned());
        Script { source, bindings: bindings.unwrap_or_default(), name, wanted }
    }
}

/// An interpreter with its global variables. [`evaluator!`](crate::evaluator) exports it.
pub trait Evaluator: Sized {
    /// Where the server asks for an end.
    const INTERRUPT: Interrupt;

    /// Starts it, for the image.
    ///
    /// # Errors
    /// It does not start.
    fn start() -> Result<Self, EvalError>;

    /// Makes anew what sessions must not share.
    ///
    /// # Errors
    /// It can't be made.
    fn wake(&mut self) -> Result<(), EvalError>;

    /// Runs a text.
    ///
    /// # Errors
    /// What the text did wrong, or that its value is no plain one.
    fn run(&mut self, script: Script) -> Result<Raw, EvalError>;

    /// Does something with values that stay: one of `invoke`, `attribute`, `item`,
    /// `method`, `map`, `filter` and `reduce`, with the arguments of that function.
    ///
    /// # Errors
    /// What went wrong in it.
    fn apply(&mut self, what: &str, arguments: &[Raw]) -> Result<Raw, EvalError>;

    /// Makes a function of a text that defines one: the last one, if there are several.
    /// The text leaves no variables.
    ///
    /// # Errors
    /// What is wrong with the text, or that it defines none.
    fn define(&mut self, source: &str) -> Result<Raw, EvalError>;

    /// The names that begin like this: variables, and with a dot the parts of one.
    ///
    /// # Errors
    /// They can't be found.
    fn names(&mut self, prefix: &str) -> Result<Vec<String>, EvalError>;

    /// Forgets every variable and object.
    ///
    /// # Errors
    /// They can't be forgotten.
    fn reset(&mut self) -> Result<(), EvalError>;

    /// Runs a text, unless the server asks for an end; all that it printed is logged.
    ///
    /// # Errors
    /// As of [`Evaluator::run`], or that it was interrupted.
    fn evaluate(&mut self, script: Script) -> Result<Raw, EvalError> {
        self.guarded(|evaluator| evaluator.run(script))
    }

    /// Does something, unless the server asks for an end; all that is printed is logged.
    ///
    /// # Errors
    /// As of the work, or that it was interrupted.
    fn guarded<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, EvalError>,
    ) -> Result<T, EvalError> {
        Self::INTERRUPT.clear();
        let result = work(self);
        let interrupted = Self::INTERRUPT.clear();
        Lines::flush();
        result.map_err(
            |error| {
                if interrupted { EvalError::interrupted() } else { error.within_bounds() }
            },
        )
    }
}

/// Exports an [`Evaluator`]: the functions that clients call, and those of the server.
#[macro_export]
macro_rules! evaluator {
    ($evaluator:ty) => {
        ::std::thread_local! {
            static EVALUATOR: ::std::cell::RefCell<Option<$evaluator>> =
                const { ::std::cell::RefCell::new(None) };
        }

        fn with_evaluator<T>(
            f: impl FnOnce(&mut $evaluator) -> Result<T, $crate::EvalError>,
        ) -> Result<T, $crate::EvalError> {
            EVALUATOR.with_borrow_mut(|evaluator| match evaluator {
                Some(evaluator) => f(evaluator),
                None => f(evaluator.insert($crate::Evaluator::start()?)),
            })
        }

        #[::farside_guest::init]
        fn start() {
            if let Err(error) = with_evaluator(|_| Ok(())) {
                panic!("the evaluator does not start: {}", error.traceback);
            }
        }

        #[::farside_guest::wake]
        fn wake_up() {
            $crate::wake();
            if let Err(error) = with_evaluator($crate::Evaluator::wake) {
                panic!("the evaluator does not wake: {}", error.traceback);
            }
        }

        /// Evaluates source text and gives its value: that of its last statement, if
        /// it is an expression.
        ///
        /// Bindings become global variables before. The name is shown where errors tell
        /// their place.
        #[::farside_guest::function]
        fn eval(
            source: String,
            bindings: Option<::std::collections::BTreeMap<String, ::farside_guest::Raw>>,
            name: Option<String>,
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            let script = $crate::Script::new(source, bindings, name, $crate::Wanted::Value);
            with_evaluator(|evaluator| $crate::Evaluator::evaluate(evaluator, script))
        }

        /// Runs source text and gives nothing.
        ///
        /// Bindings become global variables before. The name is shown where errors tell
        /// their place.
        #[::farside_guest::function]
        fn execute(
            source: String,
            bindings: Option<::std::collections::BTreeMap<String, ::farside_guest::Raw>>,
            name: Option<String>,
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            let script = $crate::Script::new(source, bindings, name, $crate::Wanted::Nothing);
            with_evaluator(|evaluator| $crate::Evaluator::evaluate(evaluator, script))
        }

        /// The names that begin like this: variables, and with a dot the parts of one.
        #[::farside_guest::function]
        fn names(prefix: String) -> Vec<String> {
            with_evaluator(|evaluator| $crate::Evaluator::names(evaluator, &prefix))
                .unwrap_or_default()
        }

        /// Calls a function that an earlier evaluation gave: with a list of arguments, or
        /// with those of a map by name.
        #[::farside_guest::function]
        fn invoke(
            object: ::farside_guest::Raw,
            arguments: ::farside_guest::Raw,
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            applied("invoke", &[object, arguments])
        }

        /// An attribute of an object.
        #[::farside_guest::function]
        fn attribute(
            object: ::farside_guest::Raw,
            name: ::farside_guest::Raw,
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            applied("attribute", &[object, name])
        }

        /// What an object has at an index or under a key.
        #[::farside_guest::function]
        fn item(
            object: ::farside_guest::Raw,
            key: ::farside_guest::Raw,
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            applied("item", &[object, key])
        }

        /// Calls a method of an object.
        #[::farside_guest::function]
        fn method(
            object: ::farside_guest::Raw,
            name: ::farside_guest::Raw,
            arguments: ::farside_guest::Raw,
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            applied("method", &[object, name, arguments])
        }

        /// The function that source text defines: the last one, if there are several.
        #[::farside_guest::function]
        fn define(source: String) -> Result<::farside_guest::Raw, $crate::EvalError> {
            with_evaluator(|evaluator| {
                let define =
                    |evaluator: &mut $evaluator| $crate::Evaluator::define(evaluator, &source);
                $crate::Evaluator::guarded(evaluator, define)
            })
        }

        /// The results of a function for each item of a list or array.
        #[::farside_guest::function]
        fn map(
            function: ::farside_guest::Raw,
            data: ::farside_guest::Raw,
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            applied("map", &[function, data])
        }

        /// The items for which a function says yes.
        #[::farside_guest::function]
        fn filter(
            function: ::farside_guest::Raw,
            data: ::farside_guest::Raw,
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            applied("filter", &[function, data])
        }

        /// Puts items together, one after the other, by a function of two.
        #[::farside_guest::function]
        fn reduce(
            function: ::farside_guest::Raw,
            data: ::farside_guest::Raw,
            initial: Option<::farside_guest::Raw>,
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            applied("reduce", &[function, data, initial.unwrap_or_default()])
        }

        fn applied(
            what: &str,
            arguments: &[::farside_guest::Raw],
        ) -> Result<::farside_guest::Raw, $crate::EvalError> {
            with_evaluator(|evaluator| {
                let apply = |evaluator: &mut $evaluator| {
                    $crate::Evaluator::apply(evaluator, what, arguments)
                };
                $crate::Evaluator::guarded(evaluator, apply)
            })
        }

        /// Forgets every variable and object.
        #[::farside_guest::function]
        fn reset() -> Result<(), $crate::EvalError> {
            with_evaluator($crate::Evaluator::reset)
        }

        /// The address of the byte by which the server stops what runs.
        #[cfg(target_arch = "wasm32")]
        #[expect(unsafe_code, reason = "the server finds it by name")]
        #[unsafe(no_mangle)]
        extern "C" fn farside_interrupt() -> u32 {
            <$evaluator as $crate::Evaluator>::INTERRUPT.address()
        }
    };
}
