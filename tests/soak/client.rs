//! A client as it should be, but for its end: it may close its session, be gone in the
//! midst of something, or have its session closed by somebody else.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farside::{Array, Far, GetError, Module, Session};
use farside_tests::{Server, evaluator_turn, guest};
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde::de::DeserializeOwned;

use crate::tally::{Event, Tally};

/// How long an answer may take before it counts as one that never comes.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a session outlives a client that is gone.
const LEASE: Duration = Duration::from_secs(2);

/// The longest pause between two things that a client does.
const PAUSE: Duration = Duration::from_millis(1500);

/// How a session ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    /// The client is gone in the midst of calls.
    Left,
    /// Another connection closes it in the midst of calls.
    Killed,
}

pub(crate) struct Client<'c> {
    server: &'c Arc<Server>,
    tally: &'c Tally,
    rng: &'c mut StdRng,
}

/// Has evaluators ready before the time begins.
pub(crate) async fn warm_up(server: &Server) {
    for language in ["javascript", "python"] {
        let Some(_turn) = evaluator_turn(language) else { continue };
        let session = server.session().await;
        if session.language(language).ready().await.is_err() {
            println!("{language} is not there");
        }
        // It ends with the server, if not now.
        let _ = session.close().await;
    }
}

impl<'c> Client<'c> {
    pub(crate) fn new(
        server: &'c Arc<Server>,
        tally: &'c Tally,
        rng: &'c mut StdRng,
    ) -> Client<'c> {
        Client { server, tally, rng }
    }

    /// Opens a session, does this and that in it until its time is over, and ends it.
    pub(crate) async fn live(&mut self, until: Instant) {
        self.tally.count(Event::Session);
        let builder = farside::Client::builder().url(self.server.url()).token(&self.server.token());
        let Some(client) = self.comes("a connection", builder.lease(LEASE).connect()).await else {
            return;
        };
        let Some(session) = self.comes("a session", client.session()).await else { return };
        let hello = session.upload(guest("hello"));
        let Some(hello) = self.comes("an upload of hello", hello).await else { return };
        loop {
            self.act(&session, &hello).await;
            let pause = PAUSE.mul_f64(self.rng.random());
            if Instant::now() + pause >= until {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        let end = match self.rng.random_range(0..10) {
            0..6 => End::Closed,
            6..8 => End::Left,
            _ => End::Killed,
        };
        self.end(session, &hello, end).await;
    }

    async fn act(&mut self, session: &Session, hello: &Module) {
        match self.rng.random_range(0..8) {
            0 | 1 => self.calls(hello).await,
            2 => self.chain(session, hello).await,
            3 => self.value(session).await,
            4 => self.upload(session).await,
            5 => self.panics(hello).await,
            6 => self.fresh(hello).await,
            _ => self.evaluates(session).await,
        }
    }

    async fn calls(&mut self, hello: &Module) {
        let numbers: Vec<i64> = (0..20).map(|_| self.rng.random_range(-1000..1000)).collect();
        let calls: Vec<Far<i64>> = numbers.iter().map(|n| hello.call("square", (n,))).collect();
        for (n, far) in numbers.iter().zip(&calls) {
            self.is("a square", far, &(n * n)).await;
        }
    }

    async fn chain(&mut self, session: &Session, hello: &Module) {
        let mut number: i64 = self.rng.random_range(0..1000);
        let mut far = session.put(&number);
        for _ in 0..10 {
            far = hello.call("add", (&far, 7));
            number += 7;
        }
        self.is("the end of a chain", &far, &number).await;
    }

    async fn value(&mut self, session: &Session) {
        // Sometimes so large that it is kept in storage.
        let len = if self.rng.random_ratio(1, 5) { 300_000 } else { 1000 };
        let first: f64 = self.rng.random();
        let numbers: Vec<f64> = (0..len).map(|n| first + f64::from(n)).collect();
        let place = self.rng.random_range(0..numbers.len());
        let array = session.put(&Array::from(numbers.clone()));
        let part = self.came("a part", array.get_part::<f64>(&format!("[{place}]"))).await;
        self.compare("a part", part.map(|part| part.to_bits()), numbers[place].to_bits());
        let selected = array.select::<Array<f64>>("[:3]");
        let Some(selected) = self.came("a selection", selected.get()).await else { return };
        self.compare("a selection", Some(selected.into_data()), numbers[..3].to_vec());
        let whole = self.came("a value", array.get()).await;
        self.compare("a value", whole.map(Array::into_data), numbers);
    }

    async fn upload(&mut self, session: &Session) {
        self.tally.count(Event::Upload);
        // Most of them were compiled before.
        let number: i32 = match self.rng.random_ratio(1, 4) {
            true => self.rng.random(),
            false => self.rng.random_range(0..50),
        };
        let wat = format!(r#"(module (func (export "n") (result i32) (i32.const {number})))"#);
        let upload = session.uploader(wat.into_bytes()).name("number").send();
        let Some(module) = self.comes("an upload", upload).await else { return };
        self.is("the number of a module", &module.call("n", ()), &number).await;
    }

    async fn panics(&mut self, hello: &Module) {
        let boom = hello.call::<()>("boom", ("soaked",));
        let lost = hello.call::<i64>("square", (3,));
        for (far, code) in [(boom, "Trap"), (lost.cast(), "Poisoned")] {
            let begun = Instant::now();
            match tokio::time::timeout(PATIENCE, far.get()).await {
                Ok(Err(error)) if error.failure().is_some_and(|f| f.code.name() == code) => {
                    self.tally.right(begun.elapsed());
                }
                Ok(other) => self.tally.wrong(format!("{other:?} in place of {code}")),
                Err(_) => self.tally.stuck(format!("{code} of a call")),
            }
        }
        if self.comes("a renewal", hello.renew()).await.is_some() {
            self.is("a square of a new instance", &hello.call("square", (4,)), &16_i64).await;
        }
    }

    async fn fresh(&mut self, hello: &Module) {
        let Ok(add) = hello.function("add") else { return };
        let sums: Vec<Far<i64>> = (0..20).map(|n| add.call((n, 1))).collect();
        for (n, sum) in (1..).zip(&sums) {
            self.is("a sum", sum, &n).await;
        }
    }

    async fn evaluates(&mut self, session: &Session) {
        let number: i64 = self.rng.random_range(0..1000);
        let (language, square) = match self.rng.random_ratio(1, 3) {
            true => ("python", format!("x = {number}\nsum(x for _ in range(x))")),
            false => ("javascript", format!("globalThis.x = {number}; x * x")),
        };
        if farside_tests::evaluator(language).is_none() {
            return;
        }
        let spoken = session.language(language);
        self.is(language, &spoken.eval(&square), &(number * number)).await;
        self.is(language, &spoken.eval("x"), &number).await;
    }

    async fn end(&mut self, session: Session, hello: &Module, end: End) {
        let id = session.id();
        if end == End::Closed {
            self.comes("a goodbye", session.close()).await;
            return;
        }
        let calls: Vec<Far<i64>> = (0..50).map(|n| hello.call("square", (n,))).collect();
        if end == End::Left {
            self.tally.count(Event::Died);
            return;
        }
        self.tally.count(Event::Killed);
        let client = self.server.client().await;
        self.comes("the end of another's session", client.close_session(id)).await;
        // Each was answered before, or went with the session.
        for (n, far) in (0..).zip(&calls) {
            let begun = Instant::now();
            match tokio::time::timeout(PATIENCE, far.get()).await {
                Ok(Ok(square)) if square == n * n => self.tally.right(begun.elapsed()),
                Ok(Ok(square)) => self.tally.wrong(format!("{n} squared is {square}")),
                Ok(Err(_)) => {}
                Err(_) => self.tally.stuck("a call of a session that was killed".to_owned()),
            }
        }
    }

    /// Fetches a value, which has to be this.
    async fn is<T: DeserializeOwned + PartialEq + std::fmt::Debug>(
        &self,
        what: &str,
        far: &Far<T>,
        expected: &T,
    ) {
        if let Some(value) = self.came(what, far.get()).await
            && value != *expected
        {
            self.tally.wrong(format!("{what} is {value:?} in place of {expected:?}"));
        }
    }

    fn compare<T: PartialEq>(&self, what: &str, value: Option<T>, expected: T) {
        if value.is_some_and(|value| value != expected) {
            self.tally.wrong(format!("{what} is another one"));
        }
    }

    /// An answer; none, counted as wrong or as missing, if it fails or does not come.
    async fn came<T>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, GetError>>,
    ) -> Option<T> {
        self.comes(what, answer).await
    }

    async fn comes<T, E: std::fmt::Debug>(
        &self,
        what: &str,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Option<T> {
        let begun = Instant::now();
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(value)) => {
                self.tally.right(begun.elapsed());
                Some(value)
            }
            Ok(Err(error)) => {
                self.tally.wrong(format!("{what}: {error:?}"));
                None
            }
            Err(_) => {
                self.tally.stuck(what.to_owned());
                None
            }
        }
    }
}
