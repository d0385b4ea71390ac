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

    /// The names that begin like this: variables, and with a dot the parts of one.
    ///
    /// # Errors
    /// They can't be found.
    fn names(&mut self, prefix: &str) -> Result<Vec<String>, EvalError>;

    /// Forgets every variable.
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

        /// Forgets every variable.
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
