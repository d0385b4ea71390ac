//! What a name that was begun may become: the variables and attributes that the
//! evaluator knows, and the functions of the session's modules.

use std::time::Duration;

use farside::Session;
use farside::outline::ModuleOutline;
use tokio::time::timeout;

use super::command::WORDS;
use super::token::is_of_name;

/// How long the server has to say what it knows; nobody waits longer for a suggestion.
const PATIENCE: Duration = Duration::from_secs(2);

/// What Python's blocks are indented by.
const INDENT: &str = "    ";

/// The functions that make an evaluator of a module: nobody calls them by name.
const EVALUATORS: [&str; 4] = ["eval", "execute", "names", "reset"];

/// Asks a session for names.
pub(crate) struct Completion {
    pub(crate) session: Session,
    pub(crate) language: String,
}

impl Completion {
    /// What may stand from a place on in place of what is there up to the cursor. Waits
    /// for the server only where there is a name to complete.
    pub(crate) async fn complete(&self, source: &str, cursor: usize) -> (usize, Vec<String>) {
        let before = &source[..cursor];
        let line = before.rsplit('\n').next().unwrap_or_default();
        if before.starts_with(':') {
            let words = WORDS.iter().filter(|word| word.starts_with(before));
            return (0, words.map(|word| (*word).to_owned()).collect());
        }
        if line.trim().is_empty() {
            return (cursor, vec![INDENT.to_owned()]);
        }
        let start = before.rfind(|c| !is_of_name(c) && c != '.');
        let start =
            start.map_or(0, |at| at + before[at..].chars().next().map_or(0, char::len_utf8));
        match &before[start..] {
            "" => (cursor, Vec::new()),
            prefix => (start, self.names(prefix).await),
        }
    }

    /// The names that begin like this. A server that does not answer knows none.
    async fn names(&self, prefix: &str) -> Vec<String> {
        let known = self.session.function(&format!("{}.names", self.language));
        let known = timeout(PATIENCE, known.value::<Vec<String>>((prefix,)));
        let (known, session) = tokio::join!(known, timeout(PATIENCE, self.session.describe()));
        let known = known.ok().and_then(Result::ok).unwrap_or_default();
        let modules = session.ok().and_then(Result::ok).map(|session| session.modules);
        merged(known, &modules.unwrap_or_default(), prefix)
    }
}

fn merged(known: Vec<String>, modules: &[ModuleOutline], prefix: &str) -> Vec<String> {
    let is_evaluator = |module: &&ModuleOutline| {
        EVALUATORS.iter().all(|name| module.manifest.function(name).is_some())
    };
    let functions = modules.iter().filter(|module| !is_evaluator(module)).flat_map(|module| {
        let functions = module.manifest.functions.iter();
        functions.map(move |function| format!("{}.{}", module.name, function.name))
    });
    let mut names: Vec<String> =
        known.into_iter().chain(functions).filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names.dedup();
    // What a terminal would act upon, or what ends a line, is no name.
    names.retain(|name| !name.contains(char::is_control));
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::tests::module;

    #[test]
    fn variables_and_functions_stand_in_one_list() {
        let modules = [module("stats", &["mean", "spread"]), module("javascript", &EVALUATORS)];
        let check = |known: &[&str], prefix| {
            merged(known.iter().map(|name| (*name).to_owned()).collect(), &modules, prefix)
        };
        assert_eq!(
            check(&["state", "start"], "sta"),
            ["start", "state", "stats.mean", "stats.spread"]
        );
        assert_eq!(check(&["stats.mean", "a\u{1b}"], "stats.m"), ["stats.mean"]);
        assert_eq!(check(&[], "java"), Vec::<String>::new());
    }
}
