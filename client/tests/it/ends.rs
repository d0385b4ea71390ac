//! How connections end, and what becomes of those who wait.

use farside::{Client, Disconnected, ErrorCode, Failure, Far, GetError, SessionError};
use farside_protocol::{Reply, Request};

use crate::errors::text;
use crate::peer::{KEY, Peer, SESSION, attached, client, seq, session};

/// What a `get` says when the peer does `last` instead of an answer.
async fn get_after(last: impl AsyncFnOnce(Peer)) -> GetError {
    let (session, mut peer) = session().await;
    let far: Far<u32> = session.function("f").call(());
    let (result, ()) = tokio::join!(far.get(), async {
        peer.frame().await.unwrap();
        last(peer).await;
    });
    let error = result.unwrap_err();
    let again = far.get().await.unwrap_err();
    assert_eq!(text(&error), text(&again), "what comes later fails alike");
    assert!(session.ready().await.is_err());
    error
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_fails_what_is_pending() {
    let error = get_after(async |peer| drop(peer)).await;
    insta::assert_snapshot!(text(&error), @"the connection is lost: the other side closed it");
    insta::assert_snapshot!(error.hint().unwrap(), @"the session outlives the connection: join it again by its id and resume key (`Client::attach`)");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_fails_what_is_pending_with_its_reason() {
    let error = get_after(async |mut peer: Peer| {
        let failure = Failure::new(ErrorCode::SessionExpired, "the session's lease ran out")
            .with_hint("open a new one");
        peer.send(&[Reply::Refused { failure }]).await;
    })
    .await;
    insta::assert_snapshot!(text(&error), @"the connection is lost: the server ended it: the session's lease ran out");
    insta::assert_snapshot!(error.hint().unwrap(), @"open a new one");
    let GetError::Disconnected(reason) = error else { panic!() };
    assert!(matches!(&*reason, Disconnected::Refused { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_heard_even_when_writing_fails_first() {
    let (session, mut peer) = session().await;
    let failure = Failure::new(ErrorCode::Unavailable, "the server shuts down");
    let far: Far<u32> = session.function("f").call(());
    // Both are done before the client's task has its next turn.
    peer.send(&[Reply::Refused { failure }]).await;
    drop(peer);
    let error = far.get().await.unwrap_err();
    insta::assert_snapshot!(text(&error), @"the connection is lost: the server ended it: the server shuts down");
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_message_end_the_connection() {
    let error = get_after(async |mut peer: Peer| peer.send_bytes(&[0x92, 0x0b]).await).await;
    insta::assert_snapshot!(text(&error), @"the connection is lost: the server sent what is no message: the frame ends inside a message");
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_the_wrong_kind_fails_its_question_alone() {
    let (session, mut peer) = session().await;
    let far: Far<u32> = session.far(farside::RefId::from_bits(1));
    let (result, ()) = tokio::join!(far.get(), async {
        peer.next().await;
        peer.send(&[Reply::Done { seq: seq(1) }]).await;
    });
    insta::assert_snapshot!(text(&result.unwrap_err()), @"the server's answer is `Done`, out of place");
    let (flushed, ()) = tokio::join!(session.flush(), async {
        peer.next().await;
        peer.send(&[Reply::Done { seq: seq(2) }]).await;
    });
    flushed.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_a_session_says_so_and_hangs_up() {
    let (session, mut peer) = session().await;
    let (closed, ()) = tokio::join!(session.close(), async {
        assert_eq!(peer.next().await, Request::CloseSession { seq: seq(1), session: None });
        peer.send(&[Reply::Done { seq: seq(1) }]).await;
    });
    closed.unwrap();
    assert_eq!(peer.frame().await, None);
}

#[tokio::test(start_paused = true)]
async fn sessions_are_joined_listed_and_closed_over_one_connection() {
    let (client, mut peer) = client().await;
    let (closed, ()) = tokio::join!(client.close_session(SESSION), async {
        let close = Request::CloseSession { seq: seq(1), session: Some(SESSION) };
        assert_eq!(peer.next().await, close);
        let failure = Failure::new(ErrorCode::NotFound, "there is no such session");
        peer.send(&[Reply::Failed { seq: seq(1), failure }]).await;
    });
    assert_eq!(text(&closed.unwrap_err()), "there is no such session");
    let (joined, ()) = tokio::join!(client.attach(SESSION, KEY), async {
        let Request::Attach { session: Some(to), .. } = peer.next().await else { panic!() };
        assert_eq!((to.session, to.key), (SESSION, KEY));
        peer.send(&[attached(SESSION, 1, 1)]).await;
    });
    let joined = joined.unwrap();
    assert_eq!((joined.id(), joined.key(), joined.writer()), (SESSION, KEY, crate::peer::WRITER));
    assert_eq!(joined.lease(), std::time::Duration::from_secs(60));
    joined.cancel(farside::RefId::from_bits(1));
    let of = farside::RefId::from_bits(1);
    assert_eq!(peer.next().await, Request::Cancel { of });
    let second = client.session().await.unwrap_err();
    assert!(matches!(second, SessionError::OneSession));
    insta::assert_snapshot!(text(&second), @"this client has one connection, and a session uses it");
}

#[tokio::test(start_paused = true)]
async fn a_refused_session_says_why() {
    let (client, mut peer) = client().await;
    let (session, ()) = tokio::join!(client.session(), async {
        peer.next().await;
        let failure = Failure::new(ErrorCode::QuotaExceeded, "this owner has 1000 sessions");
        peer.send(&[Reply::Refused { failure }]).await;
    });
    let error = session.unwrap_err();
    assert_eq!(error.failure().unwrap().code, ErrorCode::QuotaExceeded);
    let _: Client = client;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_attach_in_time_is_given_up() {
    let (client, _peer) = client().await;
    let error = client.session().await.unwrap_err();
    insta::assert_snapshot!(text(&error), @"the server did not answer within 10s");
}
