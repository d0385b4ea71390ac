//! The corpus of hostile modules and clients against one server, which has to give each
//! what is promised, go on serving a bystander after each, and be left with no more memory
//! and descriptors than it began with.
//!
//! With `FARSIDE_HOSTILE` set, what came of each case is printed; set to some words, only
//! cases with one of them in their names are tried.
#![expect(
    clippy::unwrap_used,
    reason = "a test may panic, in its functions too; that is how it fails"
)]

mod rest;
mod table;
mod watch;

use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farside_tests::bystander::Bystander;
use farside_tests::corpus::{self, Case, Kind};
use farside_tests::{Process, Server, evaluator_turn};

use crate::rest::Rest;
use crate::table::{Row, Table};
use crate::watch::Watch;

/// How long the bystander's answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The cases that are asked for; all, if none are.
fn cases() -> Vec<Case> {
    let words = env::var("FARSIDE_HOSTILE").unwrap_or_default();
    let words: Vec<&str> = words.split(',').filter(|word| !word.is_empty()).collect();
    let is_wanted =
        |case: &Case| words.is_empty() || words.iter().any(|word| case.name().contains(word));
    corpus::all().into_iter().filter(is_wanted).collect()
}

/// Does once what is done for the first time slowly, and kept.
async fn warm_up(server: &Arc<Server>) {
    for language in ["javascript", "python"] {
        let Some(_turn) = evaluator_turn(language) else { continue };
        let session = server.session().await;
        session.language(language).ready().await.unwrap();
        session.language(language).eval::<()>("1").get_raw(None).await.unwrap();
        session.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_modules_and_clients_get_what_is_promised() {
    let all = corpus::all();
    let of = |kind| all.iter().filter(|case| case.kind() == kind).count();
    assert!(of(Kind::Module) >= 60 && of(Kind::Client) >= 40, "the corpus has lost cases");
    let mut names: Vec<&str> = all.iter().map(Case::name).collect();
    names.sort_unstable();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "two cases have one name: {twice:?}");

    let server = Arc::new(corpus::server().start());
    let process = Process::of(server.pid());
    let mut bystander = Bystander::new(&server).await;
    warm_up(&server).await;
    let rest = Rest::of(process);

    let mut table = Table::begin(env::var_os("FARSIDE_HOSTILE").is_some());
    for case in cases() {
        if let Some(language) = case.lacks() {
            table.leave_out(language);
            continue;
        }
        let watch = Watch::begin(process);
        let begun = Instant::now();
        let outcome = case.run(&server).await;
        let took = begun.elapsed();
        let (peak, children) = watch.end();
        let bystander = tokio::time::timeout(PATIENCE, bystander.has_its_answer()).await;
        let is_kept = case.allows(&outcome) && bystander == Ok(true);
        let outcome = match bystander {
            Ok(true) => outcome,
            Ok(false) => format!("{outcome}; the bystander has a wrong answer"),
            Err(_) => format!("{outcome}; the bystander waits"),
        };
        table.add(Row { case, outcome, is_kept, took, peak, children });
    }
    table.sum_up();
    let client = server.client().await;
    for session in client.sessions().await.unwrap() {
        if session.session != bystander.session() {
            client.close_session(session.session).await.unwrap();
        }
    }
    drop(client);
    let is_at_rest = rest.comes_again().await;
    bystander.goes_on().await;
    assert!(table.broken().is_empty(), "not as promised:\n{}", table.broken().join("\n"));
    assert!(is_at_rest, "the server is left with more than it began with");
}
