//! Functions, and calls of them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farside_protocol::value::{ArgumentError, check_arguments};
use farside_protocol::{
    CallFlags, Each, ErrorCode, Failure, RefId, Request, Seq, Target, caps, manifest,
};
use rmp_serde::encode::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::Arguments;
use crate::encode;
use crate::far::Far;
use crate::get::{self, GetError};
use crate::module::Described;
use crate::session::Session;
use crate::time::millis;

/// One callable of a module, and how it is called. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Function {
    session: Session,
    callee: Callee,
    fresh: bool,
    timeout: Option<Duration>,
}

#[derive(Clone, Debug)]
enum Callee {
    /// A function whose parameters are known.
    Described { module: Arc<Described>, place: u32 },
    /// A name that the server will look up.
    Named(Arc<str>),
    /// A function of the evaluator in which an object lives.
    Beside { of: RefId, function: Arc<str> },
    /// What source text defined.
    Teleported(Arc<Far<()>>),
}

impl Function {
    pub(crate) fn described(session: Session, module: Arc<Described>, place: u32) -> Function {
        Function {
            session,
            callee: Callee::Described { module, place },
            fresh: false,
            timeout: None,
        }
    }

    pub(crate) fn named(session: Session, name: &str) -> Function {
        Function { session, callee: Callee::Named(name.into()), fresh: false, timeout: None }
    }

    pub(crate) fn beside(session: Session, of: RefId, function: &str) -> Function {
        let callee = Callee::Beside { of, function: function.into() };
        Function { session, callee, fresh: false, timeout: None }
    }

    pub(crate) fn teleported(far: Arc<Far<()>>, timeout: Option<Duration>) -> Function {
        let session = far.session().clone();
        Function { session, callee: Callee::Teleported(far), fresh: false, timeout }
    }

    pub(crate) fn limit(&self) -> Option<Duration> {
        self.timeout
    }

    /// The same function, each call of it in a store of its own: nothing is left of
    /// the call but its result, and calls run in parallel.
    #[must_use]
    pub fn fresh(mut self) -> Function {
        self.fresh = true;
        self
    }

