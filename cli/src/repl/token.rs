//! Source text cut into tokens, as roughly as telling where it ends and colouring it
//! need it. Nothing is refused: what is no proper source text is the evaluator's to tell.

use super::syntax::Syntax;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A name, keyword or number.
    Word,
    /// A string, a part of a template, or a regular expression.
    Text,
    /// A comment.
    Comment,
    /// `(`, `[`, `{`, or `${` in a template.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// The end of a line, outside of texts and comments.
    LineEnd,
    /// Any other character.
    Mark,
}

/// A token and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    /// Where it begins, in bytes.
    pub(crate) at: usize,
    pub(crate) text: &'a str,
    /// Whether the source ended inside of it, where more lines may belong to it.
    pub(crate) open: bool,
}

/// Cuts a source into its tokens; what is between them is white space.
pub(crate) fn tokens(syntax: Syntax, source: &str) -> Vec<Token<'_>> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new(), braces: Vec::new() };
    while let Some(next) = lexer.peek() {
        match syntax {
            Syntax::Python => lexer.python(next),
            Syntax::JavaScript => lexer.javascript(next),
            Syntax::Other => lexer.other(next),
        }
    }
    lexer.tokens
}

/// Whether a character can be part of a name.
pub(crate) fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Token<'a>>,
    /// The braces that are open in JavaScript, and whether each is that of a template.
    braces: Vec<bool>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, kind: Kind, len: usize) {
        self.take_open(kind, len, false);
    }

    fn take_open(&mut self, kind: Kind, len: usize, open: bool) {
        let (at, text) = (self.at, &self.rest()[..len]);
        self.at += len;
        self.tokens.push(Token { kind, at, text, open });
    }

    fn take_line(&mut self, kind: Kind) {
        let rest = self.rest();
        self.take(kind, rest.find('\n').unwrap_or(rest.len()));
    }

    fn other(&mut self, next: char) {
        match next {
            '\n' => self.take(Kind::LineEnd, 1),
            '(' | '[' | '{' => self.take(Kind::Open, 1),
            ')' | ']' | '}' => self.take(Kind::Close, 1),
            _ if next.is_whitespace() => self.at += next.len_utf8(),
            _ if is_of_name(next) => {
                let rest = self.rest();
                self.take(Kind::Word, rest.find(|c| !is_of_name(c)).unwrap_or(rest.len()));
            }
            _ => self.take(Kind::Mark, next.len_utf8()),
        }
    }

    fn python(&mut self, next: char) {
        let rest = self.rest();
        match next {
            '#' => self.take_line(Kind::Comment),
            '\\' if rest.starts_with("\\\n") => self.at += 2,
            _ => {
                let letters = rest.find(|c: char| !"bfrtuBFRTU".contains(c));
                let prefix = letters.filter(|len| *len <= 2).unwrap_or(0);
                match rest[prefix..].chars().next() {
                    Some(quote @ ('"' | '\'')) => self.python_text(prefix, quote),
                    _ => self.other(next),
                }
            }
        }
    }

    fn python_text(&mut self, prefix: usize, quote: char) {
        let triple = String::from_iter([quote; 3]);
        let (len, open) = match self.rest()[prefix..].starts_with(&triple) {
            true => text_end(self.rest(), prefix + 3, &triple, true),
            false => text_end(self.rest(), prefix + 1, &triple[..1], false),
        };
        self.take_open(Kind::Text, len, open);
    }

    fn javascript(&mut self, next: char) {
        let rest = self.rest();
        match next {
            '/' if rest.starts_with("//") => self.take_line(Kind::Comment),
            '/' if rest.starts_with("/*") => match rest.find("*/") {
                Some(end) => self.take(Kind::Comment, end + 2),
                None => self.take_open(Kind::Comment, rest.len(), true),
            },
            '/' => match pattern_end(rest).filter(|_| self.may_begin_pattern()) {
                Some(len) => self.take(Kind::Text, len),
                None => self.take(Kind::Mark, 1),
            },
            '"' | '\'' => {
                let (len, open) = text_end(rest, 1, &rest[..1], false);
                self.take_open(Kind::Text, len, open);
            }
            '`' => self.template(1),
            '{' => {
                self.braces.push(false);
                self.take(Kind::Open, 1);
            }
            '}' => {
                self.take(Kind::Close, 1);
                if self.braces.pop() == Some(true) {
                    self.template(0);
                }
            }
            _ => self.other(next),
        }
    }

    /// A template's text up to its end, or up to the next `${`.
    fn template(&mut self, begin: usize) {
        let rest = self.rest();
        let (end, is_open) = text_end(rest, begin, "`", true);
        let inside = places(&rest[..end], begin).find(|at| rest[*at..].starts_with("${"));
        match inside {
            None => self.take_open(Kind::Text, end, is_open),
            Some(at) => {
                self.take(Kind::Text, at);
                self.braces.push(true);
                self.take(Kind::Open, 2);
            }
        }
    }

    /// Whether a slash here begins a regular expression, as far as the token before it
    /// tells: after a value it divides.
    fn may_begin_pattern(&self) -> bool {
        let mut before = self.tokens.iter().rev().filter(|token| token.kind != Kind::Comment);
        match before.next() {
            None => true,
            Some(token) => match token.kind {
                Kind::Close | Kind::Text => false,
                Kind::Word => matches!(
                    token.text,
                    "await"
                        | "case"
                        | "delete"
                        | "do"
                        | "else"
                        | "in"
                        | "instanceof"
                        | "new"
                        | "of"
                        | "return"
                        | "throw"
                        | "typeof"
                        | "void"
                        | "yield"
                ),
                // `x++ / 2`
                Kind::Mark if matches!(token.text, "+" | "-") => {
                    before.next().is_none_or(|twice| twice.text != token.text)
                }
                Kind::Open | Kind::LineEnd | Kind::Mark | Kind::Comment => true,
            },
        }
    }
}

