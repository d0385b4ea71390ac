//! The evaluators beside `python3` and `node`: the same texts give the same. What is
//! known to differ is as it is known.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use farside::{Far, Language, LogLines, Session};
use farside_tests::Server;
use serde::Deserialize;

use crate::languages::evaluating;

/// A text, and what it gives, line by line; of an exception `!` and its class.
type Outcome = (String, Vec<String>);

/// What the language's own interpreter says.
#[derive(Deserialize)]
struct Reference {
    expressions: Vec<Outcome>,
    programs: Vec<Outcome>,
}

/// A language, beside its own interpreter.
struct Compared {
    name: &'static str,
    interpreter: &'static str,
    script: &'static str,
    /// An expression for the text by which another one's value is compared.
    shown: fn(&str) -> String,
    /// A statement that prints [`END`].
    print_end: &'static str,
}

const PYTHON: Compared = Compared {
    name: "python",
    interpreter: "python3",
    script: "reference.py",
    shown: |expression| format!("repr(({expression}))"),
    print_end: "print('%%')",
};

const JAVASCRIPT: Compared = Compared {
    name: "javascript",
    interpreter: "node",
    script: "reference.js",
    shown: |expression| {
        let text = serde_json::to_string(expression).unwrap();
        format!("(v => v === undefined ? 'undefined' : v)(JSON.stringify((0, eval)({text})))")
    },
    print_end: "console.log('%%')",
};

/// A line behind all that a program prints.
const END: &str = "%%";

/// Fewest texts of each language.
const TEXTS: usize = 200;

#[tokio::test]
async fn python_texts_give_what_python3_gives() {
    PYTHON.check().await;
}

#[tokio::test]
async fn javascript_texts_give_what_node_gives() {
    JAVASCRIPT.check().await;
}

#[tokio::test]
async fn python_differs_where_it_is_known_to() {
    PYTHON.check_differences().await;
}

#[tokio::test]
async fn javascript_differs_where_it_is_known_to() {
    JAVASCRIPT.check_differences().await;
}

impl Compared {
    async fn check(&self) {
        let Some(reference) = self.reference() else { return };
        let Some(server) = evaluating(self.name).await else { return };
        let mut differing = Differing::default();
        for (outcome, expected) in self.values(&server, &reference.expressions).await {
            differing.compare(outcome, expected);
        }
        let client = server.client().await;
        for (text, expected) in &reference.programs {
            let session = client.session().await.unwrap();
            let outcome = self.printed(&session, text).await;
            differing.compare((text.clone(), outcome), expected);
            session.close().await.unwrap();
        }
        assert!(differing.compared >= TEXTS, "{} texts are too few", differing.compared);
        differing.finish();
    }

    async fn check_differences(&self) {
        let Some(server) = evaluating(self.name).await else { return };
        let known = known_differences(self.name);
        let mut differing = Differing::default();
        for (outcome, expected) in self.values(&server, &known).await {
            differing.compare(outcome, expected);
        }
        differing.finish();
    }

    /// What the language's own interpreter says; none, and a word about it, if it is not
    /// on this machine.
    fn reference(&self) -> Option<Reference> {
        let folder = folder();
        let mut command = Command::new(self.interpreter);
        command.arg(folder.join(self.script)).arg(&folder);
        let Ok(output) = command.output() else {
            eprintln!("skipped: there is no {} to compare with", self.interpreter);
            return None;
        };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} fails: {errors}", self.interpreter);
        Some(serde_json::from_slice(&output.stdout).unwrap())
    }

    /// The outcomes of expressions in one session, each with the expected one.
    async fn values<'a>(
        &self,
        server: &Server,
        expressions: &'a [Outcome],
    ) -> Vec<(Outcome, &'a [String])> {
        let session = server.session().await;
        let language = session.language(self.name);
        // None waits for another.
        let values: Vec<Far<String>> =
            expressions.iter().map(|(text, _)| language.eval(&(self.shown)(text))).collect();
        let mut outcomes = Vec::new();
        for ((text, expected), value) in expressions.iter().zip(values) {
            let outcome = match value.get().await {
                Ok(value) => value.split('\n').map(str::to_owned).collect(),
                Err(error) => vec![class_of(&error)],
            };
            outcomes.push(((text.clone(), outcome), &**expected));
        }
        outcomes
    }

    /// What a program prints, and the class of its exception.
    async fn printed(&self, session: &Session, program: &str) -> Vec<String> {
        let mut logs = session.logs();
        let language = session.language(self.name);
        let ran = language.execute(program).get().await;
        let mut lines = self.lines_until_end(&language, &mut logs).await;
        lines.extend(ran.err().map(|error| class_of(&error)));
        lines
    }

    async fn lines_until_end(&self, language: &Language, logs: &mut LogLines) -> Vec<String> {
        language.execute(self.print_end).get().await.unwrap();
        let mut lines = Vec::new();
        loop {
            let line = logs.next().await.unwrap().text;
            if line == END {
                return lines;
            }
            lines.push(line);
        }
    }
}

/// `!` and the class of an exception.
fn class_of(error: &farside::GetError) -> String {
    let message = error.failure().map_or_else(|| error.to_string(), |it| it.message.clone());
    let class = message.split(':').next().unwrap_or_default();
    format!("!{}", class.rsplit('.').next().unwrap_or_default())
}

/// What gave something else than expected.
#[derive(Default)]
struct Differing {
    compared: usize,
    count: usize,
    text: String,
}

impl Differing {
    fn compare(&mut self, (text, outcome): Outcome, expected: &[String]) {
        self.compared += 1;
        if outcome != expected {
            self.count += 1;
            let (outcome, expected) = (outcome.join("\n"), expected.join("\n"));
            writeln!(self.text, "{text}\n--- gives\n{outcome}\n--- and not\n{expected}\n").unwrap();
        }
    }

    fn finish(self) {
        assert_eq!(self.count, 0, "of {} texts\n\n{}", self.compared, self.text);
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("evaluators")
}

/// The expressions whose outcome is another one than the language's own interpreter's.
fn known_differences(language: &str) -> Vec<Outcome> {
    let text = fs::read_to_string(folder().join(format!("{language}-differences.txt"))).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("# ")).collect();
    let outcome = |pair: &[&str]| {
        let outcome = pair[1].strip_prefix("=> ").unwrap_or_else(|| panic!("{:?}", pair[1]));
        (pair[0].to_owned(), vec![outcome.to_owned()])
    };
    lines.chunks_exact(2).map(outcome).collect()
}
