//! A value as text for people: like JSON, on one line where it fits, with byte
//! strings shortened and long texts, lists and arrays cut.

use std::iter;

use farside_protocol::array::ArrayHeader;
use farside_protocol::value::ScanError;

use super::elements::element;
use super::extension::Known;
use super::item::{Item, Items};
use super::json::unbounded;
use super::plain::{grouped, quoted, size};

/// Columns that a line should not go beyond.
const WIDTH: usize = 80;
/// Longest element of which several share a line.
const NARROW: usize = 24;
/// Elements shown of one list or map.
const ELEMENTS: u64 = 100;
/// Elements shown of one dimension of an array with several.
const ROW: u64 = 12;
/// Characters shown of one text.
const CHARACTERS: usize = 2000;
/// Bytes shown of a byte string.
const BYTES: usize = 16;
/// Elements shown in all; a list that begins after so many is shown empty.
const TOTAL: u64 = 2000;

/// A value's text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The text, without a line end after it.
    pub(crate) text: String,
    /// Whether something of the value was left out.
    pub(crate) cut: bool,
}

/// Renders one value.
///
/// # Errors
/// None where [`scan`](farside_protocol::value::scan) passed the bytes.
pub(crate) fn show_value(value: &[u8]) -> Result<Shown, ScanError> {
    let mut cutter = Cutter { left: TOTAL, cut: false };
    let piece = cutter.piece(&mut Items::of(value))?;
    let mut text = String::new();
    piece.lay_out(0, &mut text);
    Ok(Shown { text, cut: cutter.cut })
}

/// Renders one value in few words on one line, for messages.
///
/// # Errors
/// As for [`show_value`].
pub(crate) fn show_inline(value: &[u8]) -> Result<String, ScanError> {
    let mut cutter = Cutter { left: TOTAL, cut: false };
    let line = cutter.piece(&mut Items::of(value))?.on_one_line();
    Ok(match line.chars().count() <= 3 * WIDTH && !cutter.cut {
        true => line,
        false => format!("a value of {}", size(value.len() as u64)),
    })
}

/// A value, or what is shown of it.
enum Piece {
    Word(String),
    Group {
        /// `[`, `{`, or what an array is followed by `[`.
        open: String,
        close: char,
        /// The elements, with their keys in a map.
        items: Vec<(Option<String>, Piece)>,
        /// Elements that are left out.
        more: u64,
    },
}

/// Makes pieces, and leaves out what is too much.
struct Cutter {
    left: u64,
    cut: bool,
}

impl Cutter {
    fn piece(&mut self, items: &mut Items<'_>) -> Result<Piece, ScanError> {
        Ok(match items.next()? {
            Item::List(count) => {
                let shown = self.take(count, ELEMENTS);
                let elements =
                    (0..shown).map(|_| Ok((None, self.piece(items)?))).collect::<Result<_, _>>()?;
                (shown..count).try_for_each(|_| items.value().map(drop))?;
                Piece::group("[", ']', elements, count - shown)
            }
            Item::Map(count) => {
                let shown = self.take(count, ELEMENTS);
                let pairs = (0..shown)
                    .map(|_| Ok((Some(self.piece(items)?.on_one_line()), self.piece(items)?)))
                    .collect::<Result<_, _>>()?;
                (2 * shown..2 * count).try_for_each(|_| items.value().map(drop))?;
                Piece::group("{", '}', pairs, count - shown)
            }
            Item::Array(header, bytes) => self.array(&header, bytes),
            item => Piece::Word(self.word(&item)),
        })
    }

    /// So many of `count` elements are to be shown.
    fn take(&mut self, count: u64, most: u64) -> u64 {
        let shown = count.min(most).min(self.left);
        self.left -= shown;
        self.cut |= shown < count;
        shown
    }

    fn array(&mut self, header: &ArrayHeader, bytes: &[u8]) -> Piece {
        let shape: Vec<_> = header.shape.iter().map(|len| grouped(*len)).collect();
        let name = format!("array({}, {})", header.dtype.name(), shape.join(" x "));
        match self.dimension(header, bytes, 0, 0) {
            Piece::Word(word) => Piece::Word(format!("{name} {word}")),
            Piece::Group { close, items, more, .. } => {
                Piece::Group { open: format!("{name} ["), close, items, more }
            }
        }
    }

