//! The walls around compilers: each is tried, alone and with the others, and looked at
//! from outside.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use farside_tests::{Server, program};
use rustix::process::{Pid, Signal, kill_process};

use crate::bystander::Bystander;
use crate::told::{refused, upload_text};

const SMALL: &str = r#"(module (func (export "f") (result i32) (i32.const 1)))"#;

/// What became of an attempt behind walls: what the probe said of it, or the signal that
/// ended it. None if the kernel lacks one of the walls.
fn attempt(walls: &str, attempt: &str) -> Option<String> {
    let mut probe = Command::new(program("farside"));
    run(&mut probe, walls, attempt)
}

fn run(probe: &mut Command, walls: &str, attempt: &str) -> Option<String> {
    probe.args(["compile-for-farside", "probe"]).env_clear();
    probe.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = probe.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{walls} {attempt}").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    if said.contains(": missing, ") {
        eprintln!("not tried: {said}");
        return None;
    }
    if let Some(signal) = output.status.signal() {
        let name = match Signal::from_named_raw(signal) {
            Some(Signal::SYS) => "SIGSYS".to_owned(),
            Some(Signal::ABORT) => "SIGABRT".to_owned(),
            _ => signal.to_string(),
        };
        return Some(format!("ended by {name}"));
    }
    let of_attempt = said.lines().find_map(|line| line.strip_prefix(attempt));
    Some(of_attempt.unwrap().trim_start_matches(": ").to_owned())
}

/// Everything that walls keep a compiler from.
const FORBIDDEN: [&str; 8] = [
    "read-a-file",
    "list-a-folder",
    "write-a-file",
    "listen",
    "pair-sockets",
    "start-a-program",
    "signal-the-parent",
    "abort",
];

/// What becomes of each of them behind walls.
fn attempts(walls: &str) -> Option<String> {
    let mut text = String::new();
    for name in FORBIDDEN {
        let became = attempt(walls, name)?;
        // How many files there are is of no interest.
        let became = became.split_once("done,").map_or(became.as_str(), |_| "done");
        writeln!(text, "{name}: {became}").unwrap();
    }
    Some(text)
}

#[test]
fn without_walls_everything_can_be_done() {
    insta::assert_snapshot!(attempts("none").unwrap(), @"
    read-a-file: done
    list-a-folder: done
    write-a-file: done
    listen: done
    pair-sockets: done
    start-a-program: done
    signal-the-parent: done
    abort: ended by SIGABRT
    ");
}

#[test]
fn behind_all_walls_nothing_can() {
    let Some(text) = attempts("all") else { return };
    insta::assert_snapshot!(text, @"
    read-a-file: refused, permission denied
    list-a-folder: refused, permission denied
    write-a-file: refused, permission denied
    listen: ended by SIGSYS
    pair-sockets: ended by SIGSYS
    start-a-program: ended by SIGSYS
    signal-the-parent: ended by SIGSYS
    abort: ended by SIGABRT
    ");
}

#[test]
fn what_compiling_takes_can_be_done_behind_them() {
    for name in ["nothing", "start-a-thread"] {
        let became = attempt("all", name);
        assert!(became.is_none_or(|became| became.starts_with("done")), "{name}");
    }
}

#[test]
fn each_wall_holds_alone() {
    let denied = Some("refused, permission denied".to_owned());
    for (wall, name) in [
        ("files", "read-a-file"),
        ("files", "list-a-folder"),
        ("files", "write-a-file"),
        ("files", "start-a-program"),
        ("network", "listen"),
        ("signals", "signal-the-parent"),
        ("syscalls", "read-a-file"),
    ] {
        let became = attempt(wall, name);
        assert!(became.is_none() || became == denied, "{wall}: {name}: {became:?}");
    }
    for name in ["listen", "pair-sockets", "start-a-program", "signal-the-parent"] {
        let became = attempt("syscalls", name);
        assert!(became.is_none_or(|became| became == "ended by SIGSYS"), "{name}");
    }
}

#[test]
fn descriptors_that_a_server_was_started_with_are_closed() {
    let count = |walls: &str| {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "exec 7</dev/null 8</dev/null; exec \"$0\" \"$@\""]);
        let farside = program("farside");
        let became = run(shell.arg(farside), walls, "list-descriptors");
        became.map(|became| became.trim_start_matches("done, ").parse::<usize>().unwrap())
    };
    let before = count("none").unwrap();
    // The three of its pipes, and the folder's own.
    assert!(before >= 4 + 2, "{before}");
    assert!(count("descriptors").is_none_or(|after| after == 4));
}

