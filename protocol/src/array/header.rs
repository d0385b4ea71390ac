//! What stands before an array's elements: their type and their shape.

/// Most dimensions that an array may have.
pub const DIMENSIONS: usize = 32;

macro_rules! dtypes {
    ($( $number:literal = $Name:ident($text:literal, $size:literal), )*) => {
        /// The type of an array's elements.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Dtype { $(
            #[doc = concat!("`", $text, "`, ", stringify!($size), " bytes each.")]
            $Name,
        )* }

        impl Dtype {
            /// Every element type.
            pub const ALL: &[Dtype] = &[ $( Dtype::$Name, )* ];

            /// The number on the wire.
            #[must_use]
            pub fn number(self) -> u8 {
                match self { $( Dtype::$Name => $number, )* }
            }

            /// The element type with a number from the wire.
            #[must_use]
            pub fn from_number(number: u8) -> Option<Dtype> {
                match number { $( $number => Some(Dtype::$Name), )* _ => None }
            }

            /// The name that Rust gives it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $( Dtype::$Name => $text, )* }
            }

            /// Bytes of one element.
            #[must_use]
            pub fn size(self) -> usize {
                match self { $( Dtype::$Name => $size, )* }
            }
        }
    };
}

dtypes! {
    1 = U8("u8", 1),
    2 = I8("i8", 1),
    3 = U16("u16", 2),
    4 = I16("i16", 2),
    5 = U32("u32", 4),
    6 = I32("i32", 4),
    7 = U64("u64", 8),
    8 = I64("i64", 8),
    9 = F32("f32", 4),
    10 = F64("f64", 8),
    11 = Bool("bool", 1),
}

/// What stands before an array's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArrayHeader {
    /// The type of the elements.
    pub dtype: Dtype,
    /// The length of each dimension, outermost first.
    pub shape: Vec<u64>,
}

impl ArrayHeader {
    /// Bytes of the header itself.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        2 + 8 * self.shape.len()
    }

    /// Bytes of the elements, unless that overflows.
    #[must_use]
    pub fn data_len(&self) -> Option<u64> {
        self.shape
            .iter()
            .try_fold(1u64, |product, len| product.checked_mul(*len))?
            .checked_mul(self.dtype.size() as u64)
    }

    /// Appends the header.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[self.dtype.number(), self.shape.len() as u8]);
        self.shape.iter().for_each(|len| out.extend_from_slice(&len.to_le_bytes()));
    }

    /// Reads the header of an extension's bytes, of which there are `total` in
    /// all; `bytes` need only hold the beginning.
    ///
    /// # Errors
    /// What is wrong with them, as a fragment of text.
    pub fn decode(bytes: &[u8], total: u64) -> Result<ArrayHeader, &'static str> {
        let [dtype, dimensions, rest @ ..] = bytes else {
            return Err("an array shorter than its header");
        };
        let dtype = Dtype::from_number(*dtype).ok_or("an array of unknown element type")?;
        let dimensions = usize::from(*dimensions);
        if dimensions > DIMENSIONS {
            return Err("an array of more than 32 dimensions");
        }
        let shape = rest.get(..8 * dimensions).ok_or("an array shorter than its header")?;
        let shape = shape.as_chunks::<8>().0.iter().map(|len| u64::from_le_bytes(*len)).collect();
        let header = ArrayHeader { dtype, shape };
        let expected =
            header.data_len().and_then(|len| len.checked_add(header.encoded_len() as u64));
        if expected != Some(total) {
            return Err("an array whose shape does not fit its bytes");
        }
        Ok(header)
    }
}
