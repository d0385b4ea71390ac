//! The languages that sessions can evaluate: guest modules that the operator provides,
//! each under the name of its language.
//!
//! They are looked for beside this program and in the data folder, and named by the
//! setting `evaluator`. Each is compiled once and stays ready for as long as the
//! server runs; a session has an instance of its own from its first use on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::{env, fs, io};

use bytes::Bytes;
use farside_protocol::{ErrorCode, Failure, ModuleHash};

use crate::config::Config;
use crate::core::Core;
use crate::sandbox::Module;

/// Where evaluators lie beside a program: `bin/farside` and
/// `share/farside/evaluators/python.wasm`.
const SHARE: &str = "share/farside/evaluators";

/// All evaluators of a server, by language.
#[derive(Default)]
pub(crate) struct Evaluators(BTreeMap<String, Evaluator>);

struct Evaluator {
    path: PathBuf,
    /// Empty while it is compiled.
    module: OnceLock<Result<Arc<Module>, Failure>>,
}

impl Evaluators {
    /// Those of the usual places and of the setting, which wins.
    pub(crate) fn find(config: &Config) -> Evaluators {
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
        let evaluator = |path| Evaluator { path, module: OnceLock::new() };
        Evaluators(found.into_iter().map(|(name, path)| (name, evaluator(path))).collect())
    }

    /// The languages, with the files that evaluate them.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.0.iter().map(|(name, evaluator)| (name.as_str(), evaluator.path.as_path()))
    }

    /// The module that evaluates a language. None if there is no such language.
    pub(crate) fn module(&self, language: &str) -> Option<Result<Arc<Module>, Failure>> {
        let module = self.0.get(language)?.module.get().cloned();
        Some(module.unwrap_or_else(|| {
            let message = format!("{language} is being prepared, which is done once");
            Err(Failure::new(ErrorCode::Unavailable, message).with_hint("try again in a moment"))
        }))
    }
}

/// The modules in a folder; none if it is not there.
fn modules_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_module = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "wasm");
    entries.map(|entry| entry.path()).filter(is_module).collect()
}

impl Core {
    /// Makes every evaluator ready: at once those that were compiled before, and the
    /// others while the server runs already.
    pub(crate) async fn prepare_evaluators(self: &Arc<Self>) {
        let languages: Vec<String> =
            self.evaluators.files().map(|(language, _)| language.to_owned()).collect();
        for language in languages {
            match self.read_evaluator(&language).await {
                Ok((hash, bytes)) => self.prepare_evaluator(language, hash, bytes).await,
                Err(error) => self.settle_evaluator(&language, Err(unreadable(&language, &error))),
            }
        }
    }

    async fn read_evaluator(&self, language: &str) -> io::Result<(ModuleHash, Bytes)> {
        let path = self.evaluators.0.get(language).map(|evaluator| evaluator.path.clone());
        let read = move || {
            let bytes = Bytes::from(fs::read(path.unwrap_or_default())?);
            Ok((ModuleHash::of(&bytes), bytes))
        };
        self.runtime.spawn_blocking(read).await?
    }

    async fn prepare_evaluator(self: &Arc<Self>, language: String, hash: ModuleHash, bytes: Bytes) {
        let core = Arc::clone(self);
        let loaded = self.runtime.spawn_blocking(move || core.sandbox.catalog.load(hash)).await;
        if let Ok(Some(module)) = loaded {
            return self.settle_evaluator(&language, Ok(module));
        }
        tracing::info!(language, "preparing an evaluator, which is done once");
        let core = Arc::clone(self);
        self.runtime.spawn(async move {
            let module = match core.sandbox.catalog.compile_evaluator(hash, bytes).await {
                Ok(product) => core.install(hash, product).await,
                Err(failure) => Err(failure),
            };
            core.settle_evaluator(&language, module);
        });
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
