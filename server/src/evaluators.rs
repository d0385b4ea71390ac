//! The languages that sessions can evaluate: guest modules that the operator provides,
//! each under the name of its language.
//!
//! They are looked for beside this program and in the data folder, and named by the
//! setting `evaluator`. One that was compiled before is ready from the start on, and
//! another one is compiled when it is first asked for; it stays ready for as long as the
//! server runs. A session has an instance of its own from its first use on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{env, fs, io};

use bytes::Bytes;
use farside_protocol::{ErrorCode, Failure, ModuleHash};
use tokio::sync::Notify;

use crate::config::Config;
use crate::core::Core;
use crate::sandbox::{self, Module, ModuleError};

/// Where evaluators lie beside a program: `bin/farside` and
/// `share/farside/evaluators/python.wasm`.
const SHARE: &str = "share/farside/evaluators";

/// All evaluators of a server, by language.
#[derive(Default)]
pub(crate) struct Evaluators(BTreeMap<String, Evaluator>);

struct Evaluator {
    path: PathBuf,
    /// Empty until it is compiled.
    module: OnceLock<Result<Arc<Module>, Failure>>,
    /// Told when somebody wants it.
    wanted: Notify,
}

impl Evaluators {
    /// Those of the usual places and of the setting, which wins.
    ///
    /// # Errors
    /// When a file of the setting is not to be had, or is no evaluator.
    pub(crate) fn find(config: &Config) -> Result<Evaluators, NoEvaluator> {
        for (name, path) in config.evaluator.iter() {
            look_at(path).map_err(|why| NoEvaluator {
                name: name.clone(),
                path: path.clone(),
                why,
            })?;
        }
        let program = env::current_exe().ok();
        let folder = program.as_deref().and_then(Path::parent);
        let mut places: Vec<PathBuf> = vec![config.data.join("evaluators")];
        places.extend(folder.map(|folder| folder.join(SHARE)));
        places.extend(folder.and_then(Path::parent).map(|folder| folder.join(SHARE)));
        let mut found = BTreeMap::new();
        for place in places {
            for path in modules_in(&place) {
                let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
                found.entry(name.unwrap_or_default()).or_insert(path);
            }
        }
        found.extend(config.evaluator.iter().map(|(name, path)| (name.clone(), path.clone())));
        let evaluator = |path| Evaluator { path, module: OnceLock::new(), wanted: Notify::new() };
        Ok(Evaluators(found.into_iter().map(|(name, path)| (name, evaluator(path))).collect()))
    }

    /// The languages, with the files that evaluate them; but those that are known not
    /// to work.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        let works = |evaluator: &Evaluator| !matches!(evaluator.module.get(), Some(Err(_)));
        let found = self.0.iter().filter(move |(_, evaluator)| works(evaluator));
        found.map(|(name, evaluator)| (name.as_str(), evaluator.path.as_path()))
    }

    /// The module that evaluates a language. None if there is no such language.
    pub(crate) fn module(&self, language: &str) -> Option<Result<Arc<Module>, Failure>> {
        let evaluator = self.0.get(language)?;
        Some(evaluator.module.get().cloned().unwrap_or_else(|| {
            evaluator.wanted.notify_one();
            let message = format!("{language} is being compiled, which is done once");
            Err(Failure::new(ErrorCode::Unavailable, message)
                .with_hint("try again in half a minute"))
        }))
    }
}

/// A file of the operator's that evaluates nothing.
#[derive(Debug, thiserror::Error)]
#[error("{} can't evaluate {name}: {why}", path.display())]
pub struct NoEvaluator {
    name: String,
    path: PathBuf,
    why: String,
}

/// Whether a file may be an evaluator, as far as that shows without compiling it.
fn look_at(path: &Path) -> Result<(), String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let exports = sandbox::functions_of(&bytes)?;
    match ["eval", "execute"].iter().find(|needed| !exports.contains(**needed)) {
        Some(missing) => Err(format!("it is a module without the function {missing}")),
        None => Ok(()),
    }
}

/// The modules in a folder; none if it is not there.
fn modules_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_module = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "wasm");
    entries.map(|entry| entry.path()).filter(is_module).collect()
}

impl Core {
    /// Makes those evaluators ready that were compiled before, and has the others wait
    /// until somebody asks for them.
    pub(crate) async fn prepare_evaluators(self: &Arc<Self>) {
        let files: Vec<(String, PathBuf)> = self
            .evaluators
            .files()
            .map(|(language, path)| (language.to_owned(), path.to_owned()))
            .collect();
        for (language, path) in files {
            let core = Arc::clone(self);
            let found = self.runtime.spawn_blocking(move || {
                let bytes = Bytes::from(fs::read(&path)?);
                let hash = ModuleHash::of(&bytes);
                io::Result::Ok((core.sandbox.catalog.load_evaluator(hash, &path), hash, path))
            });
            match found.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
                Ok((Some(module), ..)) => self.settle_evaluator(&language, Ok(module)),
                Ok((None, hash, path)) => self.compile_when_wanted(language, hash, path),
                Err(error) => self.settle_evaluator(&language, Err(unreadable(&language, &error))),
            }
        }
    }

    fn compile_when_wanted(self: &Arc<Self>, language: String, hash: ModuleHash, path: PathBuf) {
        let (evaluators, core) = (Arc::clone(&self.evaluators), Arc::downgrade(self));
        self.runtime.spawn(async move {
            if let Some(evaluator) = evaluators.0.get(&language) {
                evaluator.wanted.notified().await;
            }
            let Some(core) = core.upgrade() else { return };
            tracing::info!(language, "compiling an evaluator, which is done once");
            let module = core.compile_evaluator(&language, hash, path).await;
            core.settle_evaluator(&language, module);
        });
    }

    async fn compile_evaluator(
        self: &Arc<Self>,
        language: &str,
        hash: ModuleHash,
        path: PathBuf,
    ) -> Result<Arc<Module>, Failure> {
        let (language, file) = (language.to_owned(), path.clone());
        let read = move || fs::read(file).map_err(|error| unreadable(&language, &error));
        let bytes = self.blocking(read).await?;
        let product = self.sandbox.catalog.compile_evaluator(hash, bytes.into()).await?;
        let core = Arc::clone(self);
        self.blocking(move || {
            let module = core.sandbox.catalog.install_evaluator(hash, &product, &path);
            module.map_err(ModuleError::into_failure)
        })
        .await
    }

    fn settle_evaluator(&self, language: &str, module: Result<Arc<Module>, Failure>) {
        match &module {
            Ok(module) => {
                let module = module.hash().short();
                tracing::info!(language, %module, "an evaluator is ready");
            }
            Err(failure) => tracing::warn!(language, %failure, "an evaluator can't be used"),
        }
        if let Some(evaluator) = self.evaluators.0.get(language) {
            // It is settled once.
            let _ = evaluator.module.set(module);
        }
    }
}

fn unreadable(language: &str, error: &io::Error) -> Failure {
    let message = format!("the evaluator of {language} can't be read: {error}");
    Failure::new(ErrorCode::Unavailable, message)
        .with_hint("the operator sets its file with --evaluator")
}
