//! Other encodings than MessagePack.

use bytes::Bytes;
use farside::{Codec, CodecError, ContentType, Far};
use farside_protocol::{Payload, Reply, Request};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::errors::text;
use crate::peer::{seq, session, value};

/// JSON text.
struct Json;

impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    fn content_type(&self) -> ContentType {
        ContentType::named("application/json")
    }

    fn encode(&self, value: &T) -> Result<Bytes, CodecError> {
        Ok(serde_json::to_vec(value)?.into())
    }

    fn decode(&self, bytes: &[u8]) -> Result<T, CodecError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
    y: i32,
}

#[tokio::test(start_paused = true)]
async fn a_codec_puts_and_gets_in_its_own_encoding() {
    let (session, mut peer) = session().await;
    let far: Far<Point> = session.put_with(&Json, &Point { x: 1, y: 2 });
    let content = ContentType::named("application/json");
    let json = Payload::Inline(Bytes::from_static(br#"{"x":1,"y":2}"#));
    let (point, ()) = tokio::join!(far.get_with(&Json), async {
        let put = Request::Put { seq: seq(1), content: content.clone(), value: json.clone() };
        assert_eq!(peer.next().await, put);
        peer.next().await;
        let content = content.clone();
        peer.send(&[Reply::Value { seq: seq(2), content, value: json.clone() }]).await;
    });
    assert_eq!(point.unwrap(), Point { x: 1, y: 2 });

    let (unread, ()) = tokio::join!(far.get(), async {
        peer.next().await;
        peer.send(&[Reply::Value { seq: seq(3), content, value: json }]).await;
    });
    insta::assert_snapshot!(text(&unread.unwrap_err()), @"the value is no `Point`: it is application/json, not MessagePack");

    let (other, ()) = tokio::join!(far.get_with(&Json), async {
        peer.next().await;
        peer.send(&[value(4, &1)]).await;
    });
    insta::assert_snapshot!(text(&other.unwrap_err()), @"the value is no `Point`: it is MessagePack, and the codec reads application/json");
}
