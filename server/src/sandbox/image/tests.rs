//! Images against twins that were never captured.

use proptest::prelude::*;
use wasmtime::{Engine, Instance, Module, Store};

use super::faults;
use super::{Checkpoint, Image, Pristine, State, bake, reveal};
use crate::config::ByteSize;
use crate::meter::Meter;

/// A module with all that an image holds: two memories of different index types,
/// globals of each type, passive and active segments, a table, a start function.
const MODULE: &str = r#"(module
    (memory $m (export "memory") 2 40)
    (memory $wide i64 1)
    (global $i (mut i32) (i32.const 1))
    (global $fixed i32 (i32.const 77))
    (global $l (mut i64) (i64.const -2))
    (global $f (mut f32) (f32.const 0.5))
    (global $d (mut f64) (f64.const -0.25))
    (global $v (mut v128) (v128.const i64x2 1 2))
    (table 2 funcref)
    (elem (i32.const 0) func $seven $fixed_value)
    (data (i32.const 10) "active")
    (data $passive "passive")
    (start $begin)
    (func $begin (global.set $i (i32.add (global.get $i) (i32.const 1000))))
    (func $seven (result i32) (i32.const 7))
    (func $fixed_value (result i32) (global.get $fixed))
    (func (export "poke") (param i32 i32)
        (i32.store8 (local.get 0) (local.get 1))
        (i64.store8 $wide (i64.extend_i32_u (i32.and (local.get 0) (i32.const 0xffff)))
            (i64.extend_i32_u (local.get 1))))
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "count") (param i32)
        (global.set $i (i32.add (global.get $i) (local.get 0)))
        (global.set $l (i64.mul (global.get $l) (i64.const 3)))
        (global.set $f (f32.add (global.get $f) (f32.const 1)))
        (global.set $d (f64.mul (global.get $d) (f64.const 1.5)))
        (global.set $v (i64x2.add (global.get $v) (v128.const i64x2 3 5))))
    (func (export "copy") (param i32)
        (memory.init $passive (local.get 0) (i32.const 0) (i32.const 7)))
    (func (export "see") (param i32) (result i64)
        (i64.add
            (i64.add
                (i64.extend_i32_u (i32.load8_u (local.get 0)))
                (i64.load8_u $wide (i64.extend_i32_u (i32.and (local.get 0) (i32.const 0xffff)))))
            (i64.add
                (i64.extend_i32_u (global.get $i))
                (i64.add
                    (i64.add (global.get $l) (i64.trunc_sat_f32_s (global.get $f)))
                    (i64.add
                        (i64.trunc_sat_f64_s (global.get $d))
                        (i64x2.extract_lane 1 (global.get $v)))))))
    (func (export "table") (param i32) (result i32)
        (call_indirect (result i32) (local.get 0))))"#;

struct Guest {
    store: Store<()>,
    instance: Instance,
    module: Module,
}

impl Guest {
    fn new(engine: &Engine, binary: &[u8]) -> Guest {
        let module = Module::new(engine, binary).unwrap();
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        Guest { store, instance, module }
    }

    fn call<P: wasmtime::WasmParams, R: wasmtime::WasmResults>(&mut self, name: &str, p: P) -> R {
        let func = self.instance.get_typed_func::<P, R>(&mut self.store, name).unwrap();
        func.call(&mut self.store, p).unwrap()
    }

    fn apply(&mut self, change: &Change) {
        match *change {
            Change::Poke(at, byte) => self.call::<_, ()>("poke", (at, byte)),
            Change::Grow(pages) => {
                self.call::<_, i32>("grow", pages);
            }
            Change::Count(by) => self.call::<_, ()>("count", by),
            Change::Copy(at) => self.call::<_, ()>("copy", at),
        }
    }

    fn state(&mut self) -> State {
        State::of(&self.module, &self.instance, &mut self.store).unwrap()
    }

    fn image(&mut self) -> Image {
        Image::capture(&self.module, &self.instance, &mut self.store).unwrap()
    }

