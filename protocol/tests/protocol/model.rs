//! A decoded value and what selecting means on it, as plainly as it can be said.

use farside_protocol::array::Dtype;
use farside_protocol::value::path::{Item, Path, Slice, Step};
use farside_protocol::value::{Head, Kind};
use proptest::prelude::*;

/// A value. Numbers keep their bits, an array's elements their bytes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Nil,
    Bool(bool),
    Int(i128),
    Float(u64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Array { dtype: Dtype, shape: Vec<usize>, items: Vec<Vec<u8>> },
    Timestamp(Vec<u8>),
}

impl Node {
    /// MessagePack; `wide` uses the longest headers instead of the shortest.
    pub(crate) fn encode(&self, wide: bool, out: &mut Vec<u8>) {
        let sized = |short: &[u8], long: u8, len: usize, out: &mut Vec<u8>| {
            if wide || short.is_empty() {
                out.push(long);
                out.extend((len as u32).to_be_bytes());
            } else {
                out.extend(short);
            }
        };
        let fix = |base: u8, most: usize, len: usize| {
            if len <= most { vec![base | len as u8] } else { Vec::new() }
        };
        match self {
            Node::Nil => out.push(0xc0),
            Node::Bool(yes) => out.push(if *yes { 0xc3 } else { 0xc2 }),
            Node::Int(number @ 0..=0x7f) if !wide => out.push(*number as u8),
            Node::Int(number @ -32..=-1) if !wide => out.push(*number as u8),
            Node::Int(number @ 0..) => {
                out.push(0xcf);
                out.extend((*number as u64).to_be_bytes());
            }
            Node::Int(number) => {
                out.push(0xd3);
                out.extend((*number as i64).to_be_bytes());
            }
            Node::Float(bits) => {
                out.push(0xcb);
                out.extend(bits.to_be_bytes());
            }
            Node::Text(text) => {
                sized(&fix(0xa0, 31, text.len()), 0xdb, text.len(), out);
                out.extend(text.as_bytes());
            }
            Node::Bytes(bytes) => {
                sized(&[], 0xc6, bytes.len(), out);
                out.extend(bytes);
            }
            Node::List(items) => {
                sized(&fix(0x90, 15, items.len()), 0xdd, items.len(), out);
                items.iter().for_each(|item| item.encode(wide, out));
            }
            Node::Map(entries) => {
                sized(&fix(0x80, 15, entries.len()), 0xdf, entries.len(), out);
                for (key, value) in entries {
                    key.encode(wide, out);
                    value.encode(wide, out);
                }
            }
            Node::Array { dtype, shape, items } => {
                let data = items.concat();
                out.push(0xc9);
                out.extend(((2 + 8 * shape.len() + data.len()) as u32).to_be_bytes());
                out.extend([2, dtype.number(), shape.len() as u8]);
                shape.iter().for_each(|len| out.extend((*len as u64).to_le_bytes()));
                out.extend(data);
            }
            Node::Timestamp(body) => {
                out.extend([0xc7, body.len() as u8, 0xff]);
                out.extend(body);
            }
        }
    }

    /// The value of well-formed bytes.
    pub(crate) fn decode(bytes: &[u8]) -> Node {
        let mut rest = bytes;
        let node = Node::take(&mut rest);
        assert!(rest.is_empty(), "bytes after the value");
        node
    }

    fn take(rest: &mut &[u8]) -> Node {
        let head = Head::read(rest).expect("a head");
        let (body, after) = rest[head.len..].split_at(head.body as usize);
        *rest = after;
        match head.kind {
            Kind::Nil => Node::Nil,
            Kind::Bool => Node::Bool(head.bits != 0),
            Kind::Integer => Node::Int(head.integer().expect("an integer")),
            Kind::Float => Node::Float(head.bits),
            Kind::String => Node::Text(String::from_utf8(body.to_vec()).expect("utf-8")),
            Kind::Bytes => Node::Bytes(body.to_vec()),
            Kind::List => Node::List((0..head.items).map(|_| Node::take(rest)).collect()),
            Kind::Map => {
                let entries = 0..head.items / 2;
                Node::Map(entries.map(|_| (Node::take(rest), Node::take(rest))).collect())
            }
            Kind::Array => {
                let dtype = Dtype::from_number(body[0]).expect("an element type");
                let dims = usize::from(body[1]);
                let (shape, data) = body[2..].split_at(8 * dims);
                let len = |len: &[u8]| u64::from_le_bytes(len.try_into().expect("8 bytes"));
                let shape = shape.chunks(8).map(|dim| len(dim) as usize).collect();
                let items = data.chunks(dtype.size()).map(<[u8]>::to_vec).collect();
                Node::Array { dtype, shape, items }
            }
            Kind::Timestamp => Node::Timestamp(body.to_vec()),
            kind => panic!("{kind} in a test's value"),
        }
    }