    /// The same function, each call of it stopped this long after the server took
    /// it. The server's own deadline holds as well.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Function {
        self.timeout = Some(timeout);
        self
    }

    /// What the manifest says of the function; none for one by name alone.
    #[must_use]
    pub fn signature(&self) -> Option<&manifest::Function> {
        match &self.callee {
            Callee::Described { module, place } => module.manifest.functions.get(*place as usize),
            Callee::Named(_) | Callee::Beside { .. } | Callee::Teleported(_) => None,
        }
    }

    /// Calls the function, without waiting. What goes wrong, arguments that do not
    /// fit included, breaks the reference, and [`get`](Far::get) says it.
    pub fn call<T>(&self, args: impl Arguments) -> Far<T> {
        self.refer(self.target(), self.encode(args))
    }

    /// Calls it for each item of a value.
    pub(crate) fn each<T: ?Sized, U: ?Sized>(
        &self,
        how: Each,
        data: &Far<T>,
        initial: Option<impl Serialize>,
    ) -> Far<U> {
        let what = || format!("`{}` for each item", self.name());
        let encode = |write: &dyn Fn(&mut Vec<u8>) -> Result<(), Error>| {
            encode::encode(self.session.id(), what, |out| write(out))
        };
        let Callee::Teleported(far) = &self.callee else {
            let bytes = match &initial {
                Some(initial) => encode(&|out| encode::write(&(data, initial), out)),
                None => encode(&|out| encode::write(&(data,), out)),
            };
            return self.refer(Target::Each { how, function: Box::new(self.target()) }, bytes);
        };
        let name = match how {
            Each::Map => "map",
            Each::Filter => "filter",
            Each::Reduce => "reduce",
        };
        let bytes = match (how, &initial) {
            (Each::Reduce, _) => encode(&|out| encode::write(&(&**far, data, &initial), out)),
            _ => encode(&|out| encode::write(&(&**far, data), out)),
        };
        self.refer(Target::Beside { of: far.id(), function: name.to_owned() }, bytes)
    }

    fn refer<T: ?Sized>(&self, target: Target, bytes: Result<Bytes, Failure>) -> Far<T> {
        let made = bytes.and_then(|bytes| {
            let (size, body, make) = self.message(target, bytes, CallFlags::default());
            self.session.link().refer(size, body, make)
        });
        let writer = self.session.writer();
        Far::new(self.session.clone(), made.map(|seq| RefId::new(writer, seq)))
    }

    /// Calls the function and gives its value: one message each way, and nothing
    /// is kept on the server. Dropping the future after it was first polled does
    /// not stop the call.
    ///
    /// # Errors
    /// As [`Far::get`].
    #[tracing::instrument(level = "trace", target = "farside::client", name = "value", skip_all, fields(function = %self.name()))]
    pub async fn value<T: DeserializeOwned>(&self, args: impl Arguments) -> Result<T, GetError> {
        let bytes = self.encode(args).map_err(GetError::Failed)?;
        let flags = CallFlags { get: true, release: true, fresh: false };
        let (size, body, make) = self.message(self.target(), bytes, flags);
        let ask = self.session.link().call(size, body, make).map_err(GetError::Failed)?;
        let (content, bytes) = get::value(ask.await)?;
        get::decode(&content, &bytes)
    }

    /// The call's message, with the size of its arguments and the transfer that
    /// brings them if they are large.
    fn message(
        &self,
        target: Target,
        args: Bytes,
        flags: CallFlags,
    ) -> (u64, Option<Bytes>, impl FnOnce(Seq) -> Request) {
        let size = args.len() as u64;
        let (args, body) = encode::payload(args);
        let flags = CallFlags { fresh: self.fresh, ..flags };
        let timeout_ms = self.timeout.map(millis);
        (size, body, move |seq| Request::Call { seq, target, flags, timeout_ms, args })
    }

    fn target(&self) -> Target {
        match &self.callee {
            Callee::Described { module, place } => {
                Target::Index { module: module.number, function: *place }
            }
            Callee::Named(name) => Target::Name(name.as_ref().to_owned()),
            Callee::Beside { of, function } => {
                Target::Beside { of: *of, function: function.as_ref().to_owned() }
            }
            Callee::Teleported(far) => {
                Target::Beside { of: far.id(), function: "invoke".to_owned() }
            }
        }
    }

    /// The arguments, checked against the manifest where there is one.
    fn encode(&self, args: impl Arguments) -> Result<Bytes, Failure> {
        if let Callee::Named(name) = &self.callee
            && name.len() > caps::NAME_BYTES
        {
            let message = format!("a function's name is at most {} bytes long", caps::NAME_BYTES);
            return Err(Failure::new(ErrorCode::NotFound, message));
        }
        let what = || format!("a call of `{}`", self.name());
        let bytes = encode::encode(self.session.id(), what, |out| {
            if let Callee::Teleported(far) = &self.callee {
                // Of the two arguments of `invoke`, the function is the first.
                out.push(0x92);
                encode::write(&**far, out)?;
            }
            args.write(out)
        })?;
        let Some(signature) = self.signature() else { return Ok(bytes) };
        match check_arguments(signature, &bytes) {
            Ok(None) => Ok(bytes),
            Ok(Some(filled)) => Ok(Bytes::from(filled)),
            Err(error) => Err(misfit(&error)),
        }
    }

    fn name(&self) -> String {
        match (&self.callee, self.signature()) {
            (Callee::Described { module, .. }, Some(signature)) => {
                format!("{}.{}", module.name, signature.name)
            }
            (Callee::Described { module, .. }, None) => module.name.clone(),
            (Callee::Named(name), _) => name.as_ref().to_owned(),
            (Callee::Beside { function, .. }, _) => function.as_ref().to_owned(),
            (Callee::Teleported(far), _) => format!("the function {}", far.id()),
        }
    }
}

fn misfit(error: &ArgumentError) -> Failure {
    Failure::new(ErrorCode::InvalidArgument, error.to_string())
}
