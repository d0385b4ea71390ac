//! Why a client does not come to a connection: each reason has a text and advice.

use std::future::ready;
use std::io;
use std::time::Duration;

use farside::{Client, ConnectError, ErrorCode, Failure, Far, SessionId};
use farside_protocol::{Reply, SUBPROTOCOL};
use futures_util::{SinkExt, StreamExt, TryStreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::errors::text;
use crate::peer::{Peer, attached, value, welcome};

/// The error and its hint, with the port that the system chose left out.
fn told(error: &ConnectError) -> String {
    let told = format!("{}\nhint: {}", text(error), error.hint().unwrap_or_default());
    let mut plain = String::new();
    let mut rest = told.as_str();
    while let Some(at) = rest.find("127.0.0.1:") {
        let (before, after) = rest.split_at(at + "127.0.0.1:".len());
        plain.push_str(before);
        plain.push_str("PORT");
        rest = after.trim_start_matches(|digit: char| digit.is_ascii_digit());
    }
    plain + rest
}

async fn refused_url(url: &str) -> String {
    told(&Client::connect(url).await.unwrap_err())
}

/// What the client says of a peer that answers its `Hello` like this.
async fn greeted_with(token: &str, reply: Reply) -> String {
    let (ours, theirs) = farside::memory_transport();
    let mut peer = Peer::new(theirs);
    let (client, ()) = tokio::join!(Client::over(ours, token), async {
        peer.next().await;
        peer.send(&[reply]).await;
    });
    told(&client.unwrap_err())
}

/// What the client says of a TCP server that answers with these bytes.
async fn answered_with(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let (error, ()) = tokio::join!(refused_url(&url), async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(socket.read_u8().await.unwrap());
        }
        let request = String::from_utf8(request).unwrap().to_lowercase();
        assert!(request.contains("sec-websocket-protocol: farside.v1.msgpack"), "{request}");
        assert!(request.starts_with("get / http/1.1"), "{request}");
        socket.write_all(answer.as_bytes()).await.unwrap();
    });
    error
}

