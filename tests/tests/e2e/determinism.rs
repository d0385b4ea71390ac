//! Guests that shall give the same on every server.

use farside::Session;
use farside_tests::{Server, ServerBuilder, guest};

use crate::languages::evaluating_with;
use crate::told::upload_text;

/// What a guest finds that computes: the bits of numbers that are none.
const NANS: &str = r#"(module
    (func (export "divide") (param f64 f64) (result i64)
        (i64.reinterpret_f64 (f64.div (local.get 0) (local.get 1))))
    (func (export "add") (param i64) (result i64)
        (i64.reinterpret_f64
            (f64.add (f64.reinterpret_i64 (local.get 0)) (f64.const 1))))
    (func (export "sqrt") (param f32) (result i32)
        (i32.reinterpret_f32 (f32.sqrt (local.get 0))))
    (func (export "promote") (param i32) (result i64)
        (i64.reinterpret_f64 (f64.promote_f32 (f32.reinterpret_i32 (local.get 0)))))
    (func (export "lanes") (result i64)
        (i64x2.extract_lane 1
            (f64x2.min (f64x2.splat (f64.const -nan:0x123)) (f64x2.splat (f64.const 1))))))"#;

#[tokio::test]
async fn what_is_no_number_has_the_same_bits_everywhere() {
    let server = Server::start();
    let session = server.session().await;
    let nans = upload_text(&session, "nans", NANS).await;
    let canonical = 0x7ff8_0000_0000_0000_i64;
    // On x86-64 a division of zero by zero gives a negative one.
    for (a, b) in [(0.0, 0.0), (-0.0, 0.0), (f64::INFINITY, f64::INFINITY)] {
        let bits = nans.call::<i64>("divide", (a, b)).get().await.unwrap();
        assert_eq!(bits, canonical, "{a} / {b}");
    }
    for payload in [0x7ff8_0000_0000_0001_i64, 0xfff8_0000_dead_beef_u64 as i64] {
        let bits = nans.call::<i64>("add", (payload,)).get().await.unwrap();
        assert_eq!(bits, canonical, "{payload:x}");
    }
    assert_eq!(nans.call::<i32>("sqrt", (-1.0,)).get().await.unwrap(), 0x7fc0_0000);
    let promoted = nans.call::<i64>("promote", (0xffc0_1234_u32 as i32,)).get().await.unwrap();
    assert_eq!(promoted, canonical);
    assert_eq!(nans.call::<i64>("lanes", ()).get().await.unwrap(), canonical);
}

const WORLD: &str = r#"(module
    (import "farside" "clock" (func $clock (result i64)))
    (import "farside" "random" (func $random (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "time") (result i64) (call $clock))
    (func (export "draw") (result i64)
        (call $random (i32.const 0) (i32.const 8))
        (i64.load (i32.const 0))))"#;

/// A server whose guests may have a clock and random numbers, with a sequence of those.
fn seeded(seed: &str) -> ServerBuilder {
    Server::builder()
        .flag("--guests-clock", "true")
        .flag("--guests-random", "true")
        .flag("--guests-deterministic", "true")
        .flag("--guests-seed", seed)
}

/// Numbers that a new session draws: four of an instance, and two of fresh ones.
async fn drawn(session: &Session) -> Vec<i64> {
    let world = upload_text(session, "world", WORLD).await;
    assert_eq!(world.call::<i64>("time", ()).get().await.unwrap(), 0);
    let mut numbers = Vec::new();
    for _ in 0..4 {
        numbers.push(world.call::<i64>("draw", ()).get().await.unwrap());
    }
    let fresh = world.function("draw").unwrap().fresh();
    for _ in 0..2 {
        numbers.push(fresh.call::<i64>(()).get().await.unwrap());
    }
    numbers
}

#[tokio::test]
async fn a_seed_gives_the_same_numbers_on_every_server() {
    let (one, two, other) = (seeded("5").start(), seeded("5").start(), seeded("6").start());
    let numbers = drawn(&one.session().await).await;
    assert_eq!(drawn(&one.session().await).await, numbers, "in another session");
    assert_eq!(drawn(&two.session().await).await, numbers, "on another server");
    let first = numbers[0];
    assert_eq!(numbers[4..], [first; 2], "each instance begins anew");
    assert!(numbers[1..4].iter().all(|number| *number != first), "{numbers:?}");
    let others = drawn(&other.session().await).await;
    assert!(others.iter().all(|number| !numbers.contains(number)), "{others:?}");
}

#[tokio::test]
async fn what_is_granted_is_real_otherwise() {
    let server =
        Server::builder().flag("--guests-clock", "true").flag("--guests-random", "true").start();
    let session = server.session().await;
    let world = upload_text(&session, "world", WORLD).await;
    // Nanoseconds until 2020.
    assert!(world.call::<i64>("time", ()).get().await.unwrap() > 1_577_836_800_000_000_000);
    let fresh = world.function("draw").unwrap().fresh();
    let [one, two] = [fresh.call::<i64>(()), fresh.call::<i64>(())];
    assert_ne!(one.get().await.unwrap(), two.get().await.unwrap());
}

#[tokio::test]
async fn a_seed_does_not_grant_anything() {
    let server = Server::builder().flag("--guests-deterministic", "true").start();
    let session = server.session().await;
    let refused = session.uploader(WORLD.as_bytes().to_vec()).name("world").send().await;
    let code = refused.unwrap_err().failure().unwrap().code;
    assert_eq!(code, farside::ErrorCode::UnsupportedImport);
    let hello = session.upload(guest("hello")).await.unwrap();
    assert_eq!(hello.call::<i64>("square", (3,)).get().await.unwrap(), 9);
}

#[tokio::test]
async fn evaluators_are_seeded_too() {
    for (language, source) in [
        (
            "python",
            "import random, time, uuid, os\n\
             [random.random(), random.sample(range(1000), 9), str(uuid.uuid4()), time.time(), \
             os.urandom(8).hex()]",
        ),
        ("javascript", "[Math.random(), Date.now(), Array.from({ length: 9 }, Math.random)]"),
    ] {
        let mut values = Vec::new();
        for seed in ["5", "5", "6"] {
            let Some(server) = evaluating_with(seeded(seed), language).await else { break };
            for _ in 0..2 {
                let session = server.session().await;
                let value = session.language(language).eval::<()>(source);
                values.push(value.get_raw(None).await.unwrap().1);
            }
        }
        let [one, again, other, other_again, seed, seed_again] = &values[..] else { continue };
        assert_eq!(one, again, "{language}: in another session");
        assert_eq!((one, one), (other, other_again), "{language}: on another server");
        assert_eq!(seed, seed_again);
        assert_ne!(one, seed, "{language}: by another seed");
    }
}
