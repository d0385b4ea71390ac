//! Paths: which part of a value a `get` or `select` asks for.
//!
//! ```text
//! path    = [ name ] { step } ;                  (* nothing at all is the whole value *)
//! step    = "." name | "[" quoted "]" | "[" item { "," item } "]" ;
//! item    = integer | [ integer ] ":" [ integer ] [ ":" [ integer ] ] ;
//! name    = ( letter | "_" ) { letter | digit | "_" | "-" } ;
//! quoted  = '"' { character | escape } '"' ;     (* no control characters *)
//! escape  = "\" ( '"' | "\" | "n" | "r" | "t" | "u{" hex digits "}" ) ;
//! integer = [ "-" ] digit { digit } ;            (* -2^63 to 2^64 - 1 *)
//! ```
//!
//! Spaces may stand inside brackets. Letters and digits are Unicode's in a name
//! and ASCII's in a number.
//!
//! - `name` and `["any text"]` are a field: the value at a text key of a map.
//! - `[3]` is an element of a list, a string's character, a byte string's byte (an
//!   integer), or the value at an integer key of a map. Of lists, strings, byte
//!   strings and arrays, negative places count from the end.
//! - `[1:9:2]` is a slice with Python's meaning: start, end (not included), step,
//!   each of which may be left out or negative; ends beyond the value are cut. A
//!   string is sliced by characters (Unicode scalar values), never inside one.
//! - `[3, 1:5]` has one item for each dimension of an n-dimensional array, from the
//!   outermost; dimensions that it does not name stay whole. An integer takes its
//!   dimension away, and where none is left the result is a plain number.
//! - A field after a slice of a list *maps* over it: it, and all that follows it,
//!   is taken of each element. `rows[10:20].name` is a list of ten names, and
//!   `rows[:].tags[0]` the first tag of every row. Places and slices directly after a slice
//!   are of the sliced list: `rows[10:20][0]` is `rows[10]`.

use std::fmt::{self, Write};
use std::num::NonZeroI128;
use std::str::FromStr;

use crate::caps;

/// A part of a value, as steps from the whole; without steps it is the whole.
///
/// ```
/// use farside_protocol::value::path::Path;
/// let path: Path = r#"rows[10:20]["name"]"#.parse().unwrap();
/// assert_eq!(path.to_string(), "rows[10:20].name");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    steps: Vec<Step>,
}

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `.name` or `["any text"]`.
    Field(String),
    /// `[3]`, `[1:5]` or `[3, 1:5]`: one item or more.
    Items(Vec<Item>),
}

/// What a step takes of one dimension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// The element at a place, from the end where it is negative; or the value at
    /// an integer key.
    Index(i128),
    /// The elements of a slice.
    Slice(Slice),
}

/// `start:end:step`, as in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The first place.
    pub start: Option<i128>,
    /// The place before which it ends.
    pub end: Option<i128>,
    /// From one place to the next; 1 unless it is written.
    pub step: NonZeroI128,
}

const ONE: NonZeroI128 = match NonZeroI128::new(1) {
    Some(one) => one,
    None => unreachable!(),
};

/// Why text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Something stands where something else should.
    #[error("path `{path}`: expected {expected} at character {at}, found {found}")]
    Unexpected {
        /// The text.
        path: String,
        /// The place, in characters from 1.
        at: usize,
        /// What may stand there.
        expected: &'static str,
        /// What stands there.
        found: String,
        /// What to write instead, where that is likely.
        hint: Option<&'static str>,
    },
    /// It is longer than [`caps::PATH_BYTES`].
    #[error("a path of {bytes} bytes: at most {} are allowed", caps::PATH_BYTES)]
    TooLong {
        /// Its bytes' count.
        bytes: usize,
    },
    /// It has more than [`caps::PATH_STEPS`] steps.
    #[error("a path of more than {} steps", caps::PATH_STEPS)]
    TooManySteps,
}

