//! A question to the server that waits for its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use farside_protocol::{
    ContentType, ErrorCode, Failure, ModuleHash, RefState, ResumeKey, SessionId, WriterId,
};

use crate::client::ServerVersions;
use crate::disconnected::Disconnected;
use crate::link::Link;

/// What a server answered, its payload complete.
#[derive(Debug)]
pub(crate) enum Answer {
    Welcome(Box<ServerVersions>),
    Attached(Box<Attached>),
    Value(ContentType, Bytes),
    Failed(Box<Failure>),
    Waited(Vec<RefState>),
    Uploaded(Box<Uploaded>),
    Described(Bytes),
    Done,
}

#[derive(Debug)]
pub(crate) struct Attached {
    pub(crate) session: SessionId,
    pub(crate) key: ResumeKey,
    pub(crate) writer: WriterId,
    pub(crate) lease_ms: u64,
}

#[derive(Debug)]
pub(crate) struct Uploaded {
    pub(crate) module: u32,
    pub(crate) name: String,
    pub(crate) hash: ModuleHash,
    pub(crate) replaced: bool,
    pub(crate) manifest: Bytes,
}

impl Answer {
    /// The failure that this answer is, or that it is for a question which has
    /// other answers.
    pub(crate) fn into_failure(self) -> Failure {
        let name = match self {
            Answer::Failed(failure) => return *failure,
            Answer::Welcome(_) => "Welcome",
            Answer::Attached(_) => "Attached",
            Answer::Value(..) => "Value",
            Answer::Waited(_) => "Waited",
            Answer::Uploaded(_) => "Uploaded",
            Answer::Described(_) => "Described",
            Answer::Done => "Done",
        };
        Failure::new(
            ErrorCode::BadRequest,
            format!("the server's answer is `{name}`, out of place"),
        )
    }
}

/// A question under way. Dropping it gives the answer up: one that still comes is
/// ignored, and a transfer in its midst is aborted.
#[must_use = "a question that is not awaited is given up"]
pub(crate) struct Ask<'a> {
    link: &'a Link,
    key: u64,
    answered: bool,
}

impl<'a> Ask<'a> {
    pub(crate) fn new(link: &'a Link, key: u64) -> Ask<'a> {
        Ask { link, key, answered: false }
    }
}

impl Future for Ask<'_> {
    type Output = Result<Answer, Arc<Disconnected>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.link.poll_answer(self.key, cx);
        self.answered |= answer.is_ready();
        answer
    }
}

impl Drop for Ask<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.link.forget(self.key);
        }
    }
}
