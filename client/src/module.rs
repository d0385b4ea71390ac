//! Modules of a session.

use std::sync::Arc;

use farside_protocol::manifest::Manifest;
use farside_protocol::value::nearest;
use farside_protocol::{ErrorCode, Failure, ModuleHash, Request};

use crate::args::Arguments;
use crate::ask::Answer;
use crate::disconnected::Disconnected;
use crate::far::Far;
use crate::function::Function;
use crate::session::Session;

/// A module of a session, which knows its functions. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Module {
    session: Session,
    described: Arc<Described>,
}

/// What the server said of a module.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) hash: ModuleHash,
    pub(crate) known: bool,
    pub(crate) replaced: bool,
    pub(crate) manifest: Manifest,
}

impl Module {
    pub(crate) fn new(session: Session, described: Described) -> Module {
        Module { session, described: Arc::new(described) }
    }

    /// Its name in the session.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.described.name
    }

    /// SHA-256 of its bytes.
    #[must_use]
    pub fn hash(&self) -> ModuleHash {
        self.described.hash
    }

    /// What it exports.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.described.manifest
    }

    /// Whether the server had its bytes already, so that the upload sent none.
    #[must_use]
    pub fn known(&self) -> bool {
        self.described.known
    }

    /// Whether the upload replaced another module of this name, whose instance's
    /// state is gone.
    #[must_use]
    pub fn replaced(&self) -> bool {
        self.described.replaced
    }

    /// One of its functions.
    ///
    /// # Errors
    /// When it has none of this name; the error gives the nearest ones.
    pub fn function(&self, name: &str) -> Result<Function, UnknownFunction> {
        let Described { name: module, manifest, .. } = &*self.described;
        match manifest.function(name) {
            Some((place, _)) => {
                let described = Arc::clone(&self.described);
                Ok(Function::described(self.session.clone(), described, place))
            }
            None => {
                let names = manifest.functions.iter().map(|function| function.name.as_str());
                Err(UnknownFunction {
                    module: module.clone(),
                    function: name.to_owned(),
                    nearest: nearest(name, names).into_iter().map(str::to_owned).collect(),
                })
            }
        }
    }

    /// Calls a function, without waiting. What goes wrong, an unknown name
    /// included, breaks the reference.
    pub fn call<T>(&self, function: &str, args: impl Arguments) -> Far<T> {
        match self.function(function) {
            Ok(function) => function.call(args),
            Err(unknown) => {
                let failure = Failure::new(ErrorCode::NotFound, unknown.to_string());
                let failure = Failure { hint: unknown.hint(), ..failure };
                Far::new(self.session.clone(), Err(failure))
            }
        }
    }

    /// Replaces the module's instance by a fresh one; its state is lost. The way
    /// on after a call has poisoned it.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn renew(&self) -> Result<(), RenewError> {
        self.session.renew(self.name()).await
    }
}

impl Session {
    /// Replaces the instance of the module of this name by a fresh one; its state
    /// is lost. The way on after a call has poisoned it.
    ///
    /// # Errors
    /// When there is no such module, or the connection is lost.
    #[tracing::instrument(
        level = "debug",
        target = "farside::client",
        name = "renew",
        skip_all,
        fields(module)
    )]
    pub async fn renew(&self, module: &str) -> Result<(), RenewError> {
        let module = module.to_owned();
        match self.link().ask(|seq| Request::Renew { seq, module }).await {
            Ok(Answer::Done) => Ok(()),
            Ok(other) => Err(RenewError::Failed(other.into_failure())),
            Err(reason) => Err(RenewError::Disconnected(reason)),
        }
    }
}

/// A module has no function of a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{module}` has no function `{function}`")]
pub struct UnknownFunction {
    /// The module.
    pub module: String,
    /// The name.
    pub function: String,
    /// Names that it has and that are like it, the nearest first.
    pub nearest: Vec<String>,
}

impl UnknownFunction {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        did_you_mean(&self.nearest)
    }
}

/// Advice for a name that does not exist.
pub(crate) fn did_you_mean(nearest: &[String]) -> Option<String> {
    let names: Vec<_> = nearest.iter().map(|name| format!("`{name}`")).collect();
    (!names.is_empty()).then(|| format!("did you mean {}?", names.join(" or ")))
}

/// Why a module's instance was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    /// The server says why.
    #[error(transparent)]
    Failed(Failure),
    /// The connection was lost.
    #[error("the connection is lost")]
    Disconnected(#[source] Arc<Disconnected>),
}

impl RenewError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            RenewError::Failed(failure) => failure.hint.as_deref(),
            RenewError::Disconnected(reason) => reason.hint(),
        }
    }
}
