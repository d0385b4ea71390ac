//! Functions sent as source text, and functions for each item of what lies on the server.

use std::sync::Arc;

use farside_protocol::Each;
use serde::Serialize;

use crate::eval::Language;
use crate::far::Far;
use crate::function::Function;
use crate::session::Session;

impl Session {
    /// Sends a function as source text of a language, without waiting. See
    /// [`Language::teleport`].
    #[must_use]
    pub fn teleport(&self, language: &str, source: &str) -> Function {
        self.language(language).teleport(source)
    }
}

impl Language {
    /// Sends a function as source text, without waiting: the one that the text defines,
    /// or the last one of several. It is called as a module's is, and lives until the
    /// last clone of it is dropped.
    ///
    /// What is wrong with the text shows where a result is asked for.
    ///
    /// ```no_run
    /// # async fn example(session: farside::Session) -> Result<(), Box<dyn std::error::Error>> {
    /// let square = session.teleport("javascript", "function square(x) { return x ** 2 }");
    /// assert_eq!(square.value::<i64>((12,)).await?, 144);
    /// let sum = session.teleport("javascript", "(a, b) => a + b");
    /// let numbers = session.put(&(0..1_000_000).collect::<Vec<i64>>());
    /// let total = numbers.map::<Vec<i64>>(&square).reduce::<i64>(&sum);
    /// println!("{}", total.get().await?); // one number crosses the wire
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn teleport(&self, source: &str) -> Function {
        let define = self.function("define");
        let timeout = define.limit();
        let far: Far<()> = define.call((source,));
        Function::teleported(Arc::new(far), timeout)
    }
}

/// A function for each item, run on the server: nothing is fetched, and nothing waits.
/// The function is a teleported one, or a module's; a list or an array of one dimension
/// has items. Results of an array are an array again if they are numbers.
impl<T: ?Sized> Far<T> {
    /// The results of a function for each item.
    pub fn map<U>(&self, function: &Function) -> Far<U> {
        function.each(Each::Map, self, None::<()>)
    }

    /// The items for which a function gives true.
    pub fn filter(&self, function: &Function) -> Far<T> {
        function.each(Each::Filter, self, None::<()>)
    }

    /// What a function of two makes of all items: of the first and the second, of that
    /// and the third, and so on.
    pub fn reduce<U>(&self, function: &Function) -> Far<U> {
        function.each(Each::Reduce, self, None::<()>)
    }

    /// As [`reduce`](Far::reduce), beginning with a value and the first item.
    pub fn reduce_from<U>(&self, function: &Function, initial: impl Serialize) -> Far<U> {
        function.each(Each::Reduce, self, Some(initial))
    }
}
