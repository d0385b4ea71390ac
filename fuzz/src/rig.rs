//! A real server for the targets that need one. It must stay up whatever they bring, and
//! go on answering a bystander.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use arbitrary::Unstructured;
use farside::manifest::TypeName;
use farside::{ErrorCode, Far, Function, Language, Module, RawArguments, Session};
use farside_tests::bystander::Bystander;
use farside_tests::{Server, corpus, evaluator_turn};
use tokio::runtime::Runtime;
use wasm_smith::Config;

/// Functions of a module that are called.
const CALLED: usize = 4;

/// A module whose `mix(seed, steps)` changes memories and globals as the seed says and
/// gives a digest of all that it finds then. `digest` changes nothing.
const MIXER: &str = include_str!("mixer.wat");

/// A server, a bystander, and how they are talked to.
pub struct Rig {
    runtime: Runtime,
    server: Arc<Server>,
    bystander: Mutex<Bystander>,
}

impl Rig {
    /// Starts a server with limits that make endless guests short.
    ///
    /// # Errors
    /// When there can be no runtime.
    ///
    /// # Panics
    /// When the server does not start.
    pub fn start() -> Result<Rig> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.context("cannot start a runtime")?;
        let server = corpus::server().start();
        let bystander = Mutex::new(runtime.block_on(Bystander::new(&server)));
        Ok(Rig { runtime, server: Arc::new(server), bystander })
    }

    /// A module that wasm-smith makes of the bytes: compiled, instantiated, every function
    /// called with numbers of the rest.
    ///
    /// # Panics
    /// When the server fails in another way than it may, or does not go on.
    pub fn module(&self, data: &[u8]) {
        let mut u = Unstructured::new(data);
        let Ok(module) = wasm_smith::Module::new(config(), &mut u) else { return };
        let binary = module.to_bytes();
        self.runtime.block_on(async {
            let session = self.session().await;
            match session.uploader(binary).name("m").send().await {
                Ok(module) => call_all(&module, &mut u).await,
                Err(error) => {
                    let code = error.failure().map(|failure| failure.code);
                    let fits =
                        [ErrorCode::InvalidModule, ErrorCode::CompileLimit, ErrorCode::MemoryLimit];
                    assert!(code.is_some_and(|code| fits.contains(&code)), "{error:?}");
                }
            }
            close(session).await;
        });
        self.goes_on();
    }

    /// A row of fresh calls in instances that were made new after each, against the first
    /// calls of new sessions.
    ///
    /// # Panics
    /// When a fresh call finds what another one has left.
    pub fn image(&self, data: &[u8]) {
        let mut u = Unstructured::new(data);
        let Ok(calls) = u.int_in_range(1..=6) else { return };
        self.runtime.block_on(async {
            let session = self.session().await;
            let mixer = upload_mixer(&session).await;
            let (fresh, kept) = (function(&mixer, "mix").fresh(), function(&mixer, "mix"));
            for _ in 0..calls {
                let seed: i64 = u.arbitrary().unwrap_or_default();
                let steps: i32 = u.int_in_range(0..=40).unwrap_or_default();
                let grows: i32 = u.ratio(1, 8).unwrap_or_default().into();
                let arguments = (seed, steps, grows);
                let given = value(&fresh.call(arguments)).await;
                // A new session's first call is in an instance that nobody had before.
                let twin = self.session().await;
                let expected = value(&upload_mixer(&twin).await.call("mix", arguments)).await;
                assert_eq!(given, expected, "{arguments:?} in an instance that was made new");
                close(twin).await;
                // The session's own instance goes on by itself beside them.
                if u.arbitrary().unwrap_or_default() {
                    let before = value(&mixer.call("digest", ())).await;
                    value(&fresh.call(arguments)).await;
                    assert_eq!(value(&mixer.call("digest", ())).await, before);
                    value(&kept.call((seed, steps, 0))).await;
                }
            }
            close(session).await;
        });
        self.goes_on();
    }

    /// Evaluations of which some are stopped where only their instance can be put back,
    /// against a session that never had those.
    ///
    /// # Panics
    /// When a session is another one than its twin.
    pub fn undo(&self, data: &[u8]) {
        let Some(_turn) = evaluator_turn("javascript") else { return };
        let mut u = Unstructured::new(data);
        self.runtime.block_on(async {
            let (session, twin) = (self.session().await, self.session().await);
            let spoken = [&session, &twin].map(|session| session.language("javascript"));
            spoken[0].ready().await.unwrap_or_else(|error| panic!("no evaluator: {error:?}"));
            for _ in 0..u.int_in_range(2..=6).unwrap_or(2) {
                let change = change(&mut u);
                let mut is_done = true;
                if u.ratio(1, 3).unwrap_or_default() {
                    let undone = format!("{change}; (3n ** 600000n).toString().length");
                    let late = spoken[0].clone().timeout(Duration::from_millis(100));
                    let stopped = late.eval::<()>(&undone).get().await;
                    // On a fast machine it may see that it is to end, and what it did stays.
                    is_done = !stopped.is_err_and(|error| {
                        error.hint().is_some_and(|hint| hint.contains("as they were before it"))
                    });
                } else {
                    done(&spoken[0], &change).await;
                }
                if is_done {
                    done(&spoken[1], &change).await;
                }
                let mut seen = Vec::new();
                for language in &spoken {
                    seen.push(
                        language
                            .eval::<String>("JSON.stringify(globalThis.s)")
                            .get_raw(None)
                            .await
                            .ok(),
                    );
                }
                assert_eq!(seen[0], seen[1], "after {change}");
            }
            close(session).await;
            close(twin).await;
        });
        self.goes_on();
    }

    async fn session(&self) -> Session {
        self.server.session().await
    }

    fn goes_on(&self) {
        let mut bystander = self.bystander.lock().unwrap_or_else(PoisonError::into_inner);
        self.runtime.block_on(bystander.goes_on());
    }
}

