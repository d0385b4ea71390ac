//! Modules compiled in child processes: what goes wrong there costs one upload.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use farside_tests::Server;

use crate::bystander::Bystander;
use crate::told::{refused, upload_text};

/// A module that takes long to compile: functions of many operations each.
pub(crate) fn laborious(functions: usize) -> String {
    let mut body = String::new();
    for step in 0..400 {
        write!(body, "(local.set 0 (i32.add (i32.mul (local.get 0) (i32.const {step})) ").unwrap();
        write!(body, "(i32.load offset={step} (i32.and (local.get 0) (i32.const 255)))))").unwrap();
    }
    let mut text = "(module (memory 1)".to_owned();
    for number in 0..functions {
        write!(
            text,
            r#"(func (export "f{number}") (param i32) (result i32) {body} (local.get 0))"#
        )
        .unwrap();
    }
    text + ")"
}

/// A program that stands in for the compiler.
fn program(folder: &Path, text: &str) -> String {
    let path = folder.join("compiler");
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

const SMALL: &str = r#"(module (func (export "f") (result i32) (i32.const 1)))"#;

#[tokio::test]
async fn compiling_for_too_long_is_stopped() {
    let server = Server::builder().flag("--limits-compile-cpu", "1s").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let text = laborious(2_000);
    let upload = session.uploader(text.into_bytes()).name("long").send().await;
    insta::assert_snapshot!(refused(upload), @"
    CompileLimit: compiling the module took more than 1s of CPU time
    hint: split the module, or raise limits.compile_cpu on the server
    ");
    upload_text(&session, "small", SMALL).await;
    bystander.goes_on().await;
}

#[tokio::test]
async fn compiling_with_too_much_memory_is_stopped() {
    let server = Server::builder().flag("--limits-compile-memory", "64MiB").start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let upload = session.uploader(laborious(2_000).into_bytes()).name("large").send().await;
    insta::assert_snapshot!(refused(upload), @"
    CompileLimit: compiling the module took more than 64 MiB of memory
    hint: split the module, or raise limits.compile_memory on the server
    ");
    upload_text(&session, "small", SMALL).await;
    bystander.goes_on().await;
}

#[tokio::test]
async fn a_compiler_that_dies_costs_one_upload() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = program(folder.path(), "echo it hurts >&2; kill -SEGV $$");
    let server = Server::builder().flag("--compiler", &compiler).start();
    let session = server.session().await;
    let upload = session.uploader(SMALL.as_bytes().to_vec()).name("m").send().await;
    insta::assert_snapshot!(refused(upload), @"
    CompileFailed: the compiler failed (signal: 11 (SIGSEGV))
    hint: the server's log says more; the module is valid, and this is a defect
    ");
    let line = server.wait_for_log("a compiler ended without an answer");
    assert!(line.contains("it hurts"), "{line}");
    // The session goes on.
    assert_eq!(session.put(&1).get().await.unwrap(), 1);
}

#[tokio::test]
async fn a_compiler_that_walls_end_costs_one_upload() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = program(folder.path(), "kill -SYS $$");
    let server = Server::builder().flag("--compiler", &compiler).start();
    let session = server.session().await;
    let upload = session.uploader(SMALL.as_bytes().to_vec()).name("m").send().await;
    insta::assert_snapshot!(refused(upload), @"
    CompileFailed: the compiler failed (signal: 31 (SIGSYS))
    hint: the server's log says more; the module is valid, and this is a defect
    ");
    let _line = server.wait_for_log("it made a system call that its walls forbid");
    assert_eq!(session.put(&1).get().await.unwrap(), 1);
}

#[tokio::test]
async fn a_compiler_that_hangs_costs_one_upload() {
    let folder = tempfile::tempdir().unwrap();
    let compiler = program(folder.path(), "exec /bin/sleep 1000");
    let server =
        Server::builder().flag("--compiler", &compiler).flag("--limits-compile-cpu", "1s").start();
    let session = server.session().await;
    let upload = session.uploader(SMALL.as_bytes().to_vec()).name("m").send().await;
    insta::assert_snapshot!(refused(upload), @"
    CompileLimit: compiling the module did not end within 4s
    hint: split the module, or raise limits.compile_cpu on the server
    ");
}

#[tokio::test]
async fn a_compiler_is_told_nothing_but_the_module() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    // More than one may run at a time, as some start ahead of need.
    let seen_by = format!("{}.$$", seen.display());
    let script =
        format!("(echo $#; /usr/bin/env) > {seen_by}; /bin/mv {seen_by} {}", seen.display());
    let compiler = program(folder.path(), &script);
    let server =
        Server::builder().flag("--compiler", &compiler).env("FARSIDE_SECRET", "no").start();
    let session = server.session().await;
    session.uploader(SMALL.as_bytes().to_vec()).name("m").send().await.unwrap_err();
    let seen = fs::read_to_string(seen).unwrap();
    // The shell itself sets these.
    let own = ["PWD=", "SHLVL=", "_=", "OLDPWD="];
    let told: Vec<_> =
        seen.lines().filter(|line| own.iter().all(|name| !line.starts_with(name))).collect();
    assert_eq!(told, ["1"]);
}
