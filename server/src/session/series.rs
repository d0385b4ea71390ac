//! A function for each item of a list or array: `map`, `filter` and `reduce`.
//!
//! It is a call without an instance of its own, which makes one call after the other of
//! the function, as a guest would. What it holds is bounded as any value is.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;
use farside_protocol::value::items::{Items, array_of, array_of_numbers, list_of};
use farside_protocol::value::{Head, Kind, scan};
use farside_protocol::{Each, ErrorCode, Failure, RefId};

use super::Session;
use super::arguments::CheckedArguments;
use super::nested::Callee;
use crate::failures;
use crate::meter::Charge;
use crate::sandbox::{Fault, Finished, Output, Stop, TICK, too_large};

/// What is to be done with which items.
pub(super) struct Series {
    pub(super) of: RefId,
    pub(super) how: Each,
    pub(super) callee: Callee,
    pub(super) deadline: Instant,
    pub(super) stop: Stop,
    /// The arguments: the items, and perhaps an initial value.
    pub(super) arguments: Bytes,
}

/// Checks the form of the arguments of a function for each item.
pub(super) fn check_form(
    how: Each,
    bytes: Bytes,
    depth: usize,
) -> Result<CheckedArguments, Failure> {
    let invalid = |message: String| Failure::new(ErrorCode::InvalidArgument, message);
    let scanned = scan(&bytes).map_err(|error| invalid(error.to_string()))?;
    if scanned.depth > depth {
        let message =
            format!("the arguments are nested {} levels deep; {depth} are allowed", scanned.depth);
        return Err(Failure::new(ErrorCode::ValueTooLarge, message));
    }
    let most = if how == Each::Reduce { 2 } else { 1 };
    let count = Head::read(&bytes).filter(|head| head.kind == Kind::List).map(|head| head.items);
    if !count.is_some_and(|count| (1..=most).contains(&count)) {
        return Err(invalid("a function for each item takes one list or array of them".to_owned()));
    }
    Ok(CheckedArguments { bytes, sites: scanned.refs })
}

impl Series {
    /// Goes over all items.
    pub(super) async fn run(self, session: Arc<Session>) -> Finished {
        let outcome = match self.stop.requested() {
            Some(failure) => Err(failure),
            None => self.go_over(&session).await,
        };
        let outcome = outcome.map(|bytes| {
            let kind = Head::read(&bytes).map_or(Kind::Nil, |head| head.kind);
            Output { bytes, kind }
        });
        let outcome = outcome.map_err(|failure| Fault { failure, poisons: false });
        Finished { instance: None, outcome, fuel: None }
    }

    async fn go_over(&self, session: &Arc<Session>) -> Result<Bytes, Failure> {
        let limits = &session.config.limits;
        let mut given = Items::of(self.arguments.clone()).map_err(|error| no_items(&error))?;
        let data = given.next().map(|item| item.value).unwrap_or_default();
        let mut items = Items::of(data.clone()).map_err(|error| no_items(&error))?;
        let dtype = items.dtype();
        let mut kept = Kept {
            bytes: Vec::new(),
            count: 0,
            most: limits.value_bytes.bytes(),
            charge: session.memory().count(0),
        };
        let mut sum = given.next().map(|item| item.value);
        if self.how == Each::Reduce && sum.is_none() {
            sum = items.next().map(|item| item.value);
        }
        let mut turn = Instant::now();
        for (place, item) in items.enumerate() {
            let arguments = match &sum {
                Some(sum) => list_of(2, &[&sum[..], &item.value[..]].concat()),
                None => list_of(1, &item.value),
            };
            let nested = session.begin_nested(self.of, self.deadline, &self.callee, &arguments);
            let result = match nested {
                Ok(nested) => nested.await,
                Err(failure) => Err(Arc::new(failure)),
            };
            let result = result.map_err(|failure| {
                let message = format!("item {place} failed");
                Failure::new(failure.code, message).with_cause(failure)
            })?;
            match (self.how, dtype) {
                (Each::Map, _) => kept.push(&result)?,
                (Each::Reduce, _) => sum = Some(result),
                (Each::Filter, dtype) => match (&result[..], dtype) {
                    ([TRUE], None) => kept.push(&item.value)?,
                    ([TRUE], Some(_)) => kept.push(&data[item.range])?,
                    ([FALSE], _) => {}
                    _ => return Err(no_answer(place, &result)),
                },
            }
            if turn.elapsed() >= TICK {
                yield_once().await;
                turn = Instant::now();
            }
        }
        match (self.how, dtype, sum) {
            (Each::Reduce, _, Some(sum)) => Ok(sum),
            (Each::Reduce, _, None) => {
                let message = "there is nothing to reduce, and no initial value";
                Err(Failure::new(ErrorCode::InvalidArgument, message))
            }
            (Each::Filter, Some(dtype), _) => kept.hold(|bytes, _| array_of(dtype, bytes)),
            (Each::Map, Some(_), _) => kept.hold(|bytes, count| {
                array_of_numbers(bytes).unwrap_or_else(|| list_of(count, bytes))
            }),
            (_, None, _) => kept.hold(|bytes, count| list_of(count, bytes)),
        }
    }
}

/// MessagePack's booleans.
const FALSE: u8 = 0xc2;
const TRUE: u8 = 0xc3;

/// Values that follow each other, within the limit of one value.
struct Kept {
    bytes: Vec<u8>,
    count: u64,
    most: u64,
    charge: Charge,
}

impl Kept {
    fn push(&mut self, value: &[u8]) -> Result<(), Failure> {
        let len = (self.bytes.len() + value.len()) as u64;
        if len > self.most {
            return Err(too_large("the list of results", len, self.most));
        }
        self.charge.grow(value.len() as u64).map_err(|full| failures::of_memory(&full))?;
        self.bytes.extend_from_slice(value);
        self.count += 1;
        Ok(())
    }

    fn hold(mut self, whole: impl FnOnce(&[u8], u64) -> Vec<u8>) -> Result<Bytes, Failure> {
        let whole = whole(&self.bytes, self.count);
        if whole.len() as u64 > self.most {
            return Err(too_large("the list of results", whole.len() as u64, self.most));
        }
        let more = (whole.len() as u64).saturating_sub(self.bytes.len() as u64);
        self.charge.grow(more).map_err(|full| failures::of_memory(&full))?;
        Ok(self.charge.hold(whole))
    }
}

fn no_items(error: &farside_protocol::value::items::NoItems) -> Failure {
    Failure::new(ErrorCode::InvalidArgument, error.to_string())
        .with_hint("it takes a list, or an array of one dimension")
}

fn no_answer(place: usize, result: &[u8]) -> Failure {
    let kind = Head::read(result).map_or(Kind::Nil, |head| head.kind);
    let message = format!("for item {place} the function gave {kind}, and not true or false");
    Failure::new(ErrorCode::InvalidArgument, message)
}

/// Lets others have a turn.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