    /// The part of an array from `dimension` inwards whose first element is the
    /// one at `place`.
    fn dimension(
        &mut self,
        header: &ArrayHeader,
        bytes: &[u8],
        dimension: usize,
        place: usize,
    ) -> Piece {
        let Some(count) = header.shape.get(dimension) else {
            return Piece::Word(self.word(&element(header, bytes, place)));
        };
        let most = if header.shape.len() == 1 { ELEMENTS } else { ROW };
        let shown = self.take(*count, most);
        let step: u64 = header.shape[dimension + 1..].iter().product();
        let items = (0..shown)
            .map(|row| {
                let place = place + (row * step) as usize;
                (None, self.dimension(header, bytes, dimension + 1, place))
            })
            .collect();
        Piece::group("[", ']', items, count - shown)
    }

    fn word(&mut self, item: &Item<'_>) -> String {
        match item {
            Item::Nil => "null".to_owned(),
            Item::Bool(bool) => bool.to_string(),
            Item::Integer(number) => number.to_string(),
            Item::Single(number) if number.is_finite() => format!("{number:?}"),
            Item::Float(number) if number.is_finite() => format!("{number:?}"),
            Item::Single(number) => unbounded(f64::from(*number)).to_owned(),
            Item::Float(number) => unbounded(*number).to_owned(),
            Item::Text(text) => match text.char_indices().nth(CHARACTERS) {
                Some((end, _)) => {
                    self.cut = true;
                    format!("{}… ({} in all)", quoted(&text[..end]), size(text.len() as u64))
                }
                None => quoted(text),
            },
            Item::Bytes(bytes) => self.hex("bytes", bytes),
            Item::Extension(number, body) => match Known::of(*number, body) {
                Some(Known::Time(text) | Known::Integer(text)) => text,
                None => self.hex(&format!("extension {number}"), body),
            },
            Item::Reference(id) => id.to_string(),
            // Not scalars: `piece` takes them.
            Item::List(_) | Item::Map(_) | Item::Array(..) => String::new(),
        }
    }

    fn hex(&mut self, name: &str, bytes: &[u8]) -> String {
        self.cut |= bytes.len() > BYTES;
        let digits: String = bytes.iter().take(BYTES).map(|byte| format!(" {byte:02x}")).collect();
        let more = if bytes.len() > BYTES { " …" } else { "" };
        format!("{name}({}){digits}{more}", grouped(bytes.len() as u64))
    }
}

impl Piece {
    fn group(open: &str, close: char, items: Vec<(Option<String>, Piece)>, more: u64) -> Piece {
        Piece::Group { open: open.to_owned(), close, items, more }
    }

    fn on_one_line(&self) -> String {
        let (open, close, items, more) = match self {
            Piece::Word(word) => return word.clone(),
            Piece::Group { open, close, items, more } => (open, close, items, more),
        };
        let mut words: Vec<_> = items
            .iter()
            .map(|(key, piece)| match key {
                Some(key) => format!("{key}: {}", piece.on_one_line()),
                None => piece.on_one_line(),
            })
            .collect();
        words.extend(rest(*more));
        format!("{open}{}{close}", words.join(", "))
    }

    /// Appends the piece; lines after the first are indented by `indent` columns.
    fn lay_out(&self, indent: usize, out: &mut String) {
        let line = self.on_one_line();
        let column = out.rsplit('\n').next().map_or(0, |line| line.chars().count());
        let (open, close, items, more) = match self {
            Piece::Group { open, close, items, more } if column + line.chars().count() > WIDTH => {
                (open, close, items, more)
            }
            _ => return out.push_str(&line),
        };
        out.push_str(open);
        let margin = indent + 2;
        let narrow = items.iter().all(|(key, piece)| {
            matches!(piece, Piece::Word(word) if word.chars().count() <= NARROW) && key.is_none()
        });
        let rest = rest(*more);
        match narrow {
            true => {
                let words = items.iter().map(|(_, piece)| piece.on_one_line()).chain(rest);
                fill(words, margin, out);
            }
            false => {
                for (place, (key, piece)) in items.iter().enumerate() {
                    new_line(margin, out);
                    if let Some(key) = key {
                        out.push_str(key);
                        out.push_str(": ");
                    }
                    piece.lay_out(margin, out);
                    if place + 1 < items.len() || rest.is_some() {
                        out.push(',');
                    }
                }
                if let Some(rest) = rest {
                    new_line(margin, out);
                    out.push_str(&rest);
                }
            }
        }
        new_line(indent, out);
        out.push(*close);
    }
}

