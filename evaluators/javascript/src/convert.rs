//! Values of the wire as values of the language, and back.

use evaluator_common::value::{DEPTH, Item, Malformed, Reader, Timestamp, Writer};
use evaluator_common::{EvalError, Objects};
use farside_guest::Raw;
use farside_protocol::array::{ArrayHeader, Dtype};
use rquickjs::object::Property;
use rquickjs::{Array, Ctx, Function, Object, TypedArray, Value};

use crate::engine::Kept;
use crate::failure::Failure;

/// The largest integer up to which a number holds every one.
const SAFE: i128 = (1 << 53) - 1;

/// Reads one value.
pub(crate) fn read<'js>(
    ctx: &Ctx<'js>,
    tools: &Object<'js>,
    objects: &Objects<Kept>,
    bytes: &[u8],
) -> Result<Value<'js>, Failure> {
    let mut reading = Reading { ctx, tools, objects, reader: Reader::new(bytes) };
    reading.value()
}

struct Reading<'a, 'js> {
    ctx: &'a Ctx<'js>,
    tools: &'a Object<'js>,
    objects: &'a Objects<Kept>,
    reader: Reader<'a>,
}

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Failure {
        Failure::Other(EvalError::new("TypeError", "a binding is no proper value"))
    }
}

impl<'js> Reading<'_, 'js> {
    fn value(&mut self) -> Result<Value<'js>, Failure> {
        let ctx = self.ctx.clone();
        Ok(match self.reader.next_item()? {
            Item::Nil => Value::new_null(ctx),
            Item::Bool(value) => Value::new_bool(ctx, value),
            Item::Integer(value) => self.integer(value)?,
            Item::BigInteger(bytes) => self.big_integer(bytes)?,
            Item::Float(value) => Value::new_float(ctx, value),
            Item::Text(text) => rquickjs::String::from_str(ctx, text)?.into_value(),
            Item::Bytes(bytes) => TypedArray::<u8>::new_copy(ctx, bytes)?.into_value(),
            Item::List(len) => self.list(len)?.into_value(),
            Item::Map(len) => self.map(len)?,
            Item::Array(body) => self.array(body)?,
            Item::Timestamp(Timestamp { seconds, nanoseconds }) => {
                let milliseconds = seconds as f64 * 1e3 + f64::from(nanoseconds / 1_000_000);
                self.tool("date")?.call((milliseconds,))?
            }
            Item::Object(id) => match self.objects.get(id) {
                Some(kept) => kept.clone().restore(&ctx)?,
                None => return Err(Failure::Other(EvalError::no_object(id))),
            },
            Item::Unknown(number) => {
                let message = format!("a binding holds an unknown extension, {number}");
                return Err(Failure::Other(EvalError::new("TypeError", message)));
            }
        })
    }

    fn tool(&self, name: &str) -> Result<Function<'js>, Failure> {
        Ok(self.tools.get(name)?)
    }

    fn integer(&self, value: i128) -> Result<Value<'js>, Failure> {
        if let Ok(value) = i32::try_from(value) {
            return Ok(Value::new_int(self.ctx.clone(), value));
        }
        if (-SAFE..=SAFE).contains(&value) {
            return Ok(Value::new_float(self.ctx.clone(), value as f64));
        }
        Ok(self.tool("bigint")?.call((value.to_string(),))?)
    }

    fn big_integer(&self, bytes: &[u8]) -> Result<Value<'js>, Failure> {
        let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
        let mut magnitude = bytes.to_vec();
        if negative {
            negate(&mut magnitude);
        }
        let mut text = "0x0".to_owned();
        magnitude.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
        Ok(self.tool(if negative { "negative" } else { "bigint" })?.call((text,))?)
    }

    fn list(&mut self, len: usize) -> Result<Array<'js>, Failure> {
        let list = Array::new(self.ctx.clone())?;
        for place in 0..len {
            list.set(place, self.value()?)?;
        }
        Ok(list)
    }

    /// An object, or a `Map` if there is a key that is no text.
    fn map(&mut self, len: usize) -> Result<Value<'js>, Failure> {
        let mut entries = Vec::new();
        for _ in 0..len {
            entries.push((self.value()?, self.value()?));
        }
        if entries.iter().all(|(key, _)| key.is_string()) {
            let object = Object::new(self.ctx.clone())?;
            for (key, value) in entries {
                // Defined, not set: `__proto__` is a name like any other.
                let value = Property::from(value).writable().enumerable().configurable();
                object.prop(key, value)?;
            }
            return Ok(object.into_value());
        }
        let flat = Array::new(self.ctx.clone())?;
        for (place, (key, value)) in entries.into_iter().enumerate() {
            flat.set(2 * place, key)?;
            flat.set(2 * place + 1, value)?;
        }
        Ok(self.tool("entries")?.call((flat,))?)
    }

    fn array(&self, body: &[u8]) -> Result<Value<'js>, Failure> {
        let header = ArrayHeader::decode(body, body.len() as u64).map_err(|_| Malformed)?;
        let numbers = &body[header.encoded_len()..];
        let block = TypedArray::<u8>::new_copy(self.ctx.clone(), numbers)?;
        let shape: Vec<f64> = header.shape.iter().map(|len| *len as f64).collect();
        Ok(self.tool("array")?.call((header.dtype.name(), shape, block))?)
    }
}

