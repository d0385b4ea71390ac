//! A part of a kept value, wherever its bytes are.

use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::value::{Head, Kind, Path, Piece, SelectError, Selection, select};
use farside_protocol::{ContentType, ErrorCode, Failure};

use super::Session;
use super::drive::Patience;
use super::step::Step;
use super::value::{Body, Value};
use crate::auth::OwnerId;
use crate::config::Config;
use crate::failures;
use crate::fair_queue::{FairQueue, QueueFull, Turn};
use crate::meter::{Charge, Meter};
use crate::sandbox::too_large;
use crate::storage::{Counted, CountedError, StoredValue};

/// Parts of values up to this size are found on the thread that was asked.
const SMALL: u64 = 256 * 1024;

/// Pieces that a part may be of to be read from storage where it was asked for.
const PIECES: usize = 8;

/// Parts that are looked for at once elsewhere, each on a thread, which may wait for
/// storage.
const AT_ONCE: u32 = 4;

/// Those of one owner, so that another's has a place at once.
const OF_OWNER: u32 = 3;

/// Those of one owner that may wait for it.
const WAITING: usize = 64 * 1024;

/// The turns of those parts, round the owners.
pub(crate) struct Selections(FairQueue<OwnerId>);

impl Selections {
    pub(crate) fn new() -> Selections {
        Selections(FairQueue::new(AT_ONCE, WAITING))
    }

    async fn turn(&self, owner: OwnerId) -> Result<Turn<OwnerId>, Failure> {
        let busy = |QueueFull { waiting }| {
            let message = format!("{waiting} parts of large values are looked for already");
            Failure::new(ErrorCode::Unavailable, message)
                .with_hint("wait for some of them before asking for more")
        };
        self.0.take(owner, 1, OF_OWNER).await.map_err(busy)
    }
}

impl Session {
    /// Finds a part here if that is quick, else when it is the owner's turn.
    pub(super) fn find_part(
        self: &Arc<Self>,
        value: Value,
        path: Path,
        then: impl FnOnce(&Session, Result<Value, Failure>) -> Vec<Step> + Send + 'static,
    ) {
        let session = Arc::clone(self);
        let end = move |part| session.drive(then(&session, part), &mut Patience::none());
        let memory = Arc::clone(self.memory());
        let quickly = match &value.body {
            Body::Memory(bytes) => {
                (value.len() <= SMALL).then(|| select_in_memory(&value, bytes, &path, &memory))
            }
            Body::Stored(stored) => select_cached(&value, stored, &path, &memory).map(Ok),
        };
        if let Some(part) = quickly {
            return end(part);
        }
        let session = Arc::clone(self);
        self.core.runtime.spawn(async move {
            let part = session.find_in_turn(value, path, memory).await;
            end(part);
        });
    }

    async fn find_in_turn(
        &self,
        value: Value,
        path: Path,
        memory: Arc<Meter>,
    ) -> Result<Value, Failure> {
        let _turn = self.core.selections.turn(self.owner().id()).await?;
        match value.body.clone() {
            Body::Memory(bytes) => {
                let find = move || select_in_memory(&value, &bytes, &path, &memory);
                self.core.blocking(find).await
            }
            Body::Stored(stored) => {
                select_stored(&value, &stored, &path, &self.config, &memory).await
            }
        }
    }
}

/// Finds a part of a value in memory. Takes time by the value's size.
fn select_in_memory(
    value: &Value,
    bytes: &Bytes,
    path: &Path,
    memory: &Arc<Meter>,
) -> Result<Value, Failure> {
    check_content(value)?;
    let mut pieces = memory.count(0);
    let source = Counted::new(bytes.as_ref(), &mut pieces);
    let selection = select(source, path).map_err(|error| match &error {
        SelectError::Source(CountedError::Full(full)) => failures::of_memory(full),
        _ => failures::of_selection(&error),
    })?;
    // A part that is most of the value shares its memory; a smaller one is
    // copied, so that it does not hold a large value's memory.
    let part = match selection.as_range() {
        Some(range) if range.end - range.start > bytes.len() as u64 / 2 => {
            bytes.slice(range.start as usize..range.end as usize)
        }
        _ => charge(memory, &selection)?.hold(selection.assemble(bytes)),
    };
    Ok(of_bytes(part))
}

/// Finds a small part of a value in storage that the system has in memory. None says
/// no more than that [`select_stored`] is to be asked.
fn select_cached(
    value: &Value,
    stored: &StoredValue,
    path: &Path,
    memory: &Arc<Meter>,
) -> Option<Value> {
    check_content(value).ok()?;
    let selection = stored.select_now(path)?;
    if selection.len() > SMALL || selection.pieces().len() > PIECES {
        return None;
    }
    let charge = charge(memory, &selection).ok()?;
    let mut part = Vec::with_capacity(selection.len() as usize);
    for piece in selection.into_pieces() {
        match piece {
            Piece::Bytes(bytes) => part.extend_from_slice(&bytes),
            Piece::Range(range) => part.extend_from_slice(&stored.read_now(range)?),
        }
    }
    Some(of_bytes(charge.hold(part)))
}

/// Finds a part of a value in storage, of which only that is read.
async fn select_stored(
    value: &Value,
    stored: &Arc<StoredValue>,
    path: &Path,
    config: &Config,
    memory: &Arc<Meter>,
) -> Result<Value, Failure> {
    check_content(value)?;
    let selected = stored.select(path.clone(), memory.count(0)).await;
    let (selection, _pieces) = selected.map_err(|error| match &error {
        SelectError::Source(CountedError::Source(storage)) => failures::of_storage(storage),
        SelectError::Source(CountedError::Full(full)) => failures::of_memory(full),
        _ => failures::of_selection(&error),
    })?;
    let limit = config.limits.value_bytes.bytes();
    if selection.len() > limit {
        return Err(too_large("the part", selection.len(), limit));
    }
    let charge = charge(memory, &selection)?;
    let part = match selection.as_range() {
        Some(range) => stored.read(range).await.map_err(|error| failures::of_storage(&error))?,
        None => gather(stored, selection).await?,
    };
    Ok(of_bytes(charge.hold(part)))
}

fn charge(memory: &Arc<Meter>, part: &Selection) -> Result<Charge, Failure> {
    memory.charge(part.len()).map_err(|exceeded| failures::of_memory(&exceeded))
}

async fn gather(stored: &StoredValue, selection: Selection) -> Result<Bytes, Failure> {
    let mut part = Vec::with_capacity(selection.len() as usize);
    for piece in selection.into_pieces() {
        match piece {
            Piece::Bytes(bytes) => part.extend_from_slice(&bytes),
            Piece::Range(range) => {
                let bytes =
                    stored.read(range).await.map_err(|error| failures::of_storage(&error))?;
                part.extend_from_slice(&bytes);
            }
        }
    }
    Ok(part.into())
}

fn of_bytes(part: Bytes) -> Value {
    let kind = Head::read(&part).map_or(Kind::Nil, |head| head.kind);
    Value::new(ContentType::MSGPACK, kind, part)
}

fn check_content(value: &Value) -> Result<(), Failure> {
    if value.is_object() {
        let message = "the value is an object of its evaluator; parts can be taken of data only";
        return Err(Failure::new(ErrorCode::NotMaterializable, message)
            .with_hint("take an attribute or an item of it"));
    }
    if value.content.is_msgpack() {
        return Ok(());
    }
    let kind = value.describe_kind();
    let message = format!("the value is {kind}; parts can be taken of MessagePack values only");
    Err(Failure::new(ErrorCode::NotMaterializable, message).with_hint("get it whole"))
}
