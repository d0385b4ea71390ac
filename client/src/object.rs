//! Objects that live in an evaluator: functions, instances of classes, and all else that
//! is no plain data.

use serde::Serialize;

use crate::args::{Arguments, Written};
use crate::encode::write;
use crate::far::Far;
use crate::function::Function;

/// What is done with what an evaluation gave, where that lives. All of it is lazy: a
/// result is a reference again, to data or to an object.
///
/// ```no_run
/// # async fn example(session: farside::Session) -> Result<(), Box<dyn std::error::Error>> {
/// let javascript = session.language("javascript");
/// let class = "(class Counter { n = 41; next() { return ++this.n } })";
/// let counter = javascript.eval_with::<()>("new Class()", (("Class", javascript.eval::<()>(class)),));
/// assert_eq!(counter.method::<i64>("next", ()).get().await?, 42);
/// assert_eq!(counter.attribute::<i64>("n").get().await?, 42);
/// let next = counter.attribute::<()>("next").method::<()>("bind", (&counter,));
/// assert_eq!(next.invoke::<i64>(()).get().await?, 43);
/// # Ok(())
/// # }
/// ```
impl<T: ?Sized> Far<T> {
    /// Calls the function that it refers to, without waiting.
    pub fn invoke<U>(&self, args: impl Arguments) -> Far<U> {
        self.done("invoke", |out| {
            out.push(LIST_OF_TWO);
            write(self, out)?;
            args.write(out)
        })
    }

    /// An attribute of the object, without waiting. One that is not there is nil or an
    /// error, as its language has it.
    pub fn attribute<U>(&self, name: &str) -> Far<U> {
        self.done("attribute", |out| write(&(self, name), out))
    }

    /// What the object has at an index or under a key, without waiting.
    pub fn item<U>(&self, key: impl Serialize) -> Far<U> {
        self.done("item", |out| write(&(self, &key), out))
    }

    /// Calls a method of the object, without waiting.
    pub fn method<U>(&self, name: &str, args: impl Arguments) -> Far<U> {
        self.done("method", |out| {
            out.push(LIST_OF_THREE);
            write(self, out)?;
            write(name, out)?;
            args.write(out)
        })
    }

    /// Calls a function of the evaluator that the object lives in.
    fn done<U>(
        &self,
        function: &str,
        write: impl Fn(&mut Vec<u8>) -> Result<(), rmp_serde::encode::Error>,
    ) -> Far<U> {
        // A broken reference has no id, and can't be written.
        Function::beside(self.session().clone(), self.id(), function).call(Written(write))
    }
}

/// The heads of MessagePack lists.
const LIST_OF_TWO: u8 = 0x92;
const LIST_OF_THREE: u8 = 0x93;