    /// The part that a path names; none where some step fails.
    pub(crate) fn select(&self, steps: &[Step]) -> Option<Node> {
        let Some((step, rest)) = steps.split_first() else { return Some(self.clone()) };
        match (self, step) {
            (Node::Map(entries), step) => {
                let key = match step {
                    Step::Field(name) => Node::Text(name.clone()),
                    Step::Items(items) => match items[..] {
                        [Item::Index(key)] => Node::Int(key),
                        _ => return None,
                    },
                };
                entries.iter().find(|entry| entry.0 == key)?.1.select(rest)
            }
            (_, Step::Field(_)) => None,
            (Node::List(list), Step::Items(items)) => match &items[..] {
                [Item::Index(index)] => list[place(*index, list.len())?].select(rest),
                [Item::Slice(slice)] => {
                    let part = |place: usize| list[place].clone();
                    select_sliced(places(slice, list.len()).into_iter().map(part).collect(), rest)
                }
                _ => None,
            },
            (Node::Text(text), Step::Items(items)) => {
                let chars: Vec<char> = text.chars().collect();
                let part = one_dimension(items, chars.len())?.0;
                Node::Text(part.into_iter().map(|place| chars[place]).collect()).select(rest)
            }
            (Node::Bytes(bytes), Step::Items(items)) => match one_dimension(items, bytes.len())? {
                (part, true) => Node::Int(bytes[part[0]].into()).select(rest),
                (part, false) => {
                    Node::Bytes(part.into_iter().map(|place| bytes[place]).collect()).select(rest)
                }
            },
            (Node::Array { dtype, shape, items }, Step::Items(step)) => {
                select_array(*dtype, shape, items, step)?.select(rest)
            }
            _ => None,
        }
    }
}

/// Steps after a slice of a list: places are of the slice, a field maps.
fn select_sliced(list: Vec<Node>, steps: &[Step]) -> Option<Node> {
    match steps.first() {
        Some(Step::Field(_)) => {
            list.iter().map(|item| item.select(steps)).collect::<Option<_>>().map(Node::List)
        }
        _ => Node::List(list).select(steps),
    }
}

fn select_array(dtype: Dtype, shape: &[usize], items: &[Vec<u8>], step: &[Item]) -> Option<Node> {
    if step.len() > shape.len() {
        return None;
    }
    let mut wanted: Vec<Vec<usize>> = Vec::new();
    let mut kept = Vec::new();
    for (dimension, len) in shape.iter().enumerate() {
        let (part, dropped) = match step.get(dimension) {
            Some(item) => one_dimension(std::slice::from_ref(item), *len)?,
            None => ((0..*len).collect(), false),
        };
        kept.extend((!dropped).then_some(part.len()));
        wanted.push(part);
    }
    let mut flat = vec![0];
    for (len, part) in shape.iter().zip(&wanted) {
        flat = flat.iter().flat_map(|at| part.iter().map(move |place| at * len + place)).collect();
    }
    let items: Vec<Vec<u8>> = flat.into_iter().map(|at| items[at].clone()).collect();
    match kept.is_empty() {
        true => Some(number(dtype, &items[0])),
        false => Some(Node::Array { dtype, shape: kept, items }),
    }
}

fn number(dtype: Dtype, le: &[u8]) -> Node {
    let wide = |fill: u8| {
        let mut wide = [fill; 16];
        wide[..le.len()].copy_from_slice(le);
        i128::from_le_bytes(wide)
    };
    let sign = if le.last().is_some_and(|last| *last >= 0x80) { 0xff } else { 0 };
    match dtype {
        Dtype::U8 | Dtype::U16 | Dtype::U32 | Dtype::U64 => Node::Int(wide(0)),
        Dtype::I8 | Dtype::I16 | Dtype::I32 | Dtype::I64 => Node::Int(wide(sign)),
        Dtype::F32 => Node::Float(f64::from(f32::from_bits(wide(0) as u32)).to_bits()),
        Dtype::F64 => Node::Float(wide(0) as u64),
        Dtype::Bool => Node::Bool(wide(0) != 0),
    }
}

/// The places of one item, and whether it is an index.
fn one_dimension(items: &[Item], len: usize) -> Option<(Vec<usize>, bool)> {
    match items {
        [Item::Index(index)] => Some((vec![place(*index, len)?], true)),
        [Item::Slice(slice)] => Some((places(slice, len), false)),
        _ => None,
    }
}

fn place(index: i128, len: usize) -> Option<usize> {
    let index = if index < 0 { index + len as i128 } else { index };
    usize::try_from(index).ok().filter(|index| *index < len)
}

