//! Results that are no plain data and stay in their evaluator.

use std::time::Duration;

use farside::{ErrorCode, Far, Named, RefState, Session};
use farside_tests::guest;
use serde::Serialize;

use crate::languages::{speaking, value};
use crate::told::{broken, failure};

/// A function without parameters that gives 1, in each language.
const ONE: [(&str, &str); 2] = [("javascript", "() => 1"), ("python", "lambda: 1")];

/// How many objects the evaluator keeps for its references.
async fn kept(session: &Session) -> usize {
    let refs = session.refs().await.unwrap();
    refs.iter()
        .filter(|one| one.kind.as_deref().is_some_and(|kind| kind.starts_with("object")))
        .count()
}

#[tokio::test]
async fn what_is_no_plain_data_of_javascript_stays_and_says_what_it_is() {
    let Some((_server, session, javascript)) = speaking("javascript").await else { return };
    insta::assert_snapshot!(
        broken(&javascript.eval::<()>("(function square(x) { return x * x })")).await, @"
    NotMaterializable: the value is an object of javascript, and stays there: function `[Function: square]`
    hint: invoke it, take an attribute or an item of it, or pass its reference to an evaluation (`farside eval --far` gives it)
    ");
    insta::assert_snapshot!(
        broken(&javascript.eval::<()>("class P { x = 1 }; new P()")).await, @"
    NotMaterializable: the value is an object of javascript, and stays there: P `P { x: 1 }`
    hint: invoke it, take an attribute or an item of it, or pass its reference to an evaluation (`farside eval --far` gives it)
    ");
    insta::assert_snapshot!(
        broken(&javascript.eval::<()>("(function* g() { yield 1 })()")).await, @"
    NotMaterializable: the value is an object of javascript, and stays there: Generator `{}`
    hint: invoke it, take an attribute or an item of it, or pass its reference to an evaluation (`farside eval --far` gives it)
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
async fn an_object_of_javascript_is_used_where_it_lives_in_one_round_trip() {
    let Some((_server, session, javascript)) = speaking("javascript").await else { return };
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
async fn what_is_no_plain_data_of_python_stays_and_says_what_it_is() {
    let Some((_server, session, python)) = speaking("python").await else { return };
    let long = format!("R `{}\u{2026}`", "r".repeat(199));
    for (source, told) in [
        ("def square(x): return x * x\nsquare", "function `<function square>`"),
        ("lambda x: x", "function `<function <lambda>>`"),
        ("print", "function `<built-in function print>`"),
        ("class P:\n    pass\nP", "class `<class '__main__.P'>`"),
        ("P()", "P `<__main__.P object>`"),
        ("(x for x in 'ab')", "generator `<generator object <genexpr>>`"),
        ("import math\nmath", "module `<module 'math' (built-in)>`"),
        ("1 + 2j", "complex `(1+2j)`"),
        ("import decimal\ndecimal.Decimal('0.1')", "Decimal `Decimal('0.1')`"),
        ("'\\udc80'", "str `'\\udc80'`"),
        ("class Q:\n    def __repr__(self): raise ValueError()\nQ()", "Q"),
        ("class R:\n    def __repr__(self): return 'r' * 5000\nR()", &long),
    ] {
        let failure = failure(&python.eval::<()>(source)).await;
        assert_eq!(failure.code, ErrorCode::NotMaterializable, "{source}: {failure:?}");
        let expected = format!("the value is an object of python, and stays there: {told}");
        assert_eq!(failure.message, expected, "{source}");
    }
    // Inside plain data it is an error, which says where.
    let inside = failure(&python.eval::<()>("{'a': [print]}")).await;
    assert!(inside.message.starts_with("NotPlain: the result holds, at `['a'][0]`, the function"));
    let far = python.eval::<()>("print");
    assert_eq!(session.wait(&[far.id()], 1, None).await.unwrap(), [RefState::Ready]);
    let part = failure(&far.select::<()>("x")).await;
    assert_eq!(part.code, ErrorCode::NotMaterializable);
    let outline = session.describe_ref(far.id()).await.unwrap();
    assert_eq!(outline.kind.as_deref(), Some("object: function"));
}

/// Arguments of a function of Python, by name.
#[derive(Serialize)]
struct Power {
    exponent: i64,
    base: i64,
}

#[tokio::test]
async fn an_object_of_python_is_used_where_it_lives_in_one_round_trip() {
    let Some((_server, session, python)) = speaking("python").await else { return };
    let before = session.wire();
    let class: Far<()> = python.eval(
        "class Counter:
    def __init__(self, n): self.n = n
    def next(self, by):
        self.n += by
        return self.n
Counter",
    );
    let counter: Far<()> = python.eval_with("Class(40)", (("Class", &class),));
    let _one = counter.method::<i64>("next", (1,));
    let two = counter.method::<i64>("next", (1,));
    let n = counter.attribute::<i64>("n");
    let sum = python.eval_with::<i64>("c.n + two", (("c", &counter), ("two", &two)));
    assert_eq!(sum.get().await.unwrap(), 84);
    assert_eq!(session.wire().round_trips - before.round_trips, 1);
    assert_eq!(n.get().await.unwrap(), 42);
    let seven = class.invoke::<()>((7,)).attribute::<i64>("n");
    assert_eq!(seven.get().await.unwrap(), 7);

    let add = python.eval::<()>("lambda a: lambda b: a + b");
    assert_eq!(add.invoke::<()>((1,)).invoke::<i64>((2,)).get().await.unwrap(), 3);
    let power = python.eval::<()>("lambda base, exponent=2: base ** exponent");
    assert_eq!(power.invoke::<i64>((3,)).get().await.unwrap(), 9);
    let by_name = power.invoke::<i64>(Named(Power { exponent: 3, base: 2 }));
    assert_eq!(by_name.get().await.unwrap(), 8);
    let list = python.eval::<Vec<i64>>("[5, 6, 7]");
    assert_eq!(list.item::<i64>(-1).get().await.unwrap(), 7, "data can be indexed there, too");
    assert_eq!(list.method::<i64>("index", (6,)).get().await.unwrap(), 1);
    let keys =
        python.eval::<()>("class Keys:\n    def __getitem__(self, key): return repr(key)\nKeys()");
    assert_eq!(keys.item::<String>((1, 2)).get().await.unwrap(), "(1, 2)");
    let array = python.eval::<()>("import farside\nfarside.Array([[1, 2], [3, 4]])");
    assert_eq!(array.item::<i64>((1, 0)).get().await.unwrap(), 3);
    let module = python.eval::<()>("import math\nmath");
    assert_eq!(module.method::<f64>("sqrt", (16,)).get().await.unwrap(), 4.0);
}

#[tokio::test]
async fn a_generator_goes_on_and_says_when_it_ends() {
    let Some((_server, _session, python)) = speaking("python").await else { return };
    let generator = python.eval::<()>("(n * n for n in [2, 3])");
    assert_eq!(generator.method::<i64>("__next__", ()).get().await.unwrap(), 4);
    let rest = python.eval_with::<Vec<i64>>("list(g)", (("g", &generator),));
    assert_eq!(rest.get().await.unwrap(), [9]);
    insta::assert_snapshot!(broken(&generator.method::<i64>("__next__", ())).await, @"
    GuestError: StopIteration: there are no more items
    ");
}

#[tokio::test]
async fn what_an_object_has_not_is_told_as_its_language_tells_it() {
    let Some((_server, _session, python)) = speaking("python").await else { return };
    let thing = python.eval::<()>("class Thing: pass\nThing()");
    let one = python.eval::<()>("lambda x: x");
    for (far, message) in [
        (thing.invoke::<()>(()), "TypeError: 'Thing' object is not callable"),
        (thing.attribute("size"), "AttributeError: 'Thing' object has no attribute 'size'"),
        (thing.method("grow", ()), "AttributeError: 'Thing' object has no attribute 'grow'"),
        (thing.item(0), "TypeError: 'Thing' object is not subscriptable"),
        (python.eval::<()>("[1]").item(1), "IndexError: list index out of range"),
        (python.eval::<()>("{'a': 1}").item("b"), "KeyError: 'b'"),
        (one.invoke(()), "TypeError: <lambda>() missing 1 required positional argument: 'x'"),
    ] {
        let failure = failure(&far).await;
        assert_eq!(failure.code, ErrorCode::GuestError, "{failure:?}");
        assert_eq!(failure.message, message);
    }
    let raising = python.eval::<()>("def f(x):\n    return 1 / x\nf");
    insta::assert_snapshot!(broken(&raising.invoke::<()>((0,))).await, @r#"
    GuestError: ZeroDivisionError: division by zero
        in Traceback (most recent call last):
        in   File "<eval>", line 2, in f
        in     return 1 / x
        in            ~~^~~
    "#);
}

#[tokio::test]
async fn an_object_goes_nowhere_else() {
    for (name, one) in ONE {
        let Some((server, session, language)) = speaking(name).await else { continue };
        let hello = session.upload(guest("hello")).await.unwrap();
        let function = language.eval::<()>(one);
        let lost = failure(&hello.call::<String>("greet", (&function,))).await;
        let id = function.id();
        let expected = format!("argument {id} is an object of {name}, which can't leave it");
        assert_eq!((lost.code, lost.message), (ErrorCode::NotMaterializable, expected));
        assert_eq!(lost.hint.unwrap(), "have plain data made of it there, and pass that");
        let fresh = session.function(&format!("{name}.invoke")).fresh();
        let lost = failure(&fresh.call::<i64>((&function, Vec::<u8>::new()))).await;
        assert_eq!(lost.code, ErrorCode::NotMaterializable);
        let made = session.function(&format!("{name}.eval")).fresh().call::<()>((one,));
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
        // Another session has nothing of it.
        let other = server.session().await.language(name);
        let foreign = failure(&other.eval_with::<i64>("f()", (("f", &function),))).await;
        assert_eq!(foreign.code, ErrorCode::InvalidArgument, "{foreign:?}");
    }
}

#[tokio::test]
async fn a_released_object_is_dropped_and_a_used_one_is_not() {
    for (name, made) in [
        (
            "javascript",
            "var gone = []; var registry = new FinalizationRegistry((name) => gone.push(name));
             function made(name) { const f = () => name; registry.register(f, name); return f }",
        ),
        (
            "python",
            "gone = []
class made:
    def __init__(self, name): self.name = name
    def __call__(self): return self.name
    def __del__(self): gone.append(self.name)",
        ),
    ] {
        let Some((_server, session, language)) = speaking(name).await else { continue };
        language.execute(made).get().await.unwrap();
        let one = language.eval::<()>("made('one')");
        let two = language.eval::<()>("made('two')");
        session.wait(&[one.id(), two.id()], 2, None).await.unwrap();
        assert_eq!(kept(&session).await, 2);
        // An argument is held until its call has it, also when it is released before.
        let told = one.invoke::<String>(());
        drop(one);
        assert_eq!(told.get().await.unwrap(), "one");
        assert_eq!(kept(&session).await, 1);
        language.execute("0").get().await.unwrap();
        assert_eq!(value::<Vec<String>>(&language, "gone").await, ["one"], "{name}");
        assert_eq!(two.invoke::<String>(()).get().await.unwrap(), "two");
        // One whose value is asked for at once is kept by nobody.
        let eval = session.function(&format!("{name}.eval"));
        assert!(eval.value::<()>(("made('three')",)).await.is_err());
        language.execute("0").get().await.unwrap();
        assert_eq!(value::<Vec<String>>(&language, "gone").await, ["one", "three"], "{name}");
        // To forget every variable is to forget objects.
        session.function(&format!("{name}.reset")).value::<()>(()).await.unwrap();
        let forgotten = failure(&two.invoke::<String>(())).await;
        assert_eq!(forgotten.message, "ReferenceError: object 2 is not there any more", "{name}");
    }
}

#[tokio::test]
async fn an_evaluation_that_is_undone_leaves_the_objects() {
    // One long operation each, in which the interpreter does not look up.
    let operations = ["(3n ** 600000n).toString().length", "pow(3, 10 ** 7)"];
    for ((name, one), operation) in ONE.into_iter().zip(operations) {
        let Some((_server, session, language)) = speaking(name).await else { continue };
        let before = language.eval::<()>(one);
        session.wait(&[before.id()], 1, None).await.unwrap();
        let undone = language.clone().timeout(Duration::from_millis(300)).eval::<()>(operation);
        let undone = failure(&undone).await;
        assert_eq!(undone.code, ErrorCode::DeadlineExceeded);
        assert!(undone.hint.unwrap().contains("as they were before it"), "{name}");
        let after = language.eval::<()>(one);
        for far in [before, after] {
            assert_eq!(far.invoke::<i64>(()).get().await.unwrap(), 1, "{name}");
        }
    }
}

#[tokio::test]
async fn objects_break_with_their_instance() {
    for ((name, one), endless) in ONE.into_iter().zip(["for (;;);", "while True: pass"]) {
        let Some((_server, session, language)) = speaking(name).await else { continue };
        let far = language.eval::<()>(one);
        session.wait(&[far.id()], 1, None).await.unwrap();
        session.renew(name).await.unwrap();
        let gone = failure(&far).await;
        let expected = format!("it was an object of {name}, whose instance has ended");
        assert_eq!((gone.code, gone.message), (ErrorCode::Gone, expected));
        assert_eq!(gone.hint.unwrap(), "evaluate again what gave it");
        assert_eq!(failure(&far.invoke::<i64>(())).await.code, ErrorCode::Gone);

        let far = language.eval::<()>(one);
        let stopped = session.function(&format!("{name}.eval")).call::<()>((endless,));
        session.wait(&[far.id()], 1, None).await.unwrap();
        stopped.cancel();
        failure(&stopped).await;
        let state = session.wait(&[far.id()], 1, None).await.unwrap();
        let lost = failure(&far).await;
        assert!([ErrorCode::Poisoned, ErrorCode::NotMaterializable].contains(&lost.code));
        assert_eq!(state[0] == RefState::Failed, lost.code == ErrorCode::Poisoned);
    }
}
