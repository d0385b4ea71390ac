//! What errors say.

use std::error::Error;

use farside::{ContentType, ErrorCode, Failure, Far, GetError};
use farside_protocol::Reply;
use serde::{Deserialize, Serialize};

use crate::peer::{packed, seq, session, value};

/// An error and its sources, as a program prints them.
pub(crate) fn text(error: &dyn Error) -> String {
    let sources = std::iter::successors(error.source(), |error| (*error).source());
    sources.fold(error.to_string(), |text, source| format!("{text}: {source}"))
}

/// A failure and its causes, one a line.
pub(crate) fn chain(failure: &Failure) -> String {
    failure.causes().fold(failure.to_string(), |text, cause| format!("{text}\n{cause}"))
}

async fn failed_get(failure: Failure) -> GetError {
    let (session, mut peer) = session().await;
    let far: Far<u32> = session.far(farside::RefId::from_bits(1));
    let (result, ()) = tokio::join!(far.get(), async {
        peer.next().await;
        peer.send(&[Reply::Failed { seq: seq(1), failure }]).await;
    });
    result.unwrap_err()
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum BankError {
    Overdrawn { by: u32 },
}

#[tokio::test(start_paused = true)]
async fn a_guests_own_error_is_a_value() {
    let mut failure = Failure::new(ErrorCode::GuestError, "bank.take returned an error");
    failure.detail = Some(packed(&BankError::Overdrawn { by: 5 }));
    let error = failed_get(failure).await;
    assert_eq!(error.guest_error(), Some(BankError::Overdrawn { by: 5 }));
    assert_eq!(error.guest_error::<u64>(), None, "it is no number");
}

#[tokio::test(start_paused = true)]
async fn a_trap_is_no_guest_error_and_keeps_its_causes() {
    let cause = Failure::new(ErrorCode::Trap, "the guest panicked: no rows");
    let failure = Failure::new(ErrorCode::Trap, "argument `data` of stats.mean failed")
        .with_cause(cause)
        .with_hint("look at the first cause");
    let error = failed_get(failure).await;
    assert_eq!(error.guest_error::<BankError>(), None);
    assert_eq!(error.failure().unwrap().root().message, "the guest panicked: no rows");
    assert_eq!(error.hint(), Some("look at the first cause"));
    insta::assert_snapshot!(text(&error), @"argument `data` of stats.mean failed: the guest panicked: no rows");
}

#[tokio::test(start_paused = true)]
async fn a_value_of_another_type_says_so() {
    let (session, mut peer) = session().await;
    let far: Far<Vec<u8>> = session.far(farside::RefId::from_bits(1));
    let (result, ()) = tokio::join!(far.get(), async {
        peer.next().await;
        peer.send(&[value(1, &"text")]).await;
    });
    let error = result.unwrap_err();
    insta::assert_snapshot!(text(&error), @r#"the value is no `Vec<u8>`: invalid type: string "text", expected a sequence"#);
    insta::assert_snapshot!(error.hint().unwrap(), @"ask for the type that the function gives (`farside describe`), or for the bytes with `get_raw`");
    let GetError::Decode { content, .. } = error else { panic!() };
    assert_eq!(content, ContentType::MSGPACK);
}
