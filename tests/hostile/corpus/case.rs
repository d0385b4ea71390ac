//! One case: who it is, what is promised, what it does.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::built;
use crate::server::Server;

/// How long a case may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// Who misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A module, or source text for an evaluator.
    Module,
    /// A client.
    Client,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Module => "module",
            Kind::Client => "client",
        })
    }
}

type Act = dyn Fn(Arc<Server>) -> Pin<Box<dyn Future<Output = String> + Send>> + Send + Sync;

/// A hostile module or client.
pub struct Case {
    name: &'static str,
    kind: Kind,
    promised: &'static [&'static str],
    is_heavy: bool,
    language: Option<&'static str>,
    act: Box<Act>,
}

impl Case {
    pub(super) fn new<F>(
        kind: Kind,
        name: &'static str,
        promised: &'static [&'static str],
        act: impl Fn(Arc<Server>) -> F + Send + Sync + 'static,
    ) -> Case
    where
        F: Future<Output = String> + Send + 'static,
    {
        let act = Box::new(move |server| -> Pin<Box<dyn Future<Output = String> + Send>> {
            Box::pin(act(server))
        });
        Case { name, kind, promised, is_heavy: false, language: None, act }
    }

    /// The same case, as one that takes seconds or much memory.
    pub(super) fn heavy(mut self) -> Case {
        self.is_heavy = true;
        self
    }

    /// The same case, as one that needs an evaluator.
    pub(super) fn needing(mut self, language: &'static str) -> Case {
        self.language = Some(language);
        self
    }

    /// The language whose evaluator it needs and this machine has not.
    #[must_use]
    pub fn lacks(&self) -> Option<&'static str> {
        self.language.filter(|language| built::evaluator(language).is_none())
    }

    /// What it is, in a few words.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Who misbehaves.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it takes seconds or much memory: a soak leaves it out.
    #[must_use]
    pub fn is_heavy(&self) -> bool {
        self.is_heavy
    }

    /// The outcomes of which one is promised: more than one where it is a matter of
    /// degree, such as which of two limits is reached first.
    #[must_use]
    pub fn promised(&self) -> String {
        self.promised.join(" or ")
    }

    /// Whether that is an outcome that is promised.
    #[must_use]
    pub fn allows(&self, outcome: &str) -> bool {
        self.promised.contains(&outcome)
    }

    /// Does it, and says what came of it. A panic of its own is an outcome too.
    pub async fn run(&self, server: &Arc<Server>) -> String {
        let acting = tokio::spawn((self.act)(Arc::clone(server)));
        let abort = acting.abort_handle();
        match tokio::time::timeout(PATIENCE, acting).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => format!("the case itself failed: {error}"),
            Err(_) => {
                abort.abort();
                "hangs".to_owned()
            }
        }
    }
}
