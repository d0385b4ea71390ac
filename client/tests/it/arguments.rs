//! Arguments: checked where the function is known, and of one session.

use std::collections::BTreeMap;

use bytes::Bytes;
use farside::manifest::{Function, Manifest, Param, Schema, TypeName};
use farside::{ErrorCode, Far, GetError, ModuleHash, Named, Positional, RawArguments, SessionId};
use farside::{Module, Session};
use farside_protocol::{Payload, Request, Target};

use crate::errors::{chain, text};
use crate::peer::{Peer, packed, session, session_with};
use crate::uploads::uploaded;

fn param(name: &str, schema: Schema, optional: bool) -> Param {
    Param { name: name.into(), schema, optional }
}

async fn stats() -> (Module, Session, Peer) {
    let (session, mut peer) = session().await;
    let mean = Function {
        name: "mean".into(),
        params: vec![
            param(
                "data",
                Schema { items: Some(Box::default()), ..Schema::of(TypeName::Array) },
                false,
            ),
            param("digits", Schema::of(TypeName::Integer).with_format("uint8"), true),
        ],
        ..Function::default()
    };
    let median = Function { name: "median".into(), ..Function::default() };
    let manifest = Manifest { functions: vec![median, mean], ..Manifest::default() };
    let bytes = Bytes::from_static(b"\0asm\x01\0\0\0");
    let (module, ()) = tokio::join!(session.uploader(bytes).name("stats").send(), async {
        peer.next().await;
        peer.send(&[uploaded(1, "stats", ModuleHash([1; 32]), &manifest)]).await;
    });
    (module.unwrap(), session, peer)
}

async fn sent(peer: &mut Peer) -> (Target, Payload) {
    match peer.next().await {
        Request::Call { target, args, .. } => (target, args),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_known_function_is_called_by_number_with_all_its_arguments() {
    let (stats, session, mut peer) = stats().await;
    let data: Far<Vec<f64>> = session.far(farside::RefId::from_bits(9));
    let full = Payload::Inline(packed(&(&data, None::<u8>)));
    let _positional: Far<f64> = stats.call("mean", (&data,));
    let target = Target::Index { module: 3, function: 1 };
    assert_eq!(sent(&mut peer).await, (target.clone(), full.clone()));
    let _named: Far<f64> = stats.call("mean", Named(BTreeMap::from([("data", &data)])));
    assert_eq!(sent(&mut peer).await, (target.clone(), full.clone()));
    let _raw: Far<f64> = stats.call("mean", RawArguments(packed(&(&data,))));
    assert_eq!(sent(&mut peer).await, (target.clone(), full.clone()));
    let _many: Far<f64> = stats.call("mean", Positional(vec![&data]));
    assert_eq!(sent(&mut peer).await, (target, full));
}

#[tokio::test(start_paused = true)]
async fn arguments_that_do_not_fit_break_without_a_round_trip() {
    let (stats, _session, mut peer) = stats().await;
    let far: Far<f64> = stats.call("mean", ("five",));
    let error = far.get().await.unwrap_err();
    assert_eq!(error.failure().unwrap().code, ErrorCode::InvalidArgument);
    insta::assert_snapshot!(text(&error), @r#"argument `data` of mean: expected list of any value, got the string "five""#);
    let error = stats.function("mean").unwrap().value::<f64>(([1.0], 300)).await.unwrap_err();
    insta::assert_snapshot!(text(&error), @"argument `digits` of mean: expected u8, got the integer 300");
    let error = stats.function("mean").unwrap().value::<f64>(RawArguments(Bytes::new())).await;
    insta::assert_snapshot!(text(&error.unwrap_err()), @"a call of `stats.mean` can't be sent: the bytes end inside a value");
    assert_eq!(peer.next_now().await, None);
}

#[tokio::test(start_paused = true)]
async fn a_broken_reference_breaks_what_uses_it_with_the_cause_chained() {
    let (stats, _session, mut peer) = stats().await;
    let first: Far<f64> = stats.call("mean", (1, 2, 3));
    let second: Far<f64> = stats.call("mean", (vec![&first],));
    let part: Far<f64> = second.select("[0]");
    let GetError::Failed(failure) = part.get().await.unwrap_err() else { panic!() };
    insta::assert_snapshot!(chain(&failure), @r"
    the reference to select from is broken
    a call of `stats.mean` can't be sent: it uses a reference that is broken
    mean takes 1 to 2 arguments, not 3
    ");
    assert_eq!(failure.code, ErrorCode::InvalidArgument);
    assert_eq!(second.id().to_string(), "far:0");
    drop((first, second, part));
    assert_eq!(peer.next_now().await, None, "nothing to release either");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_function_names_the_nearest() {
    let (stats, _session, _peer) = stats().await;
    let unknown = stats.function("meen").unwrap_err();
    insta::assert_snapshot!(unknown, @"`stats` has no function `meen`");
    insta::assert_snapshot!(unknown.hint().unwrap(), @"did you mean `mean`?");
    let far: Far<f64> = stats.call("meen", ());
    assert_eq!(far.broken().unwrap().code, ErrorCode::NotFound);
    assert_eq!(far.broken().unwrap().hint, unknown.hint());
}

#[tokio::test(start_paused = true)]
async fn a_reference_of_another_session_is_refused() {
    let (here, _peer) = session().await;
    let (there, _other) = session_with(SessionId([0xcd; 16]), 10, 1000).await;
    let data: Far<u32> = there.put(&1);
    let far: Far<u32> = here.function("f").call((vec![Some(&data)],));
    let failure = far.broken().unwrap();
    insta::assert_snapshot!(failure, @"a call of `f` can't be sent: far:65543 is of session cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd, and this is session abababababababababababababababab");
    insta::assert_snapshot!(failure.hint.as_deref().unwrap(), @"`get` the value and `put` it into this session");
    let put: Far<Vec<u32>> = here.put(&vec![&data]).cast();
    assert!(put.broken().is_some());
    let fine: Far<u32> = there.function("f").call((&data,));
    assert!(fine.broken().is_none(), "the objection was for the other call");
}

#[tokio::test(start_paused = true)]
async fn a_value_without_a_form_breaks_the_call() {
    struct Mute;
    impl serde::Serialize for Mute {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("it has nothing to say"))
        }
    }
    let (session, _peer) = session().await;
    let far: Far<u32> = session.function("f").call((Mute,));
    insta::assert_snapshot!(far.broken().unwrap(), @"a call of `f` can't be sent: it has nothing to say");
}
