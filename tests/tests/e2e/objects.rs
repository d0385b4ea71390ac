//! Results that are no plain data and stay in their evaluator.

use farside::{ErrorCode, Far, Language, RefState, Session};
use farside_tests::{Server, guest};

use crate::languages::{eval, javascript};
use crate::told::{broken, failure};

/// A session whose evaluator is ready; none if this machine could not build it.
async fn session() -> Option<(Server, Session, Language)> {
    javascript()?;
    let server = Server::start();
    let session = server.session().await;
    eval::<i64>(&session, "0").await;
    let language = session.language("javascript");
    Some((server, session, language))
}

/// How many objects the evaluator keeps for its references.
async fn kept(session: &Session) -> usize {
    let refs = session.refs().await.unwrap();
    refs.iter()
        .filter(|one| one.kind.as_deref().is_some_and(|kind| kind.starts_with("object")))
        .count()
}

#[tokio::test]
async fn what_is_no_plain_data_stays_and_says_what_it_is() {
    let Some((_server, session, javascript)) = session().await else { return };
    insta::assert_snapshot!(
        broken(&javascript.eval::<()>("(function square(x) { return x * x })")).await, @"
    NotMaterializable: the value is an object of javascript, and stays there: function `[Function: square]`
    hint: invoke it, take an attribute or an item of it, or pass its reference to an evaluation
    ");
    insta::assert_snapshot!(
        broken(&javascript.eval::<()>("class P { x = 1 }; new P()")).await, @"
    NotMaterializable: the value is an object of javascript, and stays there: P `P { x: 1 }`
    hint: invoke it, take an attribute or an item of it, or pass its reference to an evaluation
    ");
    insta::assert_snapshot!(
        broken(&javascript.eval::<()>("(function* g() { yield 1 })()")).await, @"
    NotMaterializable: the value is an object of javascript, and stays there: Generator `{}`
    hint: invoke it, take an attribute or an item of it, or pass its reference to an evaluation
    ");
    for source in ["Symbol('s')", "new WeakMap()", "farside.call", "hidden => hidden"] {
        let code = failure(&javascript.eval::<()>(source)).await.code;
        assert_eq!(code, ErrorCode::NotMaterializable, "{source}");
    }
    // Inside plain data it is an error, which says where.
    let inside = failure(&javascript.eval::<()>("({ a: [() => 1] })")).await;
    assert!(inside.message.starts_with("NotPlain: the result holds, at `a[0]`, the function"));
    let far = javascript.eval::<()>("() => 1");
    assert_eq!(session.wait(&[far.id()], 1, None).await.unwrap(), [RefState::Ready]);
    let part = failure(&far.select::<()>("x")).await;
    assert_eq!(part.code, ErrorCode::NotMaterializable);
    let outline = session.describe_ref(far.id()).await.unwrap();
    assert_eq!(outline.kind.as_deref(), Some("object: function"));
}

#[tokio::test]
async fn an_object_is_used_where_it_lives_in_one_round_trip() {
    let Some((_server, session, javascript)) = session().await else { return };
    let before = session.wire();
    let class: Far<()> = javascript
        .eval("(class Counter { constructor(n) { this.n = n } next(by) { return this.n += by } })");
    let counter: Far<()> = javascript.eval_with("new Class(40)", (("Class", &class),));
    let _one = counter.method::<i64>("next", (1,));
    let two = counter.method::<i64>("next", (1,));
    let n = counter.attribute::<i64>("n");
    let sum = javascript.eval_with::<i64>("c.n + two", (("c", &counter), ("two", &two)));
    assert_eq!(sum.get().await.unwrap(), 84);
    assert_eq!(session.wire().round_trips - before.round_trips, 1);
    assert_eq!(n.get().await.unwrap(), 42);

    let add = javascript.eval::<()>("(a) => (b) => a + b");
    assert_eq!(add.invoke::<()>((1,)).invoke::<i64>((2,)).get().await.unwrap(), 3);
    let list = javascript.eval::<Vec<i64>>("[5, 6, 7]");
    assert_eq!(list.item::<i64>(-1).get().await.unwrap(), 7, "data can be indexed there, too");
    assert_eq!(list.method::<String>("join", ("-",)).get().await.unwrap(), "5-6-7");
    let generator = javascript.eval::<()>("(function* g() { yield 1; yield 2 })()");
    let _first = generator.method::<()>("next", ());
    assert_eq!(generator.method::<()>("next", ()).get_part::<i64>("value").await.unwrap(), 2);
    let wrong = failure(&counter.invoke::<()>(())).await;
    assert!(wrong.message.starts_with("TypeError: "), "{}", wrong.message);
}

#[tokio::test]
async fn an_object_goes_nowhere_else() {
    let Some((_server, session, javascript)) = session().await else { return };
    let hello = session.upload(guest("hello")).await.unwrap();
    let function = javascript.eval::<()>("() => 1");
    insta::assert_snapshot!(broken(&hello.call::<String>("greet", (&function,))).await, @"
    NotMaterializable: argument far:327681 is an object of javascript, which can't leave it
    hint: have plain data made of it there, and pass that
    ");
    let fresh = session.function("javascript.invoke").fresh();
    let lost = failure(&fresh.call::<i64>((&function, Vec::<u8>::new()))).await;
    assert_eq!(lost.code, ErrorCode::NotMaterializable);
    let made = session.function("javascript.eval").fresh().call::<()>(("() => 1",));
    assert_eq!(failure(&made).await.code, ErrorCode::NotMaterializable);
    // What is no object's reference has nothing beside it.
    let data = session.put(&1);
    let refused = failure(&data.invoke::<()>(())).await;
    assert_eq!(refused.code, ErrorCode::InvalidArgument);
    let refused = failure(&hello.call::<i64>("add", (1, 2)).attribute::<()>("x")).await;
    assert_eq!(refused.code, ErrorCode::InvalidArgument);
    // Nor does a client make one up.
    let forged = b"\xc7\x0b\x04\0\0\0\0\0\0\0\x01\xa1f\xa0".to_vec();
    let forged = session.put_bytes(farside::ContentType::MSGPACK, forged);
    assert_eq!(failure(&forged).await.code, ErrorCode::InvalidArgument);
}

#[tokio::test]
async fn a_released_object_is_dropped_and_a_used_one_is_not() {
    let Some((_server, session, javascript)) = session().await else { return };
    javascript
        .execute(
            "var gone = []; var registry = new FinalizationRegistry((name) => gone.push(name));
             function made(name) { const f = () => name; registry.register(f, name); return f }",
        )
        .get()
        .await
        .unwrap();
    let one = javascript.eval::<()>("made('one')");
    let two = javascript.eval::<()>("made('two')");
    session.wait(&[one.id(), two.id()], 2, None).await.unwrap();
    assert_eq!(kept(&session).await, 2);
    // An argument is held until its call has it, also when it is released before.
    let told = one.invoke::<String>(());
    drop(one);
    assert_eq!(told.get().await.unwrap(), "one");
    assert_eq!(kept(&session).await, 1);
    javascript.execute("0").get().await.unwrap();
    assert_eq!(javascript.eval::<Vec<String>>("gone").get().await.unwrap(), ["one"]);
    assert_eq!(two.invoke::<String>(()).get().await.unwrap(), "two");
    // One whose value is asked for at once is kept by nobody.
    let value = session.function("javascript.eval").value::<()>(("made('three')",)).await;
    assert!(value.is_err());
    javascript.execute("0").get().await.unwrap();
    assert_eq!(javascript.eval::<Vec<String>>("gone").get().await.unwrap(), ["one", "three"]);
}

#[tokio::test]
async fn objects_break_with_their_instance() {
    let Some((_server, session, javascript)) = session().await else { return };
    let far = javascript.eval::<()>("() => 1");
    session.wait(&[far.id()], 1, None).await.unwrap();
    session.renew("javascript").await.unwrap();
    insta::assert_snapshot!(broken(&far).await, @"
    Gone: it was an object of javascript, whose instance has ended
    hint: evaluate again what gave it
    ");
    assert_eq!(failure(&far.invoke::<i64>(())).await.code, ErrorCode::Gone);

    let far = javascript.eval::<()>("() => 1");
    let stopped = session.function("javascript.eval").call::<()>(("for (;;);",));
    session.wait(&[far.id()], 1, None).await.unwrap();
    stopped.cancel();
    failure(&stopped).await;
    let state = session.wait(&[far.id()], 1, None).await.unwrap();
    let lost = failure(&far).await;
    assert!([ErrorCode::Poisoned, ErrorCode::NotMaterializable].contains(&lost.code));
    assert_eq!(state[0] == RefState::Failed, lost.code == ErrorCode::Poisoned);
}
