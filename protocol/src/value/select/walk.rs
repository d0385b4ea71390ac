//! The walk along a path: from part to part, and at the end the pieces.

use std::ops::Range;

use crate::array::{ArrayHeader, DIMENSIONS, Dtype};
use crate::value::path::{Item, Path, Step};
use crate::value::{Head, Kind};

use super::error::SelectError;
use super::reader::{Key, Reader};
use super::run::Run;
use super::selection::Selection;
use super::source::Source;
use super::view::{Misfit, View};

pub(super) struct Walk<'p, S> {
    pub(super) reader: Reader<S>,
    pub(super) selection: Selection,
    /// Memory that the selection may still take, see
    /// [`caps::SCATTERED_BYTES`](crate::caps).
    pub(super) scattered_left: u64,
    /// Where the walk is, for errors.
    marks: Vec<Mark<'p>>,
}

#[derive(Clone, Copy)]
enum Mark<'p> {
    Step(&'p Step),
    /// The element of a list that a field is mapped over.
    Element(u64),
}

/// What a prefix of the path names.
pub(super) enum Part {
    /// The value that begins here.
    Value(u64),
    /// Some places of a value.
    Places(Places),
    /// One element of an array or byte string.
    Number(Dtype, u64),
}

/// Places of a value that has them.
pub(super) enum Places {
    /// Elements of the list whose first element is at `first`; `mark` counts the
    /// marks before its slices.
    List { first: u64, run: Run, mark: usize },
    /// Characters of a string.
    Text { body: Range<u64>, run: Run },
    /// Elements of an array, or bytes.
    View(View),
}