    /// All that can be told of the guest from within, and its memory's size.
    fn see(&mut self, places: &[i32]) -> Vec<i64> {
        let mut seen: Vec<i64> = places.iter().map(|at| self.call("see", *at)).collect();
        seen.extend([0, 1].map(|number| i64::from(self.call::<_, i32>("table", number))));
        seen.push(i64::from(self.call::<_, i32>("grow", 0)));
        seen
    }
}

#[derive(Clone, Debug)]
enum Change {
    Poke(i32, i32),
    Grow(i32),
    Count(i32),
    Copy(i32),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = 0..(2 << 16) - 8;
    let change = prop_oneof![
        (at.clone(), 0..256).prop_map(|(at, byte)| Change::Poke(at, byte)),
        (0..20).prop_map(Change::Grow),
        (-9..9).prop_map(Change::Count),
        at.prop_map(Change::Copy),
    ];
    prop::collection::vec(change, 0..12)
}

fn revealed() -> Vec<u8> {
    let revealed = reveal(&wat::parse_str(MODULE).unwrap()).unwrap();
    assert_eq!(revealed.obstacle, None);
    revealed.binary
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn an_instance_of_a_baked_module_goes_on_as_its_twin(
        before in changes(), after in changes(), again in changes(),
    ) {
        let engine = Engine::default();
        let mut twin = Guest::new(&engine, &revealed());
        let places = [0, 10, 12, 16, 5000, 65_535, 65_536, 131_000];
        before.iter().for_each(|change| twin.apply(change));
        let baked = bake(&revealed(), &twin.image()).unwrap();
        let mut guest = Guest::new(&engine, &baked);
        prop_assert_eq!(guest.see(&places), twin.see(&places));

        // What was baked can be captured and baked again.
        after.iter().for_each(|change| (twin.apply(change), guest.apply(change)).0);
        let baked = bake(&baked, &guest.image()).unwrap();
        let mut guest = Guest::new(&engine, &baked);
        again.iter().for_each(|change| (twin.apply(change), guest.apply(change)).0);
        prop_assert_eq!(guest.see(&places), twin.see(&places));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn a_new_instance_goes_on_from_a_checkpoint(
        image in changes(), before in changes(), between in changes(), undone in changes(),
    ) {
        let engine = Engine::default();
        let memory = Meter::new(ByteSize::new(1 << 30));
        let mut origin = Guest::new(&engine, &revealed());
        image.iter().for_each(|change| origin.apply(change));
        let baked = bake(&revealed(), &origin.image()).unwrap();
        let (mut guest, mut twin) = (Guest::new(&engine, &baked), Guest::new(&engine, &baked));
        let mut checkpoint: Option<Checkpoint> = None;
        // The second time the same changes touch no page for the first time.
        for changes in [&before, &between, &between] {
            let faults = faults::of_this_thread();
            changes.iter().for_each(|change| (twin.apply(change), guest.apply(change)).0);
            let are_the_same = faults.is_some() && faults == faults::of_this_thread();
            let state = guest.state();
            checkpoint = match checkpoint {
                Some(last) => last.renewed(&state, &mut guest.store, are_the_same),
                None => Checkpoint::take(&state, &mut guest.store, &memory),
            };
        }
        undone.iter().for_each(|change| guest.apply(change));
        drop(guest);
        let mut again = Guest::new(&engine, &baked);
        let state = again.state();
        checkpoint.as_ref().unwrap().restore(&state, &mut again.store).unwrap();
        prop_assert_eq!(again.image().memories, twin.image().memories);
        let places = [0, 10, 5000, 65_536, 131_000];
        prop_assert_eq!(again.see(&places), twin.see(&places));
        drop(checkpoint);
        prop_assert_eq!(memory.used(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn an_instance_that_was_made_new_is_like_a_new_one(calls in prop::collection::vec(changes(), 1..4)) {
        let engine = Engine::default();
        let binary = revealed();
        let mut twin = Guest::new(&engine, &binary);
        let state = twin.state();
        let pristine = Pristine::of(&state, &mut twin.store, &Meter::new(ByteSize::new(1 << 30))).unwrap();
        let new = twin.image();
        let mut guest = Guest::new(&engine, &binary);
        let state = guest.state();
        let bytes = |guest: &Guest| -> u64 {
            state.memories.iter().map(|memory| memory.data_size(&guest.store) as u64).sum()
        };
        for call in calls {
            call.iter().for_each(|change| guest.apply(change));
            let is_larger = bytes(&guest) > new.memory_bytes();
            prop_assert_eq!(pristine.renew(&state, &mut guest.store), !is_larger);
            if is_larger {
                return Ok(());
            }
        }
        // Looking at all of it maps all of its pages, which then count as written to.
        let image = guest.image();
        prop_assert_eq!(&image.memories, &new.memories);
        prop_assert_eq!(format!("{:?}", image.globals), format!("{:?}", new.globals));
    }
}

#[test]
fn what_takes_long_to_make_new_is_not() {
    let engine = Engine::default();
    let mut twin = Guest::new(&engine, &revealed());
    let state = twin.state();
    let pristine =
        Pristine::of(&state, &mut twin.store, &Meter::new(ByteSize::new(1 << 30))).unwrap();
    // Each writes to a page of either memory.
    for (pokes, expected) in [(16, true), (18, false)] {
        let mut guest = Guest::new(&engine, &revealed());
        let state = guest.state();
        (0..pokes).for_each(|page| guest.apply(&Change::Poke(page * 4096, 1)));
        assert_eq!(pristine.renew(&state, &mut guest.store), expected);
    }
    let mut guest = Guest::new(&engine, &revealed());
    let state = guest.state();
    guest.apply(&Change::Grow(1));
    assert!(!pristine.renew(&state, &mut guest.store));
    // The process has no memory for what would be kept.
    assert!(Pristine::of(&state, &mut guest.store, &Meter::new(ByteSize::new(100))).is_none());
}

#[test]
fn what_the_process_has_no_memory_for_is_not_kept() {
    let mut guest = Guest::new(&Engine::default(), &revealed());
    guest.apply(&Change::Poke(5000, 1));
    let state = guest.state();
    for (limit, expected) in [(1 << 30, true), (100, false)] {
        let memory = Meter::new(ByteSize::new(limit));
        let taken = Checkpoint::take(&state, &mut guest.store, &memory);
        assert_eq!(taken.is_some(), expected);
    }
}

fn obstacle(text: &str) -> String {
    match reveal(&wat::parse_str(text).unwrap()) {
        Ok(revealed) => revealed.obstacle.unwrap_or_else(|| "none".to_owned()),
        Err(error) => format!("refused: {error}"),
    }
}

#[test]
fn what_no_image_shows_is_an_obstacle() {
    let table = |body: &str| format!("(module (table $t 1 funcref) (elem $e func) (func {body}))");
    assert_eq!(obstacle("(module)"), "none");
    assert_eq!(obstacle(&table("(drop (table.get 0 (i32.const 0)))")), "none");
    let writes = "it has an instruction that writes a table";
    assert_eq!(obstacle(&table("(table.set (i32.const 0) (ref.null func))")), writes);
    let init = "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0))";
    assert_eq!(obstacle(&table(init)), writes);
    let drops = "it has an instruction that drops a segment";
    assert_eq!(obstacle(&table("(elem.drop $e)")), drops);
    assert_eq!(obstacle(r#"(module (memory 1) (data $d "x") (func (data.drop $d)))"#), drops);
    assert_eq!(
        obstacle("(module (global (mut funcref) (ref.null func)))"),
        "it has a global that refers to a function"
    );
    assert_eq!(
        obstacle(r#"(module (func (export "farside:memory:0")))"#),
        "refused: it exports \"farside:memory:0\", and names that begin with \"farside:\" are \
         reserved"
    );
}

#[test]
fn a_module_without_state_stays_as_it_is() {
    let binary = wat::parse_str(r#"(module (func (export "f")))"#).unwrap();
    assert_eq!(reveal(&binary).unwrap().binary, binary);
}
