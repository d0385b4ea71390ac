//! `farside repl`, fed by a pipe and by a person at a terminal.

use farside_tests::{Ran, Server, Shell, evaluator, guest};
use insta::assert_snapshot;

/// A server that has the evaluator of JavaScript ready, and an account; none on a machine
/// that could not build it.
fn desk() -> Option<(Server, Shell)> {
    if evaluator("javascript").is_none() {
        eprintln!("skipped: the JavaScript evaluator is not built, since there is no clang");
        return None;
    }
    let server = Server::start();
    let shell = server.shell();
    let ran = talk(&shell, "");
    assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(0)), "{ran}");
    Some((server, shell))
}

/// What becomes of lines from a pipe.
fn talk(shell: &Shell, lines: &str) -> Ran {
    shell.run_with_input(&["repl", "--language", "javascript"], lines.as_bytes())
}

#[test]
fn sources_from_a_pipe_are_evaluated_one_after_the_other() {
    let Some((_server, shell)) = desk() else { return };
    assert_snapshot!(talk(&shell, "let x = 40\n\n// nothing\nx + 2\n({ x })\n"), @r#"
    42
    {"x": 40}
    "#);
    // Variables are the session's, and a source may have several lines.
    assert_snapshot!(talk(&shell, "function add(a, b) {\n  return a + b\n}\nadd(x,\n  `a\nb`)"), @r#""40a\nb""#);
    assert_snapshot!(talk(&shell, "console.log('out')\nconsole.error('err')\n'\x1b[2J'"), @r#"
    out
    "\u001b[2J"
    --- stderr
    err
    "#);
}

#[test]
fn the_last_result_has_a_name() {
    let Some((_server, shell)) = desk() else { return };
    assert_snapshot!(talk(&shell, "20\n_ + 1\nlet y = _\n_ * 2\ny"), @"
    20
    21
    42
    21
    ");
}

#[test]
fn a_result_that_is_no_plain_data_is_shown_as_its_language_does() {
    let Some((_server, shell)) = desk() else { return };
    assert_snapshot!(talk(&shell, "x => x + 1\n_(2)\nclass A {}\nA"), @"
    [Function (anonymous)]
    3
    [class A]
    ");
    if evaluator("python").is_some() {
        let lines = "def square(x):\n    return x * x\n\nsquare\n_(3)\n";
        assert_snapshot!(shell.run_with_input(&["repl"], lines.as_bytes()), @"
        <function square>
        9
        ");
    }
}

#[test]
fn a_large_result_is_shown_in_part_and_kept() {
    let Some((_server, shell)) = desk() else { return };
    let ran = talk(
        &shell,
        "[...Array(100000).keys()]\n_.length\n'x'.repeat(99999)\nnew Map([...Array(20000).keys()].map(n => [n, n]))",
    );
    let lines: Vec<_> = ran.stdout.lines().collect();
    let [list, list_is, length, text, text_is, map_is] = lines[..] else { panic!("{ran}") };
    assert_eq!(list, "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]");
    assert!(list_is.starts_with("… part of a list of 359.9 KiB, kept as far:"), "{list_is}");
    assert_eq!(length, "100000");
    assert_eq!(text, format!("\"{}\"", "x".repeat(200)));
    assert!(text_is.starts_with("… part of a string of 97.7 KiB, kept as far:"), "{text_is}");
    assert!(map_is.starts_with("a map of 116."), "{map_is}");
    let id = list_is.rsplit(' ').next().unwrap();
    assert_snapshot!(shell.run(&["get", id, "[99999]"]), @"99999");
    assert_snapshot!(shell.run(&["get", "far:_", "[19999]"]), @"19999");
    // What was not shown in part is gone with its conversation.
    assert_eq!(shell.run(&["refs"]).stdout.lines().count(), 4);
}

#[test]
fn a_pipe_goes_on_after_a_failure_and_ends_with_its_exit_code() {
    let Some((_server, shell)) = desk() else { return };
    assert_snapshot!(talk(&shell, "nowhere\n:nothing\n1 + 1"), @"
    2
    --- stderr
    <eval>:1
    nowhere
    ^

    ReferenceError: nowhere is not defined
        at <eval> (<eval>:1:1)
    error: cannot do it: there is no command `:nothing`

    hint: `:help` lists the commands
    --- exit code 1
    ");
    assert_snapshot!(talk(&shell, "f(\n"), @"
    --- stderr
    <eval>:1
    f(
      ^

    SyntaxError: unexpected token in expression: ''
        at <eval>:1:3
    --- exit code 1
    ");
}

#[test]
fn python_says_what_was_raised() {
    if evaluator("python").is_none() || evaluator("javascript").is_none() {
        return;
    }
    let Some((_server, shell)) = desk() else { return };
    assert_snapshot!(shell.run_with_input(&["repl"], b"1 / 0\nx = (\n"), @r#"
    --- stderr
    Traceback (most recent call last):
      File "<eval>", line 1, in <module>
        1 / 0
        ~~^~~
    ZeroDivisionError: division by zero
      File "<eval>", line 1
        x = (
            ^
    SyntaxError: '(' was never closed
    --- exit code 1
    "#);
}

#[test]
fn commands() {
    let Some((_server, shell)) = desk() else { return };
    assert_snapshot!(talk(&shell, "let x = 1\n:renew\ntypeof x\n:language javascript\n:quit\n2"), @r#"
    "undefined"
    --- stderr
    renewed javascript: its variables are forgotten
    "#);
    let ran = talk(&shell, ":language cobol\n1");
    assert_eq!((ran.stdout.as_str(), ran.code), ("1\n", Some(6)), "{ran}");
    assert!(talk(&shell, ":help").stdout.contains(":renew"));
}

#[test]
fn what_can_not_begin_says_why() {
    let server = Server::start();
    assert_snapshot!(server.cli(&["repl", "--json"]), @r#"
    --- stderr
    {"error":"cannot hold a conversation: it has no form for scripts","exit":2,"failure":null,"hint":"`farside eval --json` and `farside execute --json` have one"}
    --- exit code 2
    "#);
    let ran = server.cli(&["repl", "--language", "cobol"]);
    assert_eq!(ran.code, Some(6), "{ran}");
    let headline = "error: cannot speak cobol: this server does not evaluate cobol\n";
    assert!(ran.stderr.starts_with(headline), "{ran}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_stops_what_runs_and_ends_a_pipe() {
    use std::io::{BufRead, BufReader, Write};
    use std::process::Stdio;

    use rustix::process::{Pid, Signal, kill_process};

    let Some((_server, shell)) = desk() else { return };
    let mut command = shell.command(&["repl", "--language", "javascript"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    stdin.write_all(b"console.log('begun'); while (true) {}\n1\n").unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begun");
    kill_process(Pid::from_child(&process), Signal::INT).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(130));
    assert!(lines.next().is_none());
}

#[cfg(unix)]
mod terminal {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use rexpect::session::{PtySession, spawn_command};

    use super::*;

    /// Types without ending the line.
    fn type_in(person: &mut PtySession, text: &str) {
        person.send(text).unwrap();
        person.flush().unwrap();
    }

    /// A conversation at a terminal without colour, at its first prompt.
    fn person(shell: &Shell) -> PtySession {
        let mut command = shell.command(&["repl", "--language", "javascript"]);
        command.env("TERM", "xterm").env("NO_COLOR", "1");
        let mut person = spawn_command(command, Some(30_000)).unwrap();
        person.exp_string("javascript in session").unwrap();
        prompt(&mut person);
        person
    }

    /// Waits until the editor takes over the terminal, which it tells it.
    fn prompt(person: &mut PtySession) {
        person.exp_string("\x1b[?2004h").unwrap();
    }

    #[test]
    fn a_source_of_several_lines_is_edited_and_remembered() {
        let Some((_server, shell)) = desk() else { return };
        let mut person = person(&shell);
        person.send_line("[1,").unwrap();
        person.send_line("40 + 1].length + 40").unwrap();
        person.exp_string("\n42").unwrap();
        prompt(&mut person);
        type_in(&mut person, "'given' + ' up");
        person.send_control('c').unwrap();
        prompt(&mut person);
        person.send_line("_ * 2").unwrap();
        person.exp_string("\n84").unwrap();
        prompt(&mut person);
        // The source before that, by way of its second line.
        type_in(&mut person, "\x1b[A\x1b[A");
        person.send_line("").unwrap();
        person.exp_string("\n42").unwrap();
        prompt(&mut person);
        person.send_control('d').unwrap();
        person.exp_eof().unwrap();
        let history = shell.home().join("state/farside/history");
        let mode = fs::metadata(&history).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        assert!(fs::read_to_string(&history).unwrap().contains("40 + 1].length"));
    }

    #[test]
    fn names_are_completed() {
        let Some((_server, shell)) = desk() else { return };
        let uploaded = shell.run(&["upload", &guest("stats").to_string_lossy()]);
        assert_eq!(uploaded.code, Some(0), "{uploaded}");
        let mut person = person(&shell);
        person.send_line("let lighthouse = 42").unwrap();
        prompt(&mut person);
        type_in(&mut person, "lightho\t");
        person.exp_string("lighthouse").unwrap();
        person.send_line("").unwrap();
        person.exp_string("\n42").unwrap();
        prompt(&mut person);
        type_in(&mut person, "stats.mea\t");
        person.exp_string("stats.mean").unwrap();
        person.send_control('c').unwrap();
        prompt(&mut person);
        type_in(&mut person, ":qu\t");
        person.send_line("").unwrap();
        person.exp_eof().unwrap();
    }

    #[test]
    fn an_interrupt_stops_what_runs_and_the_conversation_goes_on() {
        let Some((_server, shell)) = desk() else { return };
        let mut person = person(&shell);
        person.send_line("console.log('be' + 'gun'); while (true) {}").unwrap();
        person.exp_string("begun").unwrap();
        person.send_control('c').unwrap();
        // Whether the variables are kept is the server's affair.
        person.exp_regex("variables are (kept|lost)").unwrap();
        prompt(&mut person);
        person.send_line(":renew").unwrap();
        person.exp_string("renewed").unwrap();
        prompt(&mut person);
        person.send_line("6 * 7").unwrap();
        person.exp_string("\n42").unwrap();
        prompt(&mut person);
        person.send_control('d').unwrap();
        person.exp_eof().unwrap();
    }
}
