//! What a session holds.

use std::sync::Arc;

use farside_protocol::outline::{self, ModuleOutline, RefOutline, SessionOutline};
use farside_protocol::value::nearest;
use farside_protocol::{Failure, RefId, Request, Subject};
use serde::de::DeserializeOwned;

use crate::ask::Answer;
use crate::disconnected::Disconnected;
use crate::module::{Described, Module, did_you_mean};
use crate::session::Session;

impl Session {
    /// The session: its modules, and how much of its limits it uses.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn describe(&self) -> Result<SessionOutline, DescribeError> {
        self.ask_about(Subject::Session).await
    }

    /// The session's references.
    ///
    /// # Errors
    /// As [`describe`](Session::describe).
    pub async fn refs(&self) -> Result<Vec<RefOutline>, DescribeError> {
        self.ask_about(Subject::Refs).await
    }

    /// One reference.
    ///
    /// # Errors
    /// When there is no such reference, or as [`describe`](Session::describe).
    pub async fn describe_ref(&self, id: RefId) -> Result<RefOutline, DescribeError> {
        self.ask_about(Subject::Ref(id)).await
    }

    /// The session's modules.
    ///
    /// # Errors
    /// As [`describe`](Session::describe).
    pub async fn modules(&self) -> Result<Vec<Module>, DescribeError> {
        let modules = self.describe().await?.modules;
        Ok(modules.into_iter().map(|outline| self.module_of(outline)).collect())
    }

    /// The module of a name.
    ///
    /// # Errors
    /// When there is no such module, or as [`describe`](Session::describe).
    pub async fn module(&self, name: &str) -> Result<Module, DescribeError> {
        let mut modules = self.describe().await?.modules;
        match modules.iter().position(|module| module.name == name) {
            Some(place) => Ok(self.module_of(modules.swap_remove(place))),
            None => {
                let names = modules.iter().map(|module| module.name.as_str());
                Err(DescribeError::UnknownModule {
                    name: name.to_owned(),
                    nearest: nearest(name, names).into_iter().map(str::to_owned).collect(),
                })
            }
        }
    }

    fn module_of(&self, outline: ModuleOutline) -> Module {
        let ModuleOutline { number, name, hash, manifest, .. } = outline;
        let described = Described { number, name, hash, known: true, replaced: false, manifest };
        Module::new(self.clone(), described)
    }

    #[tracing::instrument(level = "debug", target = "farside::client", name = "describe", skip_all, fields(?subject))]
    async fn ask_about<T: DeserializeOwned>(&self, subject: Subject) -> Result<T, DescribeError> {
        match self.link().ask(|seq| Request::Describe { seq, subject }).await {
            Ok(Answer::Described(body)) => {
                outline::decode(&body).map_err(|source| DescribeError::Unreadable { source })
            }
            Ok(other) => Err(DescribeError::Failed(other.into_failure())),
            Err(reason) => Err(DescribeError::Disconnected(reason)),
        }
    }
}

/// Why there is no description.
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// The server says why.
    #[error(transparent)]
    Failed(Failure),
    /// The session has no module of this name.
    #[error("the session has no module `{name}`")]
    UnknownModule {
        /// The name.
        name: String,
        /// Names that it has and that are like it, the nearest first.
        nearest: Vec<String>,
    },
    /// The description is of another form than this client knows.
    #[error("the server's description is unreadable")]
    Unreadable {
        /// How.
        #[source]
        source: rmp_serde::decode::Error,
    },
    /// The connection was lost.
    #[error("the connection is lost")]
    Disconnected(#[source] Arc<Disconnected>),
}

impl DescribeError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            DescribeError::Failed(failure) => failure.hint.clone(),
            DescribeError::UnknownModule { nearest, .. } => did_you_mean(nearest),
            DescribeError::Unreadable { .. } => Some(
                "client and server may be of different versions: compare `farside version`"
                    .to_owned(),
            ),
            DescribeError::Disconnected(reason) => reason.hint().map(str::to_owned),
        }
    }
}
