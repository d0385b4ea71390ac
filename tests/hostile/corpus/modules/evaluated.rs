//! Source text that an evaluator is to choke on. What was there before is there
//! afterwards, in nearly all of them.

use super::guest::sources;
use crate::corpus::case::Case;

/// A program of JavaScript between two lines that keep and give `x`.
macro_rules! javascript {
    ($name:literal, [$($outcome:literal),*], $source:expr) => {
        sources(
            "javascript",
            concat!("JavaScript: ", $name),
            &[$(concat!("null, ", $outcome, ", 42")),*],
            &["globalThis.x = 42; undefined", $source, "x"],
        )
    };
}

/// The same of Python.
macro_rules! python {
    ($name:literal, [$($outcome:literal),*], $source:expr) => {
        sources(
            "python",
            concat!("Python: ", $name),
            &[$(concat!("null, ", $outcome, ", 42")),*],
            &["x = 42", $source, "x"],
        )
    };
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        javascript!("endless loop", ["CpuLimit", "DeadlineExceeded"], "while (true) {}"),
        javascript!(
            "endless loop that catches all",
            ["CpuLimit", "DeadlineExceeded"],
            "while (true) { try { while (true) {} } catch {} finally { x = 42 } }"
        ),
        javascript!("recursion", ["GuestError", "Trap"], "(function f() { return 1 + f() })()"),
        javascript!(
            "arrays without end",
            ["GuestError", "MemoryLimit", "CpuLimit", "DeadlineExceeded"],
            "const kept = []; while (true) kept.push(new Float64Array(1e6))"
        ),
        javascript!("a text of 1 GiB", ["GuestError"], "'x'.repeat(2 ** 30 - 1).length"),
        javascript!(
            "a regular expression that takes for ever",
            ["CpuLimit", "DeadlineExceeded"],
            "/^(a+)+$/.test('a'.repeat(60) + 'b')"
        ),
        javascript!(
            "a large power that can't be interrupted",
            ["CpuLimit", "DeadlineExceeded", "GuestError"],
            "(3n ** 3000000n).toString().length"
        ),
        javascript!(
            "source nested 100,000 deep",
            ["GuestError", "Trap"],
            "eval('['.repeat(100000))"
        ),
        javascript!(
            "JSON nested a million deep",
            ["GuestError", "Trap"],
            "JSON.parse('['.repeat(1e6))"
        ),
        javascript!(
            "a result nested 1,000 deep",
            ["GuestError", "ValueTooLarge"],
            "let deep = []; for (let i = 0; i < 1000; i++) deep = [deep]; deep"
        ),
        javascript!(
            "a result that holds itself",
            ["GuestError", "ValueTooLarge"],
            "const self = []; self.push(self); self"
        ),
        javascript!(
            "a result that loops while it is read",
            ["CpuLimit", "DeadlineExceeded", "NotMaterializable"],
            "({ get a() { while (true) {} } })"
        ),
        javascript!(
            "microtasks without end",
            ["CpuLimit", "DeadlineExceeded"],
            "(function f() { Promise.resolve().then(f) })()"
        ),
        javascript!(
            "globals that are taken away",
            ["1"],
            "for (const name of ['Array', 'JSON', 'Map', 'Object', 'Error', 'Promise', 'Symbol', \
             'eval', 'Function']) globalThis[name] = null; 1"
        ),
        javascript!(
            "prototypes that are poisoned",
            ["1", "GuestError"],
            "Object.prototype.then = () => { throw 1 }; Array.prototype.push = () => { throw 2 }; \
             Object.defineProperty(Object.prototype, 'message', { get() { throw 3 } }); 1"
        ),
        javascript!(
            "an error that is thrown again when it is shown",
            ["GuestError"],
            "throw { toString() { throw this }, get message() { throw this } }"
        ),
        python!("endless loop", ["CpuLimit", "DeadlineExceeded"], "while True: pass"),
        python!(
            "endless loop that catches all",
            ["CpuLimit", "DeadlineExceeded"],
            "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
        ),
        python!("recursion", ["GuestError", "Trap", "CpuLimit"], "def f(): return 1 + f()\nf()"),
        python!(
            "a recursion in how something is shown",
            ["GuestError", "NotMaterializable"],
            "class C:\n    def __repr__(self): return repr(self)\nrepr(C())"
        ),
        python!(
            "lists without end",
            ["GuestError", "MemoryLimit", "CpuLimit", "DeadlineExceeded"],
            "kept = []\nwhile True: kept.append([0] * 1000000)"
        ),
        python!("a list of 2^60 elements", ["GuestError", "MemoryLimit", "Trap"], "[0] * 2 ** 60"),
        python!(
            "a power that takes for ever",
            ["CpuLimit", "DeadlineExceeded", "GuestError", "MemoryLimit"],
            "len(str(7 ** 9999999))"
        ),
        python!(
            "a regular expression that takes for ever",
            ["CpuLimit", "DeadlineExceeded"],
            "import re\nre.match(r'^(a+)+$', 'a' * 60 + 'b')"
        ),
        python!(
            "source nested 10,000 deep",
            ["GuestError", "Trap"],
            "eval('(' * 10000 + ')' * 10000)"
        ),
        python!("a sum of 20,000 minus signs", ["GuestError", "Trap"], "eval('-' * 20000 + '1')"),
        python!(
            "a result nested 1,000 deep",
            ["GuestError", "ValueTooLarge"],
            "deep = []\nfor _ in range(1000): deep = [deep]\ndeep"
        ),
        python!(
            "a result that holds itself",
            ["GuestError", "ValueTooLarge"],
            "me = []\nme.append(me)\nme"
        ),
        python!(
            "files, sockets and other programs",
            ["[0,0,0]", "GuestError"],
            "got = []\nfor act in (lambda: open('/etc/passwd').read(), \
             lambda: __import__('socket').create_connection(('127.0.0.1', 22)), \
             lambda: __import__('os').system('true')):\n    try: got.append(1 if act() is not None else 0)\n    \
             except BaseException: got.append(0)\ngot"
        ),
        python!("an exit", ["GuestError"], "import sys\nsys.exit(3)"),
        python!(
            "builtins that are taken away",
            ["1"],
            "import builtins\nfor name in ('len', 'repr', 'isinstance', 'print', 'type', 'compile', \
             'exec', 'str'): delattr(builtins, name)\n1"
        ),
        python!(
            "a comparison that never ends",
            ["CpuLimit", "DeadlineExceeded"],
            "class C:\n    def __lt__(self, other):\n        while True: pass\nsorted([C(), C()])"
        ),
    ]
}