impl<'p, S: Source> Walk<'p, S> {
    pub(super) fn new(source: S, scattered: u64) -> Walk<'p, S> {
        Walk {
            reader: Reader::new(source),
            selection: Selection::default(),
            scattered_left: scattered,
            marks: Vec::new(),
        }
    }

    pub(super) fn select(mut self, path: &'p Path) -> Result<Selection, SelectError<S::Error>> {
        self.walk(Part::Value(0), path.steps())?;
        Ok(self.selection)
    }

    fn walk(&mut self, mut part: Part, steps: &'p [Step]) -> Result<(), SelectError<S::Error>> {
        for (place, step) in steps.iter().enumerate() {
            part = match (part, step) {
                (Part::Places(Places::List { first, run, mark }), Step::Field(_)) => {
                    self.marks.truncate(mark);
                    return self.emit_list(first, run, &steps[place..]);
                }
                (part, step) => self.step(part, step)?,
            };
            self.marks.push(Mark::Step(step));
        }
        self.emit(part)
    }

    /// Appends what the steps take of a list's element.
    pub(super) fn element(
        &mut self,
        at: u64,
        place: u64,
        steps: &'p [Step],
    ) -> Result<(), SelectError<S::Error>> {
        let marks = self.marks.len();
        self.marks.push(Mark::Element(place));
        self.walk(Part::Value(at), steps)?;
        self.marks.truncate(marks);
        Ok(())
    }

    fn step(&mut self, part: Part, step: &Step) -> Result<Part, SelectError<S::Error>> {
        let places = match part {
            Part::Value(at) => {
                let head = self.reader.head(at)?;
                if head.kind == Kind::Map {
                    return self.entry(at + head.len as u64, head.items / 2, step);
                }
                self.open(at, &head, step)?
            }
            Part::Places(places) => places,
            Part::Number(Dtype::F32 | Dtype::F64, _) => return Err(self.refuse(Kind::Float, step)),
            Part::Number(Dtype::Bool, _) => return Err(self.refuse(Kind::Bool, step)),
            Part::Number(..) => return Err(self.refuse(Kind::Integer, step)),
        };
        match step {
            Step::Field(_) => Err(self.refuse(places.kind(), step)),
            Step::Items(items) => self.items(places, items),
        }
    }

    /// The value at a map's key.
    fn entry(
        &mut self,
        first: u64,
        pairs: u64,
        step: &Step,
    ) -> Result<Part, SelectError<S::Error>> {
        let key = match step {
            Step::Field(name) => Key::Text(name),
            Step::Items(items) => match items[..] {
                [Item::Index(key)] => Key::Integer(key),
                _ => return Err(self.refuse(Kind::Map, step)),
            },
        };
        if let Some(value) = self.reader.find(first, pairs, key)? {
            return Ok(Part::Value(value));
        }
        let has = self.reader.keys(first, pairs, key)?;
        let at = self.place();
        Err(match key {
            Key::Text(name) => SelectError::NoField { name: name.to_owned(), at, has },
            Key::Integer(key) => SelectError::NoKey { key, at, has },
        })
    }

    fn open(&mut self, at: u64, head: &Head, step: &Step) -> Result<Places, SelectError<S::Error>> {
        let start = at + head.len as u64;
        match head.kind {
            Kind::List => {
                let (run, mark) = (Run::whole(head.items), self.marks.len());
                Ok(Places::List { first: start, run, mark })
            }
            Kind::String => {
                let body = start..start + head.body;
                let chars = self.reader.text(body.clone(), |_, _, _| {})?;
                Ok(Places::Text { body, run: Run::whole(chars) })
            }
            Kind::Bytes => Ok(Places::View(View::bytes(start, head.body))),
            Kind::Array => {
                let most = 2 + 8 * DIMENSIONS as u64;
                let bytes = self.reader.read(start, head.body.min(most))?;
                let header = ArrayHeader::decode(&bytes, head.body)
                    .map_err(|_| SelectError::Damaged { at })?;
                let first = start + header.encoded_len() as u64;
                Ok(Places::View(View::array(first, &header)))
            }
            kind => Err(self.refuse(kind, step)),
        }
    }

    fn items(&mut self, places: Places, items: &[Item]) -> Result<Part, SelectError<S::Error>> {
        let kind = places.kind();
        let too_many = |walk: &Self, dimensions| SelectError::TooManyItems {
            kind,
            dimensions,
            items: items.len(),
            at: walk.place(),
        };
        let out_of_range = |walk: &Self, index: i128, len, dimension| SelectError::OutOfRange {
            index,
            at: walk.place(),
            len,
            dimension,
        };
        Ok(Part::Places(match (places, items) {
            (Places::View(view), items) => {
                let dimensions = view.dims.len();
                let view = view.items(items).map_err(|misfit| match misfit {
                    Misfit::TooMany => too_many(self, dimensions),
                    Misfit::OutOfRange { index, dimension, len } => {
                        let dimension = (dimensions > 1).then_some(dimension + 1);
                        out_of_range(self, index, len, dimension)
                    }
                })?;
                if view.dims.is_empty() {
                    return Ok(Part::Number(view.dtype, view.at));
                }
                Places::View(view)
            }
            (Places::List { first, run, mark }, [Item::Slice(slice)]) => {
                Places::List { first, run: run.slice(slice), mark }
            }
            (Places::List { first, run, .. }, [Item::Index(index)]) => {
                let place = run.index(*index);
                let place = place.ok_or_else(|| out_of_range(self, *index, run.count, None))?;
                return self.reader.skip(first, place).map(Part::Value);
            }
            (Places::Text { body, run }, [Item::Slice(slice)]) => {
                Places::Text { body, run: run.slice(slice) }
            }
            (Places::Text { body, run }, [Item::Index(index)]) => {
                let place = run.index(*index);
                let start = place.ok_or_else(|| out_of_range(self, *index, run.count, None))?;
                Places::Text { body, run: Run { start, step: 1, count: 1 } }
            }
            (Places::List { .. } | Places::Text { .. }, _) => return Err(too_many(self, 1)),
        }))
    }

    fn refuse(&self, kind: Kind, step: &Step) -> SelectError<S::Error> {
        let at = self.place();
        match step {
            Step::Field(name) => SelectError::NoFields { kind, name: name.clone(), at },
            step => SelectError::NoElements { kind, step: step.to_string(), at },
        }
    }

    /// The path to where the walk is, with places instead of mapped slices.
    fn place(&self) -> String {
        let steps = self.marks.iter().map(|mark| match mark {
            Mark::Step(step) => (*step).clone(),
            Mark::Element(place) => Step::Items(vec![Item::Index(i128::from(*place))]),
        });
        Path::of(steps.collect()).to_string()
    }
}

impl Places {
    fn kind(&self) -> Kind {
        match self {
            Places::List { .. } => Kind::List,
            Places::Text { .. } => Kind::String,
            Places::View(view) if view.of_bytes => Kind::Bytes,
            Places::View(_) => Kind::Array,
        }
    }
}