/// Modules without imports, of what the server's engine admits.
fn config() -> Config {
    Config {
        max_imports: 0,
        min_funcs: 1,
        max_funcs: 12,
        max_instructions: 400,
        export_everything: true,
        max_memories: 3,
        max_memory32_bytes: 64 << 20,
        max_memory64_bytes: 64 << 20,
        max_table_elements: 10_000,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        gc_enabled: false,
        exceptions_enabled: false,
        custom_page_sizes_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// Calls every function; any end but a defect of the server's is a good one.
async fn call_all(module: &Module, u: &mut Unstructured<'_>) {
    let functions = &module.manifest().functions;
    for function in functions.iter().take(CALLED) {
        let numbers: Vec<serde_json::Value> = function
            .params
            .iter()
            .map(|param| match (param.schema.ty, param.schema.format.as_deref()) {
                (Some(TypeName::Integer), Some("int32")) => {
                    u.arbitrary::<i32>().unwrap_or_default().into()
                }
                (Some(TypeName::Integer), _) => u.arbitrary::<i64>().unwrap_or_default().into(),
                _ => f64::from(u.arbitrary::<f32>().unwrap_or_default()).into(),
            })
            .collect();
        let bytes = rmp_serde::to_vec(&numbers)
            .unwrap_or_else(|error| panic!("numbers can't be written: {error}"));
        let call: Far<()> = module.call(&function.name, RawArguments(bytes.into()));
        if let Err(error) = call.get_raw(None).await {
            let code = error.failure().map(|failure| failure.code);
            let is_defect = code.is_none_or(|code| code == ErrorCode::Internal);
            assert!(!is_defect, "{}: {error:?}", function.name);
            if module.renew().await.is_err() {
                panic!("{} can't be renewed", function.name);
            }
        }
    }
}

async fn upload_mixer(session: &Session) -> Module {
    let upload = session.uploader(MIXER.as_bytes().to_vec()).name("mixer").send().await;
    upload.unwrap_or_else(|error| panic!("the mixer can't be uploaded: {error:?}"))
}

fn function(module: &Module, name: &str) -> Function {
    module.function(name).unwrap_or_else(|error| panic!("{error}"))
}

async fn value(far: &Far<i64>) -> i64 {
    far.get().await.unwrap_or_else(|error| panic!("{error:?}"))
}

async fn close(session: Session) {
    session.close().await.unwrap_or_else(|error| panic!("a session can't be closed: {error:?}"));
}

/// Has a change made.
async fn done(language: &Language, change: &str) {
    let done = language.eval::<()>(&format!("{change}; undefined")).get().await;
    done.unwrap_or_else(|error| panic!("{change}: {error:?}"));
}

/// A source that changes what is kept in `s`.
fn change(u: &mut Unstructured<'_>) -> String {
    let number: i16 = u.arbitrary().unwrap_or_default();
    let make = "globalThis.s ??= { list: [], map: {}, text: '' }";
    let act = match u.int_in_range(0..=5).unwrap_or_default() {
        0 => format!("s.list.push({number})"),
        1 => format!("s.map['k' + {}] = {number}", number % 7),
        2 => format!("s.text += 'x'.repeat({})", number.unsigned_abs() % 5000),
        3 => format!(
            "s.list = s.list.concat(Array({}).fill({number}))",
            number.unsigned_abs() % 3000
        ),
        4 => format!("s.map = {{ inner: s.map, n: {number} }}"),
        _ => "s.list.sort(); s.text = s.text.slice(1)".to_owned(),
    };
    format!("{make}; {act}")
}