#[tokio::test]
async fn a_wrong_scheme_is_told_the_right_one() {
    insta::assert_snapshot!(refused_url("http://127.0.0.1:7327").await, @r"
    `http://127.0.0.1:PORT` is no WebSocket address
    hint: say `ws://127.0.0.1:PORT`
    ");
    insta::assert_snapshot!(refused_url("localhost:7327").await, @r"
    `localhost:7327` is no WebSocket address
    hint: say `ws://localhost:7327`
    ");
    insta::assert_snapshot!(refused_url("ws://a b").await, @r"
    `ws://a b` is no URL: invalid uri character
    hint: a server's address looks like `ws://127.0.0.1:PORT`
    ");
}

#[cfg(not(feature = "tls"))]
#[tokio::test]
async fn tls_is_not_built_in() {
    insta::assert_snapshot!(refused_url("wss://example.org").await, @r"
    `wss://example.org` needs TLS, which this client was built without
    hint: build it with the feature `tls` of the crate farside
    ");
}

#[tokio::test]
async fn nothing_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    drop(listener);
    insta::assert_snapshot!(refused_url(&url).await, @r"
    no server listens at ws://127.0.0.1:PORT: Connection refused (os error 111)
    hint: start one with `farside serve`, or name another address with FARSIDE_URL
    ");
}

#[tokio::test]
async fn something_else_answers() {
    let not_found = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    insta::assert_snapshot!(answered_with(not_found).await, @r"
    what answers at ws://127.0.0.1:PORT is no Farside server: HTTP 404 Not Found
    hint: is the port right? `farside serve` prints its address, and a server that is mounted in another application has a path
    ");
    insta::assert_snapshot!(answered_with("220 mail.example.org ESMTP\r\n\r\n").await, @r"
    what answers at ws://127.0.0.1:PORT is no Farside server: WebSocket protocol error: httparse error: invalid HTTP version
    hint: is the port right? `farside serve` prints its address, and a server that is mounted in another application has a path
    ");
}

#[tokio::test]
async fn a_server_of_another_subprotocol_answers() {
    let refusal = "HTTP/1.1 400 Bad Request\r\nfarside-speaks: farside.v2.msgpack\r\n\
                   content-length: 0\r\n\r\n";
    insta::assert_snapshot!(answered_with(refusal).await, @"
    ws://127.0.0.1:PORT speaks another version of the protocol than this client (1): it speaks farside.v2.msgpack, this client farside.v1.msgpack
    hint: use a client and a server of the same release: compare `farside version`
    ");
}

#[tokio::test]
async fn a_websocket_of_another_protocol_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let (error, _) = tokio::join!(refused_url(&url), async {
        let (socket, _) = listener.accept().await.unwrap();
        tokio_tungstenite::accept_async(socket).await
    });
    insta::assert_snapshot!(error, @r"
    what answers at ws://127.0.0.1:PORT is no Farside server: a WebSocket of another protocol
    hint: is the port right? `farside serve` prints its address, and a server that is mounted in another application has a path
    ");
}

/// The other end of a WebSocket, as a server of ours would accept it.
async fn accept(listener: &TcpListener) -> Peer {
    let (socket, _) = listener.accept().await.unwrap();
    let name = |_: &Request, mut response: Response| {
        let protocol = HeaderValue::from_static(SUBPROTOCOL);
        response.headers_mut().insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    let socket = tokio_tungstenite::accept_hdr_async(socket, name).await.unwrap();
    let frames = socket
        .try_filter(|message| ready(message.is_binary()))
        .map(|message| message.map(Message::into_data).map_err(io::Error::other))
        .sink_map_err(io::Error::other)
        .with(|frame| ready(Ok(Message::Binary(frame))));
    Peer::new(frames)
}

#[tokio::test]
async fn each_session_has_a_websocket_of_its_own() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let (mut peers, sessions) = tokio::join!(
        async {
            let mut peers = Vec::new();
            for number in 0..2 {
                let mut peer = accept(&listener).await;
                peer.welcome().await;
                peer.next().await;
                peer.send(&[attached(SessionId([number; 16]), 10, 1000)]).await;
                peers.push(peer);
            }
            peers
        },
        async {
            let client = Client::connect(&url).await.unwrap();
            assert_eq!(client.server().wasmtime, "48");
            (client.session().await.unwrap(), client.session().await.unwrap())
        }
    );
    assert_eq!((sessions.0.id().0[0], sessions.1.id().0[0]), (0, 1));
    let text = "x".repeat(200_000);
    let far: Far<str> = sessions.1.put(text.as_str());
    let far: Far<String> = far.cast();
    let (result, ()) = tokio::join!(far.get(), async {
        let peer = &mut peers[1];
        let mut bytes = 0;
        while bytes < text.len() {
            if let farside_protocol::Request::Chunk { bytes: piece, .. } = peer.next().await {
                bytes += piece.len();
            }
        }
        peer.send(&[value(2, &"done")]).await;
    });
    assert_eq!(result.unwrap(), "done");
    drop((far, sessions));
    for mut peer in peers {
        while let Some(_late) = peer.frame().await {}
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_in_time() {
    let (ours, _theirs) = farside::memory_transport();
    let builder = Client::builder().timeout(Duration::from_secs(3));
    insta::assert_snapshot!(told(&builder.over(ours).await.unwrap_err()), @r"
    the given transport did not answer within 3s
    hint: is the address right? A server that is only busy answers sooner or later: try a longer timeout
    ");
}

#[tokio::test]
async fn the_server_hangs_up() {
    let (ours, theirs) = farside::memory_transport();
    drop(theirs);
    insta::assert_snapshot!(told(&Client::over(ours, "").await.unwrap_err()), @r"
    the given transport hung up during the handshake: the transport failed: the other end is gone
    hint: a server that shuts down does that: try again, or look at its log
    ");
}

#[tokio::test]
async fn the_versions_differ() {
    let failure = Failure::new(ErrorCode::VersionMismatch, "this server speaks version 2");
    insta::assert_snapshot!(greeted_with("", Reply::Refused { failure }).await, @r"
    the given transport speaks another version of the protocol than this client (1): this server speaks version 2
    hint: use a client and a server of the same release: compare `farside version`
    ");
    insta::assert_snapshot!(greeted_with("", welcome(9)).await, @r"
    the given transport speaks another version of the protocol than this client (1): it speaks version 9
    hint: use a client and a server of the same release: compare `farside version`
    ");
}

#[tokio::test]
async fn the_token_is_missing_or_wrong() {
    let refused = || Reply::Refused {
        failure: Failure::new(ErrorCode::Unauthenticated, "the token is wrong"),
    };
    insta::assert_snapshot!(greeted_with("", refused()).await, @r"
    the given transport wants a token, and none was given
    hint: the server's operator makes one with `farside token new NAME`; the server's own is printed by `farside token show` where it runs. FARSIDE_TOKEN takes either
    ");
    insta::assert_snapshot!(greeted_with("guess", refused()).await, @r"
    the given transport does not accept the token: the token is wrong
    hint: the server's operator makes one with `farside token new NAME`; the server's own is printed by `farside token show` where it runs. FARSIDE_TOKEN takes either
    ");
}

#[tokio::test]
async fn the_server_is_full() {
    let failure = Failure::new(ErrorCode::Unavailable, "10000 sessions are open")
        .with_hint("try again later");
    insta::assert_snapshot!(greeted_with("secret", Reply::Refused { failure }).await, @r"
    the given transport refuses the connection: 10000 sessions are open
    hint: try again later
    ");
}