/// Python's meaning: every place from the start on, step by step, until the end.
fn places(slice: &Slice, len: usize) -> Vec<usize> {
    let (len, step) = (len as i128, slice.step.get());
    let from_end = |place: i128| if place < 0 { place + len } else { place };
    let start = slice.start.map_or(if step > 0 { 0 } else { len - 1 }, from_end);
    let end = slice.end.map_or(if step > 0 { len } else { -1 }, from_end);
    let mut at = if step > 0 { start.max(0) } else { start.min(len - 1) };
    let mut places = Vec::new();
    while (0..len).contains(&at) && if step > 0 { at < end } else { at > end } {
        places.push(at as usize);
        at += step;
    }
    places
}

fn key() -> impl Strategy<Value = Node> {
    prop_oneof![
        4 => field().prop_map(Node::Text),
        2 => (-2i128..4).prop_map(Node::Int),
        1 => Just(Node::Nil),
    ]
}

fn field() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["a", "b", "odd key", "", "größe"]).prop_map(str::to_owned)
}

fn array() -> impl Strategy<Value = Node> {
    let dtype = prop::sample::select(Dtype::ALL);
    (dtype, prop::collection::vec(0usize..5, 0..4)).prop_flat_map(|(dtype, shape)| {
        let item = match dtype {
            Dtype::Bool => prop::collection::vec(0u8..2, 1).boxed(),
            // Conversions between floats may change the bits of a NaN.
            Dtype::F32 => (-9i32..9).prop_map(|n| (n as f32).to_le_bytes().to_vec()).boxed(),
            dtype => prop::collection::vec(any::<u8>(), dtype.size()).boxed(),
        };
        let count = shape.iter().product::<usize>();
        prop::collection::vec(item, count).prop_map(move |items| Node::Array {
            dtype,
            shape: shape.clone(),
            items,
        })
    })
}

/// Any value, with keys that [`path`] is likely to name.
pub(crate) fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Node::Nil),
        any::<bool>().prop_map(Node::Bool),
        any::<u64>().prop_map(|number| Node::Int(number.into())),
        (i64::MIN..0).prop_map(|number| Node::Int(number.into())),
        any::<u64>().prop_map(Node::Float),
        "[aé€😀]{0,12}".prop_map(Node::Text),
        "[a-z]{120,300}".prop_map(Node::Text),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(Node::Bytes),
        prop::collection::vec(any::<u8>(), 120..300).prop_map(Node::Bytes),
        array(),
        array(),
        prop::sample::select(vec![4, 8, 12]).prop_map(|len| Node::Timestamp(vec![0; len])),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        let record = (inner.clone(), inner.clone()).prop_map(|(a, b)| {
            Node::Map(vec![(Node::Text("a".to_owned()), a), (Node::Text("b".to_owned()), b)])
        });
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Node::List),
            prop::collection::vec(record, 0..8).prop_map(Node::List),
            prop::collection::vec((key(), inner), 0..6).prop_map(Node::Map),
        ]
    })
}

fn bound() -> impl Strategy<Value = Option<i128>> {
    prop_oneof![
        3 => Just(None),
        6 => (-7i128..7).prop_map(Some),
        1 => (i128::from(i64::MIN)..=u64::MAX.into()).prop_map(Some),
    ]
}

fn slice() -> impl Strategy<Value = Slice> {
    let step = prop_oneof![
        4 => Just(1),
        4 => -3i128..4,
        1 => i128::from(i64::MIN)..=u64::MAX.into(),
    ];
    (bound(), bound(), step.prop_filter_map("zero", std::num::NonZeroI128::new))
        .prop_map(|(start, end, step)| Slice { start, end, step })
}

fn item() -> impl Strategy<Value = Item> {
    prop_oneof![
        3 => (-5i128..5).prop_map(Item::Index),
        3 => slice().prop_map(Item::Slice),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => field().prop_map(Step::Field),
        5 => item().prop_map(|item| Step::Items(vec![item])),
        1 => prop::collection::vec(item(), 1..4).prop_map(Step::Items),
    ]
}

/// A path of a few steps, by way of its text.
pub(crate) fn path() -> impl Strategy<Value = Path> {
    prop::collection::vec(step(), 0..6).prop_map(|steps| written(&steps))
}

/// A value, and a path that names a part of it.
pub(crate) fn node_and_path() -> impl Strategy<Value = (Node, Path)> {
    (node(), prop::collection::vec(step(), 0..24)).prop_map(|(node, tries)| {
        let mut steps = Vec::new();
        for step in tries {
            steps.push(step);
            if node.select(&steps).is_none() {
                steps.pop();
            }
        }
        (node, written(&steps))
    })
}

fn written(steps: &[Step]) -> Path {
    let text: String = steps.iter().map(ToString::to_string).collect();
    text.parse().expect("the text of steps is a path")
}
