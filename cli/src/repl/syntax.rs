//! Where a source of several lines ends, by its language.

use super::token::{Kind, Token, tokens};

/// A language whose form is known here; the evaluator alone knows it whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    Python,
    JavaScript,
    /// One whose sources are a line each.
    Other,
}

impl Syntax {
    /// That of a language by its evaluator's name.
    pub(crate) fn of(language: &str) -> Syntax {
        match language {
            "python" => Syntax::Python,
            "javascript" => Syntax::JavaScript,
            _ => Syntax::Other,
        }
    }

    /// Whether a source can be evaluated as it is, if only to learn what is wrong with
    /// it; otherwise more lines belong to it.
    pub(crate) fn is_complete(self, source: &str) -> bool {
        let tokens = tokens(self, source);
        match self {
            Syntax::Other => true,
            _ if is_open(&tokens) => false,
            Syntax::Python => is_complete_python(source, &tokens),
            Syntax::JavaScript => !wants_more_javascript(&tokens),
        }
    }

    /// Whether there is nothing in a source to evaluate.
    pub(crate) fn is_blank(self, source: &str) -> bool {
        tokens(self, source).iter().all(|token| !counts(token))
    }

    /// Whether a line begins a new source, though the lines before it are not complete:
    /// it is not part of their indented block.
    pub(crate) fn begins_anew(self, before: &str, line: &str) -> bool {
        let tokens = tokens(self, before);
        if self != Syntax::Python || is_open(&tokens) || wants_block(&tokens) {
            return false;
        }
        let goes_on = line.is_empty() || line.starts_with([' ', '\t', '#']);
        let word = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        !goes_on && !matches!(word, "elif" | "else" | "except" | "finally")
    }
}

fn counts(token: &Token<'_>) -> bool {
    !matches!(token.kind, Kind::Comment | Kind::LineEnd)
}

/// Whether a bracket, text or comment is open at the end. What closes a bracket that is
/// not open is an error, which no more lines can mend.
fn is_open(tokens: &[Token<'_>]) -> bool {
    let mut open = Vec::new();
    for token in tokens {
        match (token.kind, token.text) {
            (Kind::Open, "(") => open.push(")"),
            (Kind::Open, "[") => open.push("]"),
            (Kind::Open, _) => open.push("}"),
            (Kind::Close, text) if open.pop() != Some(text) => return false,
            _ => {}
        }
    }
    !open.is_empty() || tokens.last().is_some_and(|last| last.open || last.text == "\\")
}

fn is_complete_python(source: &str, tokens: &[Token<'_>]) -> bool {
    let last_line = source.rsplit_once('\n').map(|(_, last)| last);
    if last_line.is_some_and(|last| last.trim().is_empty()) {
        return true;
    }
    let starts = line_starts(tokens);
    let is_indented = |at: usize| source[..at].ends_with([' ', '\t']);
    let in_block = starts.len() > 1 && starts.last().is_some_and(|token| is_indented(token.at));
    !wants_block(tokens) && !in_block
}

/// Whether the last line of Python has to be followed by others: a block's, or what is
/// decorated.
fn wants_block(tokens: &[Token<'_>]) -> bool {
    let last = tokens.iter().rev().find(|token| counts(token));
    let start = line_starts(tokens).last().copied();
    last.is_some_and(|last| last.kind == Kind::Mark && last.text == ":")
        || start.is_some_and(|start| start.kind == Kind::Mark && start.text == "@")
}

/// The first tokens of the lines of Python, those in brackets left out.
fn line_starts<'a>(tokens: &[Token<'a>]) -> Vec<Token<'a>> {
    let mut starts = Vec::new();
    let (mut depth, mut at_start) = (0_usize, true);
    for token in tokens {
        if at_start && counts(token) {
            starts.push(*token);
            at_start = false;
        }
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::LineEnd => at_start |= depth == 0,
            _ => {}
        }
    }
    starts
}

