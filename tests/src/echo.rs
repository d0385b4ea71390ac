//! A guest that gives back what it gets, whatever that is.
#![expect(clippy::unwrap_used, reason = "it is for tests, which may panic; that is how they fail")]

use farside::manifest::{Function, GUEST_ABI, Inbox, Manifest, Param, Schema};
use farside::{Module, Session};

/// Where the guest keeps its description, its inbox and larger arguments.
const DESCRIPTION: u32 = 0;
const INBOX: Inbox = Inbox { address: 4096, size: 4096 };
const ARGUMENTS: u32 = 8192;

/// Uploads a module with the function `echo(value)`. It decodes nothing: of the
/// argument list, which is an array of one element, it gives all but the first
/// byte.
pub async fn upload(session: &Session) -> Module {
    session.uploader(wat()).name("echo").send().await.unwrap()
}

fn wat() -> Vec<u8> {
    let echo = Function {
        name: "echo".to_owned(),
        params: vec![Param {
            name: "value".to_owned(),
            schema: Schema::default(),
            optional: false,
        }],
        ..Function::default()
    };
    let module = Manifest { abi: Some(GUEST_ABI), inbox: Some(INBOX), ..Manifest::default() };
    let function = Manifest { functions: vec![echo], ..module.clone() };
    let (module, function) = (description(&module), description(&function));
    let at = DESCRIPTION + module.len() as u32;
    assert!(at + function.len() as u32 <= INBOX.address);
    format!(
        r#"(module
            (memory (export "memory") 1)
            (data (i32.const {DESCRIPTION}) "{}")
            (data (i32.const {at}) "{}")
            (func $packed (param $at i32) (param $len i32) (result i64)
                (i64.or
                    (i64.extend_i32_u (local.get $at))
                    (i64.shl (i64.extend_i32_u (local.get $len)) (i64.const 32))))
            (func (export "farside_abi") (result i32) (i32.const {GUEST_ABI}))
            (func (export "farside_describe") (result i64)
                (call $packed (i32.const {DESCRIPTION}) (i32.const {})))
            (func (export "farside_describe_echo") (result i64)
                (call $packed (i32.const {at}) (i32.const {})))
            (func (export "farside_alloc") (param $len i32) (result i32)
                (local $pages i32)
                (local.set $pages (i32.sub
                    (i32.shr_u (i32.add (local.get $len) (i32.const {})) (i32.const 16))
                    (memory.size)))
                (if (i32.gt_s (local.get $pages) (i32.const 0))
                    (then (if (i32.lt_s (memory.grow (local.get $pages)) (i32.const 0))
                        (then (return (i32.const 0))))))
                (i32.const {ARGUMENTS}))
            (func (export "farside_free") (param i32 i32))
            (func (export "farside_call_echo") (param $at i32) (param $len i32) (result i64)
                (call $packed
                    (i32.add (local.get $at) (i32.const 1))
                    (i32.sub (local.get $len) (i32.const 1)))))"#,
        escaped(&module),
        escaped(&function),
        module.len(),
        function.len(),
        ARGUMENTS + 65_535,
    )
    .into_bytes()
}

fn description(manifest: &Manifest) -> Vec<u8> {
    rmp_serde::to_vec_named(manifest).unwrap()
}

fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}
