;; Changes its memories and globals by a random sequence and gives a digest of them.
(module
  (memory $m 2 40)
  (memory $wide i64 1 4)
  (global $i (mut i32) (i32.const 1))
  (global $l (mut i64) (i64.const -2))
  (global $d (mut f64) (f64.const -0.25))
  (global $seed (mut i64) (i64.const 0))
  (table 2 funcref)
  (elem (i32.const 0) func $next $digest)
  (data (i32.const 10) "active")
  (data (i32.const 70000) "far away")
  (data $passive "passive")

  ;; xorshift64
  (func $next (result i64)
    (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 13))))
    (global.set $seed (i64.xor (global.get $seed) (i64.shr_u (global.get $seed) (i64.const 7))))
    (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 17))))
    (global.get $seed))

  (func $place (param $below i32) (result i32)
    (i32.wrap_i64 (i64.rem_u (call $next) (i64.extend_i32_u (local.get $below)))))

  (func $step (param $grows i32)
    (local $what i32)
    (local.set $what (call $place (i32.const 6)))
    (if (i32.eq (local.get $what) (i32.const 0)) (then
      (i64.store (call $place (i32.const 131064)) (call $next))))
    (if (i32.eq (local.get $what) (i32.const 1)) (then
      (i64.store8 $wide (i64.extend_i32_u (call $place (i32.const 65536))) (call $next))))
    (if (i32.eq (local.get $what) (i32.const 2)) (then
      (global.set $i (i32.add (global.get $i) (call $place (i32.const 1000))))
      (global.set $l (i64.mul (global.get $l) (i64.const 3)))
      (global.set $d (f64.add (global.get $d) (f64.const 1.5)))))
    (if (i32.eq (local.get $what) (i32.const 3)) (then
      (memory.init $passive (call $place (i32.const 131000)) (i32.const 0) (i32.const 7))))
    (if (i32.eq (local.get $what) (i32.const 4)) (then
      (memory.fill (call $place (i32.const 120000)) (call $place (i32.const 256))
        (call $place (i32.const 10000)))))
    (if (i32.and (local.get $grows) (i32.eq (local.get $what) (i32.const 5))) (then
      (drop (memory.grow (i32.const 1)))
      (drop (memory.grow $wide (i64.const 1))))))

  (func $digest (export "digest") (result i64)
    (local $at i32) (local $sum i64)
    (local.set $sum (i64.extend_i32_u (memory.size)))
    (loop
      (local.set $sum (i64.add
        (i64.mul (local.get $sum) (i64.const 0x100000001b3))
        (i64.load (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if 0 (i32.lt_u (local.get $at) (i32.shl (memory.size) (i32.const 16)))))
    (local.set $at (i32.const 0))
    (loop
      (local.set $sum (i64.add
        (i64.mul (local.get $sum) (i64.const 0x100000001b3))
        (i64.load $wide (i64.extend_i32_u (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))
      (br_if 0 (i32.lt_u (local.get $at) (i32.const 65536))))
    (i64.add (local.get $sum) (i64.add (i64.extend_i32_u (global.get $i))
      (i64.add (global.get $l) (i64.reinterpret_f64 (global.get $d))))))

  (func (export "mix") (param $seed i64) (param $steps i32) (param $grows i32) (result i64)
    (global.set $seed (i64.or (local.get $seed) (i64.const 1)))
    (block
      (loop
        (br_if 1 (i32.eqz (local.get $steps)))
        (call $step (local.get $grows))
        (local.set $steps (i32.sub (local.get $steps) (i32.const 1)))
        (br 0)))
    (call_indirect (result i64) (i32.const 1))))