impl PathError {
    /// What to write instead, where that is likely.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            PathError::Unexpected { hint, .. } => *hint,
            PathError::TooLong { .. } => None,
            PathError::TooManySteps => Some("select a part, and then a part of that"),
        }
    }
}

impl Path {
    pub(super) fn of(steps: Vec<Step>) -> Path {
        Path { steps }
    }

    /// The steps from the whole to the part.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether it is the whole value.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.steps.is_empty()
    }
}

/// The shortest text that reads as the same path.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.steps.iter().enumerate() {
            match step {
                Step::Field(name) if place == 0 && is_name(name) => f.write_str(name)?,
                step => step.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Field(name) if is_name(name) => write!(f, ".{name}"),
            Step::Field(name) => {
                f.write_str("[\"")?;
                name.chars().try_for_each(|char| write_quoted(f, char))?;
                f.write_str("\"]")
            }
            Step::Items(items) => {
                for (place, item) in items.iter().enumerate() {
                    f.write_char(if place == 0 { '[' } else { ',' })?;
                    item.fmt(f)?;
                }
                f.write_char(']')
            }
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Item::Index(index) => index.fmt(f),
            Item::Slice(slice) => {
                slice.start.map_or(Ok(()), |start| start.fmt(f))?;
                f.write_char(':')?;
                slice.end.map_or(Ok(()), |end| end.fmt(f))?;
                if slice.step.get() == 1 { Ok(()) } else { write!(f, ":{}", slice.step) }
            }
        }
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, char: char) -> fmt::Result {
    match char {
        '"' => f.write_str("\\\""),
        '\\' => f.write_str("\\\\"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        control if control.is_control() => write!(f, "\\u{{{:x}}}", u32::from(control)),
        plain => f.write_char(plain),
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(begins_name) && text.chars().all(continues_name)
}

fn begins_name(char: char) -> bool {
    char.is_alphabetic() || char == '_'
}

fn continues_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_' || char == '-'
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        if text.len() > caps::PATH_BYTES {
            return Err(PathError::TooLong { bytes: text.len() });
        }
        let mut parser = Parser { text, at: 0 };
        let mut steps = Vec::new();
        if parser.peek().is_some_and(begins_name) {
            steps.push(Step::Field(parser.name()?));
        }
        while parser.peek().is_some() {
            if steps.len() == caps::PATH_STEPS {
                return Err(PathError::TooManySteps);
            }
            steps.push(parser.step()?);
        }
        Ok(Path { steps })
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn take_while(&mut self, belongs: fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let len = rest.find(|char| !belongs(char)).unwrap_or(rest.len());
        self.at += len;
        &rest[..len]
    }

    fn skip_spaces(&mut self) {
        self.take_while(|char| char == ' ');
    }

    fn unexpected(&self, expected: &'static str, hint: Option<&'static str>) -> PathError {
        let found = match self.peek() {
            Some(char) if char.is_control() => format!("`{}`", char.escape_debug()),
            Some(char) => format!("`{char}`"),
            None => "the end".to_owned(),
        };
        let at = self.text.get(..self.at).unwrap_or_default().chars().count() + 1;
        PathError::Unexpected { path: self.text.to_owned(), at, expected, found, hint }
    }

    fn step(&mut self) -> Result<Step, PathError> {
        if self.eat('.') {
            return self.name().map(Step::Field);
        }
        if !self.eat('[') {
            let hint = r#"a name of other characters is written as ["the name"]"#;
            return Err(self.unexpected("`.` or `[`", Some(hint)));
        }
        self.skip_spaces();
        let step = if self.eat('"') { Step::Field(self.quoted()?) } else { self.items()? };
        self.skip_spaces();
        let (closed, expected) = match step {
            Step::Field(_) => (self.eat(']'), "`]`"),
            Step::Items(_) => (self.eat(']'), "`,` or `]`"),
        };
        if closed { Ok(step) } else { Err(self.unexpected(expected, None)) }
    }

    fn name(&mut self) -> Result<String, PathError> {
        match self.peek() {
            Some(first) if begins_name(first) => Ok(self.take_while(continues_name).to_owned()),
            Some('0'..='9') => Err(self.unexpected(
                "a name",
                Some(r#"a place is written as [0], and a name like this as ["0"]"#),
            )),
            _ => Err(self.unexpected(
                "a name",
                Some(r#"a name of other characters is written as ["the name"]"#),
            )),
        }
    }

    /// The text of a quoted key whose opening quote is behind.
    fn quoted(&mut self) -> Result<String, PathError> {
        let mut text = String::new();
        loop {
            let before = self.at;
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(char) if !char.is_control() => text.push(char),
                _ => {
                    self.at = before;
                    let hint = "a control character is written as \\n, \\t or \\u{1b}";
                    let hint = self.peek().is_some().then_some(hint);
                    return Err(self.unexpected("a character or the closing `\"`", hint));
                }
            }
        }
    }

    /// The character of an escape whose backslash is behind.
    fn escape(&mut self) -> Result<char, PathError> {
        let before = self.at;
        match self.next() {
            Some(char @ ('"' | '\\')) => return Ok(char),
            Some('n') => return Ok('\n'),
            Some('r') => return Ok('\r'),
            Some('t') => return Ok('\t'),
            Some('u') if self.eat('{') => {
                let digits = self.take_while(|char| char.is_ascii_hexdigit());
                let char = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                if let (Some(char), true) = (char, self.eat('}')) {
                    return Ok(char);
                }
            }
            _ => {}
        }
        self.at = before;
        Err(self.unexpected("one of the escapes \\\" \\\\ \\n \\r \\t \\u{..}", None))
    }

    fn items(&mut self) -> Result<Step, PathError> {
        let mut items = vec![self.item()?];
        while self.eat(',') {
            self.skip_spaces();
            items.push(self.item()?);
        }
        Ok(Step::Items(items))
    }

    /// An item, and the spaces after it.
    fn item(&mut self) -> Result<Item, PathError> {
        let start = self.integer()?;
        self.skip_spaces();
        if !self.eat(':') {
            return start.map(Item::Index).ok_or_else(|| {
                let hint = match self.peek() {
                    Some('\'') => Some("a key is written in double quotes"),
                    Some(first) if begins_name(first) => {
                        Some(r#"a key is written as .name or ["name"]"#)
                    }
                    _ => None,
                };
                self.unexpected("a number, a slice or a quoted key", hint)
            });
        }
        self.skip_spaces();
        let end = self.integer()?;
        self.skip_spaces();
        let mut step = ONE;
        if self.eat(':') {
            self.skip_spaces();
            let before = self.at;
            if let Some(written) = self.integer()? {
                let Some(written) = NonZeroI128::new(written) else {
                    self.at = before;
                    return Err(self.unexpected("a step other than 0", None));
                };
                step = written;
            }
            self.skip_spaces();
        }
        Ok(Item::Slice(Slice { start, end, step }))
    }

    fn integer(&mut self) -> Result<Option<i128>, PathError> {
        const LEAST: i128 = i64::MIN as i128;
        const MOST: i128 = u64::MAX as i128;
        let before = self.at;
        let negative = self.eat('-');
        let digits = self.take_while(|char| char.is_ascii_digit());
        if digits.is_empty() && !negative {
            return Ok(None);
        }
        if digits.is_empty() {
            return Err(self.unexpected("a digit", None));
        }
        let number = digits.parse::<i128>().ok().map(|size| if negative { -size } else { size });
        match number {
            Some(number @ LEAST..=MOST) => Ok(Some(number)),
            _ => {
                self.at = before;
                Err(self.unexpected("a number of at most 64 bits", None))
            }
        }
    }
}