/// Appends words with commas between them, as many on a line as fit.
fn fill(words: impl Iterator<Item = String>, margin: usize, out: &mut String) {
    let mut column = WIDTH;
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let comma = if words.peek().is_some() { "," } else { "" };
        let columns = word.chars().count() + comma.len();
        if column + 1 + columns > WIDTH {
            new_line(margin, out);
            column = margin;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(&word);
        out.push_str(comma);
        column += columns;
    }
}

fn rest(more: u64) -> Option<String> {
    (more > 0).then(|| format!("… {} more", grouped(more)))
}

fn new_line(indent: usize, out: &mut String) {
    out.push('\n');
    out.extend(iter::repeat_n(' ', indent));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use farside_protocol::array::Array;
    use insta::assert_snapshot;
    use serde::Serialize;

    use super::*;

    fn text(value: &impl Serialize) -> String {
        let bytes = rmp_serde::to_vec_named(value).unwrap();
        let shown = show_value(&bytes).unwrap();
        format!("{}{}", shown.text, if shown.cut { "\n(cut)" } else { "" })
    }

    #[test]
    fn small_values_stand_on_one_line() {
        assert_snapshot!(text(&"it's \"so\""), @r#""it's \"so\"""#);
        assert_snapshot!(text(&(1, -2.0, 0.1f32, f64::NAN, true, ())), @"[1, -2.0, 0.1, nan, true, null]");
        assert_snapshot!(text(&BTreeMap::from([("mean", 2.5), ("spread", 1e300)])), @r#"{"mean": 2.5, "spread": 1e300}"#);
        assert_snapshot!(text(&BTreeMap::from([(1, "one")])), @r#"{1: "one"}"#);
        assert_snapshot!(text(&serde_bytes::Bytes::new(b"\x89PNG")), @"bytes(4) 89 50 4e 47");
        assert_snapshot!(text(&Vec::<u8>::new()), @"[]");
    }

    #[test]
    fn large_values_stand_on_several_lines() {
        #[derive(Serialize)]
        struct Word<'a> {
            word: &'a str,
            count: u64,
            places: Vec<u64>,
        }
        let words = [
            Word { word: "far", count: 30, places: (0..30).map(|n| n * 1000).collect() },
            Word { word: "side", count: 2, places: vec![3, 4] },
        ];
        assert_snapshot!(text(&words), @r#"
        [
          {
            "word": "far",
            "count": 30,
            "places": [
              0, 1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 11000,
              12000, 13000, 14000, 15000, 16000, 17000, 18000, 19000, 20000, 21000,
              22000, 23000, 24000, 25000, 26000, 27000, 28000, 29000
            ]
          },
          {"word": "side", "count": 2, "places": [3, 4]}
        ]
        "#);
    }

    #[test]
    fn what_is_too_much_is_cut() {
        assert_snapshot!(text(&(0..250).collect::<Vec<_>>()), @r"
        [
          0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
          22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
          41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59,
          60, 61, 62, 63, 64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78,
          79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97,
          98, 99, … 150 more
        ]
        (cut)
        ");
        assert_snapshot!(text(&serde_bytes::Bytes::new(&[7; 5000])), @r"
        bytes(5,000) 07 07 07 07 07 07 07 07 07 07 07 07 07 07 07 07 …
        (cut)
        ");
        assert!(text(&"x".repeat(3000)).ends_with("x\"… (2.9 KiB in all)\n(cut)"));
        let nested = vec![vec![vec![1; 99]; 99]; 99];
        assert!(text(&nested).len() < 20_000);
    }

    #[test]
    fn arrays_say_what_they_are() {
        let line = Array::from(vec![1.0, 2.5]);
        assert_snapshot!(text(&line), @"array(f64, 2) [1.0, 2.5]");
        let image = Array::from_shape(vec![600, 800], vec![255u8; 480_000]).unwrap();
        assert_snapshot!(text(&image), @r"
        array(u8, 600 x 800) [
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          [255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, … 788 more],
          … 588 more
        ]
        (cut)
        ");
        let empty = Array::from_shape(vec![0, 3], Vec::<i64>::new()).unwrap();
        assert_snapshot!(text(&empty), @"array(i64, 0 x 3) []");
    }
}