/// Whether JavaScript ends where an operand or a statement has to follow.
fn wants_more_javascript(tokens: &[Token<'_>]) -> bool {
    let tokens: Vec<_> = tokens.iter().filter(|token| counts(token)).collect();
    let Some((last, before)) = tokens.split_last() else { return false };
    match last.kind {
        Kind::Word => {
            matches!(
                last.text,
                "await"
                    | "case"
                    | "class"
                    | "const"
                    | "delete"
                    | "do"
                    | "else"
                    | "extends"
                    | "finally"
                    | "function"
                    | "in"
                    | "instanceof"
                    | "let"
                    | "new"
                    | "of"
                    | "throw"
                    | "try"
                    | "typeof"
                    | "var"
                    | "void"
            )
        }
        Kind::Mark => {
            let twice = before.last().is_some_and(|one| one.text == last.text);
            match last.text {
                "+" | "-" => !twice,
                "=" | "*" | "/" | "%" | "," | "." | "?" | ":" | "&" | "|" | "^" | "<" | ">" => true,
                _ => false,
            }
        }
        Kind::Close if last.text == ")" => is_head(before),
        _ => false,
    }
}

/// Whether the parenthesis that these tokens leave open is the head of a statement or
/// function.
fn is_head(tokens: &[&Token<'_>]) -> bool {
    let mut depth = 1;
    let open = tokens.iter().rposition(|token| {
        match (token.kind, token.text) {
            (Kind::Close, ")") => depth += 1,
            (Kind::Open, "(") => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let before = open.map_or(&[][..], |open| &tokens[..open]);
    let [rest @ .., last] = before else { return false };
    let previous = rest.last().map_or("", |token| token.text);
    match last.text {
        "if" | "for" | "switch" | "catch" | "with" | "function" => true,
        // That of `do {} while (..)` ends a statement.
        "while" => previous != "}",
        _ => previous == "function" || (previous == "*" && is_function(rest)),
    }
}

fn is_function(tokens: &[&Token<'_>]) -> bool {
    tokens.iter().rev().nth(1).is_some_and(|token| token.text == "function")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(syntax: Syntax, complete: &[&str], incomplete: &[&str]) {
        for source in complete {
            assert!(syntax.is_complete(source), "{source:?} is complete");
        }
        for source in incomplete {
            assert!(!syntax.is_complete(source), "{source:?} is not complete");
        }
    }

    #[test]
    fn python_ends_with_its_brackets_texts_and_blocks() {
        check(
            Syntax::Python,
            &[
                "",
                "1 + 2",
                "x = [1,\n  2]",
                "x = 1 # (",
                "'('",
                "'open",
                "'''a\nb'''",
                "x = 1 + \\\n  2",
                "d = {'a': 1}",
                "x[1:]",
                "if x: y()",
                "  x = 1",
                "if x:\n  y()\n",
                "if x:\n  y()\n  ",
                "def f():\n  return 1\nf()",
                "try:\n  f()\nexcept E: pass",
                "def f():\n",
                ")",
                "(]",
            ],
            &[
                "f(",
                "x = [1,",
                "x = {'a': [1]",
                "'''a",
                "\"\"\"a\n\"",
                "x = 1 + \\",
                "if x:",
                "if x: # why",
                "if x:\n  y()",
                "if x:\n  y()\n  # more",
                "if x:\n  y()\nelse:",
                "if x:\n  y(1,\n",
                "class A:\n  def f(self):\n    pass",
                "@cached",
                "x = f(\n",
            ],
        );
    }

    #[test]
    fn javascript_ends_with_its_brackets_texts_and_operands() {
        check(
            Syntax::JavaScript,
            &[
                "",
                "1 + 2",
                "x++",
                "const f = x => { return x }",
                "`a ${b} c`",
                "`a\nb`",
                "'(' // (",
                "/* ( */ 1",
                "/[(]/.test(s)",
                "'open",
                "if (x) y()",
                "do { x() } while (y)",
                "f(x)",
                "function f() {}",
                "}",
                "(]",
                "x;",
                "ifs(1)",
                "x = /a/",
            ],
            &[
                "function f() {",
                "function f()",
                "function* f(a, b)",
                "f(",
                "[1, 2",
                "`a",
                "`a ${b",
                "`a ${`b",
                "`a ${b} c",
                "/* a",
                "'a\\",
                "1 +",
                "x =",
                "x =>",
                "a && // then",
                "if (x)",
                "if (f(x))",
                "while (x)",
                "if (x) { y() } else",
                "let",
                "a ? b :",
            ],
        );
    }

    #[test]
    fn other_languages_have_a_source_on_each_line() {
        check(Syntax::Other, &["", "(", "if x:"], &[]);
    }

    #[test]
    fn comments_are_nothing_to_evaluate() {
        assert!(Syntax::Python.is_blank(" # x\n\n"));
        assert!(Syntax::JavaScript.is_blank("// x\n/* y */ "));
        assert!(Syntax::Other.is_blank("  "));
        assert!(!Syntax::Python.is_blank("# x\n1"));
        assert!(!Syntax::JavaScript.is_blank("# x"));
    }

    #[test]
    fn a_line_outside_of_a_block_begins_a_new_source() {
        let anew = |before, line| Syntax::Python.begins_anew(before, line);
        assert!(anew("def f():\n  return 1", "f()"));
        assert!(anew("def f():\n  return 1", "elsewhere()"));
        assert!(!anew("def f():\n  return 1", "  x"));
        assert!(!anew("if x:\n  y()", "else:"));
        assert!(!anew("if x:\n  y()", "else: z()"));
        assert!(!anew("if x:\n  y()", ""));
        assert!(!anew("if x:\n  y()", "# more"));
        assert!(!anew("x = [", "1]"));
        assert!(!anew("def f():", "f()"));
        assert!(!anew("@cached", "def f():"));
        assert!(!Syntax::JavaScript.begins_anew("f(", "1"));
    }
}
