//! Sources out of lines that come one after the other, as from a pipe.

use super::syntax::Syntax;

/// The lines that no source was made of yet.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    lines: Option<String>,
}

impl Gathered {
    /// Takes a line, and gives what is complete with it: a source, or the one before it
    /// and the line itself.
    pub(crate) fn push(&mut self, syntax: Syntax, line: &str) -> Vec<String> {
        let mut complete = Vec::new();
        if self.lines.as_ref().is_some_and(|lines| syntax.begins_anew(lines, line)) {
            complete.extend(self.lines.take());
        }
        let is_command = self.lines.is_none() && line.starts_with(':');
        let source = match self.lines.take() {
            Some(before) => before + "\n" + line,
            None => line.to_owned(),
        };
        match is_command || syntax.is_complete(&source) {
            true => complete.push(source),
            false => self.lines = Some(source),
        }
        complete
    }

    /// What is left when no more lines come.
    pub(crate) fn finish(&mut self) -> Option<String> {
        self.lines.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sources that come of a text, each followed by a bar.
    fn check(syntax: Syntax, text: &str) -> String {
        let mut gathered = Gathered::default();
        let mut sources: Vec<String> =
            text.lines().flat_map(|line| gathered.push(syntax, line)).collect();
        sources.extend(gathered.finish());
        sources.iter().map(|source| format!("{source}|")).collect()
    }

    #[test]
    fn a_source_is_as_long_as_it_has_to_be() {
        assert_eq!(check(Syntax::Other, "a(\nb"), "a(|b|");
        assert_eq!(check(Syntax::JavaScript, "f(1,\n2)\nx"), "f(1,\n2)|x|");
        assert_eq!(check(Syntax::Python, "x = 1\ny = [\n1]\n"), "x = 1|y = [\n1]|");
        assert_eq!(check(Syntax::Python, "f(\n"), "f(|");
    }

    #[test]
    fn a_block_of_python_ends_with_an_empty_line_or_the_next_statement() {
        assert_eq!(
            check(Syntax::Python, "def f():\n  return 1\n\nf()"),
            "def f():\n  return 1\n|f()|"
        );
        assert_eq!(
            check(Syntax::Python, "def f():\n  return 1\nf()\ng()"),
            "def f():\n  return 1|f()|g()|"
        );
        assert_eq!(
            check(Syntax::Python, "if x:\n  y\nelse:\n  z\nfor a in b:\n  c\n"),
            "if x:\n  y\nelse:\n  z|for a in b:\n  c|"
        );
    }

    #[test]
    fn a_command_is_a_line_of_its_own() {
        assert_eq!(check(Syntax::Python, ":language (\nx"), ":language (|x|");
        assert_eq!(check(Syntax::Python, "x[\n:1]"), "x[\n:1]|");
    }
}