/// The number with the other sign, in two's complement.
fn negate(bytes: &mut [u8]) {
    let mut carry = true;
    for byte in bytes.iter_mut().rev() {
        (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
    }
}

/// Writes one value.
pub(crate) fn write<'js>(tools: &Object<'js>, value: Value<'js>) -> Result<Raw, Failure> {
    let describe = tools.get("describe")?;
    let mut writing = Writing { tools, describe, writer: Writer::new(), path: Vec::new() };
    writing.value(value)?;
    Ok(Raw::from_bytes(writing.writer.into_bytes()))
}

struct Writing<'a, 'js> {
    tools: &'a Object<'js>,
    describe: Function<'js>,
    writer: Writer,
    /// The way to the value that is written.
    path: Vec<Step>,
}

enum Step {
    Place(usize),
    Key(String),
}

impl<'js> Writing<'_, 'js> {
    fn value(&mut self, value: Value<'js>) -> Result<(), Failure> {
        if value.is_null() || value.is_undefined() {
            self.writer.nil();
        } else if let Some(value) = value.as_bool() {
            self.writer.bool(value);
        } else if let Some(value) = value.as_int() {
            self.writer.integer(value.into());
        } else if let Some(value) = value.as_float() {
            self.number(value);
        } else if let Some(text) = value.as_string() {
            let text = self.text(text)?;
            self.writer.text(&text);
        } else if value.is_big_int() {
            self.big_int(&value)?;
        } else if value.is_symbol() {
            return Err(self.not_plain("a symbol"));
        } else if self.path.len() >= DEPTH {
            return Err(self.not_plain("what is nested too deep, or in itself"));
        } else if let Some(list) = value.as_array() {
            self.list(list)?;
        } else {
            self.object(value)?;
        }
        Ok(())
    }

    fn number(&mut self, value: f64) {
        let whole = value as i64;
        let safe = i128::from(whole).abs() <= SAFE;
        if safe && (whole as f64).to_bits() == value.to_bits() {
            self.writer.integer(whole.into());
        } else {
            self.writer.float(value);
        }
    }

    /// The text; what is no Unicode in it is replaced.
    fn text(&self, text: &rquickjs::String<'js>) -> Result<String, Failure> {
        if let Ok(text) = text.to_string() {
            return Ok(text);
        }
        let mend: Function = self.tools.get("mend")?;
        Ok(mend.call((text.clone(),))?)
    }

    fn big_int(&mut self, value: &Value<'js>) -> Result<(), Failure> {
        let to_hex: Function = self.tools.get("hex")?;
        let hex: String = to_hex.call((value.clone(),))?;
        let (negative, digits) = match hex.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, &*hex),
        };
        let mut bytes = vec![0; digits.len() / 2 + 1];
        for (place, digit) in digits.bytes().rev().enumerate() {
            let digit = char::from(digit).to_digit(16).unwrap_or(0) as u8;
            let last = bytes.len() - 1;
            bytes[last - place / 2] |= digit << (4 * (place % 2));
        }
        // Room for the sign.
        bytes.insert(0, 0);
        if negative {
            negate(&mut bytes);
        }
        self.writer.big_integer(&bytes);
        Ok(())
    }

    fn list(&mut self, list: &Array<'js>) -> Result<(), Failure> {
        let len = list.len();
        self.writer.list(len);
        for place in 0..len {
            self.inside(Step::Place(place), list.get(place)?)?;
        }
        Ok(())
    }

    fn inside(&mut self, step: Step, value: Value<'js>) -> Result<(), Failure> {
        self.path.push(step);
        self.value(value)?;
        self.path.pop();
        Ok(())
    }

    fn object(&mut self, value: Value<'js>) -> Result<(), Failure> {
        let description: Value = self.describe.call((value.clone(),))?;
        let Some(description) = description.into_array() else {
            return self.plain(value);
        };
        let kind: String = description.get(0)?;
        match kind.as_str() {
            "date" => {
                let milliseconds = description.get::<f64>(1)? as i64;
                let seconds = milliseconds.div_euclid(1000);
                let nanoseconds = milliseconds.rem_euclid(1000) as u32 * 1_000_000;
                self.writer.timestamp(Timestamp { seconds, nanoseconds });
            }
            "bytes" => {
                let bytes: TypedArray<u8> = description.get(1)?;
                self.writer.bytes(&copied(&bytes));
            }
            "array" => self.array(&description)?,
            "list" => {
                let list: Array = description.get(1)?;
                self.list(&list)?;
            }
            "map" => self.map(&description.get(1)?)?,
            "value" => self.value(description.get(1)?)?,
            _ => {
                let what: String = description.get(1)?;
                return Err(self.not_plain(&what));
            }
        }
        Ok(())
    }

    fn plain(&mut self, value: Value<'js>) -> Result<(), Failure> {
        let Some(object) = value.into_object() else { return Err(self.not_plain("a symbol")) };
        // As the language's own strings: one may hold zeros.
        let keys = object.keys::<rquickjs::String>().collect::<Result<Vec<_>, _>>()?;
        self.writer.map(keys.len());
        for key in keys {
            let text = self.text(&key)?;
            self.writer.text(&text);
            let value = object.get(key)?;
            self.inside(Step::Key(text), value)?;
        }
        Ok(())
    }

    fn map(&mut self, flat: &Array<'js>) -> Result<(), Failure> {
        self.writer.map(flat.len() / 2);
        for place in 0..flat.len() {
            self.inside(Step::Place(place / 2), flat.get(place)?)?;
        }
        Ok(())
    }

    fn array(&mut self, description: &Array<'js>) -> Result<(), Failure> {
        let name: String = description.get(1)?;
        let shape: Vec<f64> = description.get(2)?;
        let block: TypedArray<u8> = description.get(3)?;
        let dtype = Dtype::ALL.iter().find(|dtype| dtype.name() == name);
        let Some(dtype) = dtype else { return Err(self.not_plain("an array of unknown type")) };
        let shape = shape.into_iter().map(|len| len as u64).collect();
        let header = ArrayHeader { dtype: *dtype, shape };
        let mut body = Vec::new();
        header.encode(&mut body);
        body.extend_from_slice(&copied(&block));
        if ArrayHeader::decode(&body, body.len() as u64).is_err() {
            return Err(self.not_plain("an array whose shape does not fit its data"));
        }
        self.writer.array_body(&body);
        Ok(())
    }

    fn not_plain(&self, what: &str) -> Failure {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Place(place) => path.push_str(&format!("[{place}]")),
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path.push_str(&format!(".{key}")),
            }
        }
        Failure::not_plain(what, &path)
    }
}

/// The bytes of a block.
#[expect(unsafe_code, reason = "scripts could change what is borrowed")]
fn copied(block: &TypedArray<'_, u8>) -> Vec<u8> {
    // SAFETY: no script runs while the bytes are copied.
    unsafe { block.as_bytes() }.unwrap_or_default().to_vec()
}