/// The places of a text's characters from `begin` on, without what backslashes escape.
fn places(text: &str, begin: usize) -> impl Iterator<Item = usize> {
    let mut escaped = false;
    text[begin..].char_indices().filter_map(move |(at, c)| {
        let counts = !escaped;
        escaped = counts && c == '\\';
        counts.then_some(begin + at)
    })
}

/// Where a text ends whose inside begins at `begin`, and whether more lines may belong to
/// it. One that is not `long` ends with its line.
fn text_end(text: &str, begin: usize, quote: &str, long: bool) -> (usize, bool) {
    let mut last = None;
    for at in places(text, begin) {
        let rest = &text[at..];
        if rest.starts_with(quote) {
            return (at + quote.len(), false);
        }
        if !long && rest.starts_with('\n') {
            return (at, false);
        }
        last = Some(rest);
    }
    // A backslash at the end of the source takes the line end with it.
    let goes_on = last.is_some_and(|last| last == "\\" || last == "\\\n");
    (text.len(), long || goes_on)
}

/// Where the regular expression ends that a text begins with, if it is one.
fn pattern_end(text: &str) -> Option<usize> {
    let mut in_class = false;
    for at in places(text, 1) {
        match text[at..].chars().next()? {
            '[' => in_class = true,
            ']' => in_class = false,
            '\n' => return None,
            '/' if !in_class => {
                let flags = &text[at + 1..];
                return Some(at + 1 + flags.find(|c| !is_of_name(c)).unwrap_or(flags.len()));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens with a letter each for what they are; open ones have a `…`.
    fn check(syntax: Syntax, source: &str) -> String {
        let word = |token: &Token<'_>| {
            let letter = match token.kind {
                Kind::Word => "w",
                Kind::Text => "t",
                Kind::Comment => "c",
                Kind::Open | Kind::Close => "",
                Kind::LineEnd => "n",
                Kind::Mark => "m",
            };
            let open = if token.open { "…" } else { "" };
            format!("{letter}{}{open}", token.text.replace('\n', "|"))
        };
        let words: Vec<_> = tokens(syntax, source).iter().map(word).collect();
        words.join(" ")
    }

    #[test]
    fn python() {
        let check = |source| check(Syntax::Python, source);
        assert_eq!(check("f(x1) # (\ny"), "wf ( wx1 ) c# ( n| wy");
        assert_eq!(check(r#"'it\'s' "#), r"t'it\'s'");
        assert_eq!(check("'open\nx"), "t'open n| wx");
        assert_eq!(check("'on\\"), "t'on\\…");
        assert_eq!(check("'on\\\nx'"), "t'on\\|x'");
        assert_eq!(check(r#"rb"\"" + f'''a"#), r#"trb"\"" m+ tf'''a…"#);
        assert_eq!(check("\"\"\"a\n\"b\"\"\" c"), "t\"\"\"a|\"b\"\"\" wc");
        assert_eq!(check("x = \\\n 1 \\"), "wx m= w1 m\\");
        assert_eq!(check("bfr'x'"), "wbfr t'x'");
    }

    #[test]
    fn javascript() {
        let check = |source| check(Syntax::JavaScript, source);
        assert_eq!(check("a /* ( */ + b // {"), "wa c/* ( */ m+ wb c// {");
        assert_eq!(check("/* a\nb"), "c/* a|b…");
        assert_eq!(check("'a\\'b' \"c"), "t'a\\'b' t\"c");
        assert_eq!(check("`a${f({})}b` + c"), "t`a ${ wf ( { } ) } tb` m+ wc");
        assert_eq!(check("`a${b}\nc"), "t`a ${ wb } t|c…");
        assert_eq!(check("`a\\${b`"), "t`a\\${b`");
        assert_eq!(check("``"), "t``");
    }

    #[test]
    fn a_slash_divides_or_begins_a_regular_expression() {
        let check = |source| check(Syntax::JavaScript, source);
        assert_eq!(check("/[/(]/g.test(s)"), "t/[/(]/g m. wtest ( ws )");
        assert_eq!(check(r"f(/\/(/)"), r"wf ( t/\/(/ )");
        assert_eq!(check("return /a/"), "wreturn t/a/");
        assert_eq!(check("a / b / c"), "wa m/ wb m/ wc");
        assert_eq!(check("(a) / b[0] / c"), "( wa ) m/ wb [ w0 ] m/ wc");
        assert_eq!(check("(x++ / 2 / 3)"), "( wx m+ m+ m/ w2 m/ w3 )");
    }
}
