//! The words of a command line as a function's arguments, read by the types that
//! the function's manifest gives.
//!
//! | word | what it is |
//! |---|---|
//! | `far:65543`, `far:_` | a reference; `far:_` is the last one that was made |
//! | `@FILE` | the file's contents: bytes or text where those are wanted, else JSON |
//! | `-` | the same of standard input, for one argument |
//! | `@@x` | the word `@x` |
//! | anything else | text where text is wanted, else JSON |

mod argument;
mod array;
mod json;
mod mismatch;
mod source;
mod special;
mod word;

use farside_protocol::RefId;
use farside_protocol::manifest::{Function, Param};
use farside_protocol::value::{ArgumentError, check_arguments};

use argument::Argument;
use source::Form;
pub(crate) use source::{Source, SourceError};

/// Why words are no arguments.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WordError {
    /// One is of another type, or a part of it is.
    #[error("argument `{param}` of {function}: {mismatch}")]
    Mismatch {
        /// The function.
        function: String,
        /// The parameter.
        param: String,
        /// Where, what was wanted, and what came.
        mismatch: mismatch::Mismatch,
    },
    /// They do not fit the parameters in number, by name or by kind.
    #[error(transparent)]
    Unfit(#[from] ArgumentError),
    /// One parameter is given twice.
    #[error("argument `{param}` of {function} is given twice")]
    Twice {
        /// The function.
        function: String,
        /// The parameter.
        param: String,
    },
    /// A file or standard input can't be read.
    #[error("argument `{param}` of {function}: {source}")]
    Source {
        /// The function.
        function: String,
        /// The parameter.
        param: String,
        /// Why.
        source: SourceError,
    },
    /// `far:_` where nothing was made yet.
    #[error("far:_ stands for the last reference made here, and there is none")]
    NoLast,
    /// A value that MessagePack has no form for.
    #[error("the arguments cannot be encoded: {source}")]
    Encode {
        /// What the encoder says.
        source: rmp_serde::encode::Error,
    },
}

/// Reads the words that follow a function's name.
pub(crate) struct Reader<'a> {
    /// The function that is called.
    pub(crate) function: &'a Function,
    /// What `far:_` stands for.
    pub(crate) last: Option<RefId>,
    /// Where `@FILE` and `-` are read.
    pub(crate) source: Source<'a>,
}

impl Reader<'_> {
    /// The arguments as a MessagePack list with one value for each parameter:
    /// `words` fill the parameters in order, `named` those of their names.
    ///
    /// # Errors
    /// Which parameter, what was expected and what came.
    pub(crate) fn read(
        mut self,
        words: &[String],
        named: &[(String, String)],
    ) -> Result<Vec<u8>, WordError> {
        let function = self.function;
        let mut given: Vec<Option<Argument>> = vec![None; function.params.len().max(words.len())];
        for (place, word) in words.iter().enumerate() {
            given[place] = Some(match function.params.get(place) {
                Some(param) => self.argument(param, word)?,
                // Counted below, where there are too many.
                None => Argument::Nil,
            });
        }
        for (name, word) in named {
            let place = function.params.iter().position(|param| param.name == *name);
            let place = place.ok_or_else(|| unknown(function, name))?;
            if given[place].is_some() {
                let (function, param) = (function.name.clone(), name.clone());
                return Err(WordError::Twice { function, param });
            }
            given[place] = Some(self.argument(&function.params[place], word)?);
        }
        for (param, argument) in function.params.iter().zip(&given) {
            if argument.is_none() && !param.optional {
                return Err(WordError::Unfit(ArgumentError::Missing {
                    function: function.name.clone(),
                    param: param.name.clone(),
                    expected: param.schema.to_string(),
                }));
            }
        }
        let list = given.into_iter().map(|one| one.unwrap_or(Argument::Nil)).collect();
        let list = Argument::List(list).encode().map_err(|source| WordError::Encode { source })?;
        Ok(check_arguments(function, &list)?.unwrap_or(list))
    }

    /// Variables of any type as a MessagePack map.
    ///
    /// # Errors
    /// As [`read`](Reader::read).
    pub(crate) fn variables(mut self, named: &[(String, String)]) -> Result<Vec<u8>, WordError> {
        let mut entries = Vec::with_capacity(named.len());
        for (name, word) in named {
            let param = Param { name: name.clone(), ..Param::default() };
            entries.push((Argument::Text(name.clone()), self.argument(&param, word)?));
        }
        Argument::Map(entries).encode().map_err(|source| WordError::Encode { source })
    }

    fn argument(&mut self, param: &Param, word: &str) -> Result<Argument, WordError> {
        if word == "far:_" {
            return self.last.map(Argument::Reference).ok_or(WordError::NoLast);
        }
        if let Ok(id) = word.parse() {
            return Ok(Argument::Reference(id));
        }
        let (function, name) = (&self.function.name, &param.name);
        let read = self.source.read(Form::of(&param.schema), word);
        let read = read.map_err(|source| WordError::Source {
            function: function.clone(),
            param: name.clone(),
            source,
        })?;
        read.argument(&param.schema).map_err(|mismatch| WordError::Mismatch {
            function: function.clone(),
            param: name.clone(),
            mismatch,
        })
    }
}

fn unknown(function: &Function, name: &str) -> WordError {
    let params: Vec<_> = function.params.iter().map(|param| format!("`{}`", param.name)).collect();
    WordError::Unfit(ArgumentError::UnknownName {
        function: function.name.clone(),
        name: name.to_owned(),
        params: if params.is_empty() { "none".to_owned() } else { params.join(", ") },
    })
}

#[cfg(test)]
mod tests;
