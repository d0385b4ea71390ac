//! Far references.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use farside_protocol::value::{FarArg, Path};
use farside_protocol::{ErrorCode, Failure, RefId, Request};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::encode;
use crate::session::Session;

/// A client's name for a result that the server keeps.
///
/// It exists before its result does: pass `&far` as an argument, or inside one, as
/// soon as you have it. [`get`](Far::get) fetches the value. Dropping it releases
/// it, which never cancels the call; to stop that, say [`cancel`](Far::cancel).
#[must_use = "dropping a reference releases it; `keep` it if only the call matters"]
pub struct Far<T: ?Sized> {
    session: Session,
    state: State,
    value: PhantomData<fn() -> Box<T>>,
}

enum State {
    /// This client's to release.
    Owned(RefId),
    /// Somebody else's.
    Borrowed(RefId),
    /// It broke before it was sent.
    Broken(Arc<Failure>),
}

impl<T: ?Sized> Far<T> {
    /// The reference that a message made, or why it was not sent.
    pub(crate) fn new(session: Session, made: Result<RefId, Failure>) -> Far<T> {
        let state = match made {
            Ok(id) => State::Owned(id),
            Err(failure) => State::Broken(Arc::new(failure)),
        };
        Far { session, state, value: PhantomData }
    }

    pub(crate) fn borrowed(session: Session, id: RefId) -> Far<T> {
        Far { session, state: State::Borrowed(id), value: PhantomData }
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The reference's id, or why it has none.
    pub(crate) fn sent(&self) -> Result<RefId, &Arc<Failure>> {
        match &self.state {
            State::Owned(id) | State::Borrowed(id) => Ok(*id),
            State::Broken(failure) => Err(failure),
        }
    }

    /// The reference's id. One that broke before it was sent has `far:0`, which
    /// names nothing.
    #[must_use]
    pub fn id(&self) -> RefId {
        self.sent().unwrap_or(RefId::from_bits(0))
    }

    /// Why the reference broke before it was sent, if it did: its arguments do not
    /// fit, or the queue was full. What the server finds, [`get`](Far::get) says.
    #[must_use]
    pub fn broken(&self) -> Option<&Failure> {
        self.sent().err().map(|failure| &**failure)
    }

    /// A reference to a part of the value, without fetching anything: `rows[10:20].name`.
    pub fn select<U>(&self, path: &str) -> Far<U> {
        let session = &self.session;
        let made = check_path(path).and_then(|()| {
            let of = self.sent().map_err(|cause| {
                Failure::new(cause.code, "the reference to select from is broken")
                    .with_cause(Arc::clone(cause))
            })?;
            let path = path.to_owned();
            let seq = session.link().refer(0, None, |seq| Request::Select { seq, of, path })?;
            Ok(RefId::new(session.writer(), seq))
        });
        Far::new(session.clone(), made)
    }

    /// Stops the call that shall fill the reference, without waiting: a pending one
    /// never runs, a running one is stopped, a finished one is left alone.
    pub fn cancel(&self) {
        if let Ok(of) = self.sent() {
            self.session.cancel(of);
        }
    }

    /// Gives up the duty to release it: the server keeps the result until somebody
    /// releases it by its id, or the session ends.
    pub fn keep(mut self) -> RefId {
        let id = self.id();
        self.state = State::Borrowed(id);
        id
    }

    /// The same reference, thought to be of another type.
    pub fn cast<U: ?Sized>(mut self) -> Far<U> {
        let state = match &self.state {
            State::Owned(id) => State::Owned(*id),
            State::Borrowed(id) => State::Borrowed(*id),
            State::Broken(failure) => State::Broken(Arc::clone(failure)),
        };
        self.state = State::Borrowed(self.id());
        Far { session: self.session.clone(), state, value: PhantomData }
    }
}

impl<T: ?Sized> Drop for Far<T> {
    fn drop(&mut self) {
        if let State::Owned(id) = self.state {
            self.session.link().release(&[id]);
        }
    }
}

impl<T: ?Sized> fmt::Debug for Far<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Owned(id) | State::Borrowed(id) => write!(f, "Far({id})"),
            State::Broken(failure) => write!(f, "Far(broken: {failure})"),
        }
    }
}

/// A reference serializes to the extension value that the server replaces by the
/// referenced value. In arguments for another session it is refused.
impl<T: ?Sized> Serialize for Far<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.sent() {
            Ok(id) => {
                encode::admit(self.session.id(), id).map_err(S::Error::custom)?;
                FarArg(id).serialize(serializer)
            }
            Err(cause) => Err(S::Error::custom(encode::refuse_broken(cause))),
        }
    }
}

pub(crate) fn check_path(path: &str) -> Result<(), Failure> {
    match path.parse::<Path>() {
        Ok(_) => Ok(()),
        Err(error) => Err(Failure::new(ErrorCode::InvalidArgument, error.to_string())),
    }
}