/// The processes that a process has started and that have not ended.
fn children(of: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{of}/task")).unwrap();
    let children =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let mut children: Vec<u32> = children
        .flat_map(|list| {
            list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>()
        })
        .filter(|pid| !is_over(*pid))
        .collect();
    children.sort_unstable();
    children
}

/// The fields of a process's `stat` that follow its name: its state is the first.
fn stat(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

fn is_over(pid: u32) -> bool {
    stat(pid).is_none_or(|fields| matches!(fields[0].as_str(), "Z" | "X"))
}

/// Waits until something shows.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6_000 {
        if let Some(found) = look() {
            return found;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not come about");
}

/// The compilers of a server that wait for an order, once there are all of them.
fn idle(server: &Server) -> Vec<u32> {
    until("two idle compilers", || {
        let found = children(server.pid());
        (found.len() == 2 && found.iter().all(|pid| said_walls(*pid))).then_some(found)
    })
}

/// Whether a compiler has raised its walls: then it waits in a read of its standard input.
fn said_walls(pid: u32) -> bool {
    let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
    // Number 0 is `read` on x86-64, and 63 elsewhere; the descriptor follows.
    call.starts_with("0 0x0 ") || call.starts_with("63 0x0 ")
}

/// The line of a file that begins with a name, without it.
fn line(path: &Path, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {}", path.display())).trim().to_owned()
}

#[test]
fn an_idle_compiler_has_pipes_and_walls_and_nothing_else() {
    let server = Server::builder().env("FARSIDE_SECRET", "no").start();
    let walls = server.wait_for_log("modules are compiled in a child process");
    for pid in idle(&server) {
        let of = |name: &str| Path::new("/proc").join(pid.to_string()).join(name);
        assert_eq!(fs::read(of("environ")).unwrap(), b"");
        let descriptors = fs::read_dir(of("fd")).unwrap().map(|entry| entry.unwrap());
        let mut descriptors: Vec<_> = descriptors
            .map(|entry| (entry.file_name(), fs::read_link(entry.path()).unwrap()))
            .collect();
        descriptors.sort();
        assert_eq!(descriptors.len(), 3, "{descriptors:?}");
        for (_, to) in &descriptors {
            let to = to.to_str().unwrap();
            assert!(to.starts_with("pipe:") || to.starts_with("socket:"), "{descriptors:?}");
        }
        assert_eq!(line(&of("status"), "Threads:"), "1");
        assert_eq!(line(&of("status"), "NoNewPrivs:"), "1");
        if walls.contains("syscalls") {
            assert_eq!(line(&of("status"), "Seccomp:"), "2");
        }
        assert!(line(&of("limits"), "Max core file size").starts_with("0 "));
        assert!(line(&of("limits"), "Max open files").starts_with("64 "));
        let resident = line(&of("status"), "VmRSS:");
        let kib: u64 = resident.split_whitespace().next().unwrap().parse().unwrap();
        assert!(kib < 32 << 10, "an idle compiler takes {resident}");
    }
}

/// The descriptors of a process that its children have, too.
fn inherited(process: &str) -> Vec<u32> {
    const CLOSE_ON_EXEC: u32 = 0o2_000_000;
    let flags = |number: u32| {
        let info = fs::read_to_string(format!("/proc/{process}/fdinfo/{number}")).ok()?;
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
        u32::from_str_radix(flags.trim(), 8).ok()
    };
    let names = fs::read_dir(format!("/proc/{process}/fd")).unwrap();
    let numbers = names.map(|entry| entry.unwrap().file_name().to_str().unwrap().parse().unwrap());
    // One may have been closed since.
    numbers
        .filter(|number| flags(*number).is_some_and(|flags| flags & CLOSE_ON_EXEC == 0))
        .collect()
}

#[test]
fn no_child_inherits_what_the_server_opens() {
    let server = Server::start();
    idle(&server);
    let mut its_own = inherited(&server.pid().to_string());
    // What this test was started with, the server was, too.
    let ours = inherited("self");
    its_own.retain(|number| *number > 2 && !ours.contains(number));
    assert!(its_own.is_empty(), "a child inherits {its_own:?}");
    let open = fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count();
    assert!(open > 3 + 5, "a server has a listener, a lock and more: {open}");
}

#[test]
fn a_server_says_which_walls_stand() {
    let server = Server::start();
    let line = server.wait_for_log("modules are compiled");
    assert!(line.contains("in a child process with walls: descriptors, privileges"), "{line}");
}

#[tokio::test]
async fn a_compiler_that_is_killed_costs_one_upload() {
    let server = Server::start();
    let mut bystander = Bystander::new(&server).await;
    let session = server.session().await;
    let text = crate::compiling::laborious(2_000);
    let uploading = session.uploader(text.into_bytes()).name("long").send();
    let killing = tokio::task::spawn_blocking({
        let server = server.pid();
        move || {
            // User time in hundredths of a second: one that only waits has taken none.
            let works = |pid: &u32| {
                stat(*pid).is_some_and(|fields| fields[11].parse::<u64>().unwrap() > 20)
            };
            let busy = || children(server).into_iter().find(works);
            kill(until("a compiler at work", busy));
        }
    });
    let (upload, killed) = tokio::join!(uploading, killing);
    killed.unwrap();
    insta::assert_snapshot!(refused(upload), @"
    CompileFailed: the compiler was killed
    hint: the machine may have run out of memory, or somebody ended it; try again in a moment
    ");
    upload_text(&session, "small", SMALL).await;
    bystander.goes_on().await;
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[tokio::test]
async fn compilers_that_die_while_they_wait_are_replaced() {
    let server = Server::start();
    let first = idle(&server);
    first.iter().for_each(|pid| kill(*pid));
    let session = server.session().await;
    upload_text(&session, "small", SMALL).await;
    let second = idle(&server);
    assert!(second.iter().all(|pid| !first.contains(pid)), "{first:?} {second:?}");
}

#[tokio::test]
async fn a_compiler_compiles_one_module() {
    let server = Server::start();
    let session = server.session().await;
    let mut seen = idle(&server);
    for number in 0..3 {
        let text = format!(r#"(module (func (export "f") (result i32) (i32.const {number})))"#);
        upload_text(&session, &format!("m{number}"), &text).await;
        let now = idle(&server);
        let new = now.iter().filter(|pid| !seen.contains(pid)).count();
        assert_eq!(new, 1, "{seen:?} {now:?}");
        seen = now;
    }
}

#[test]
fn idle_compilers_end_with_their_server() {
    let server = Server::start();
    let waiting = idle(&server);
    let _ = server.kill();
    for pid in waiting {
        until("its end", || is_over(pid).then_some(()));
    }
}

#[tokio::test]
async fn a_module_of_too_many_parts_is_refused_before_it_is_compiled() {
    let server = Server::start();
    let session = server.session().await;
    let locals = format!("(module (func (local {})))", "i32 ".repeat(10_001));
    let upload = session.uploader(locals.into_bytes()).name("locals").send().await;
    insta::assert_snapshot!(refused(upload), @"
    CompileLimit: the module has 10001 locals in its function 0; there may be 10000
    hint: split that function; the count begins after the imports
    ");
    let functions = format!("(module {})", "(func)".repeat(100_001));
    let upload = session.uploader(functions.into_bytes()).name("functions").send().await;
    insta::assert_snapshot!(refused(upload), @"
    CompileLimit: the module has 100001 functions; there may be 100000
    hint: split the module
    ");
    upload_text(&session, "small", SMALL).await;
}
