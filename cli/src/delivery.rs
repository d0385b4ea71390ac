//! How a value that was fetched is handed over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clap::Args;
use farside_protocol::ContentType;
use farside_protocol::array::ArrayHeader;
use farside_protocol::value::{Head, Kind, scan};
use serde_json::json;

use crate::output::{note, print};
use crate::show::json::write_json;
use crate::show::plain::{plain, size};
use crate::show::text::show_value;

/// The form of a value, and where it goes.
#[derive(Args, Clone)]
pub(crate) struct Delivery {
    /// Print strict JSON, for scripts; errors too
    #[arg(long)]
    pub(crate) json: bool,
    /// Print bytes, text and array elements as they are; anything else as MessagePack
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// Write to a file: bytes, text and array elements as they are; anything else, and all
    /// with --json, as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Why a value was not handed over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeliveryError {
    /// The bytes are no value.
    #[error("the server sent what is no value: {source}")]
    NoValue {
        /// What is wrong with them.
        source: farside_protocol::value::ScanError,
    },
    /// The file can't be written.
    #[error("cannot write {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Standard output can't be written.
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

impl Delivery {
    /// Hands a value over. Where it is shown only in part, `more` says how to see
    /// the rest.
    ///
    /// # Errors
    /// The bytes are no value, or can't be written.
    pub(crate) fn deliver(
        &self,
        content: &ContentType,
        value: &Bytes,
        more: &str,
    ) -> Result<(), DeliveryError> {
        if content.is_msgpack() {
            scan(value).map_err(|source| DeliveryError::NoValue { source })?;
        }
        if let Some(path) = &self.out {
            return self.write_file(path, content, value);
        }
        let out = || BufWriter::new(io::stdout().lock());
        if self.json {
            let mut out = out();
            write_json(&mut out, content, value)?;
            out.write_all(b"\n")?;
            return Ok(out.flush()?);
        }
        if self.raw {
            let mut out = out();
            out.write_all(Raw::of(content, value).bytes)?;
            return Ok(out.flush()?);
        }
        let (text, cut) = match content.other() {
            Some(media_type) => {
                (format!("{}, {}", plain(media_type), size(value.len() as u64)), true)
            }
            None => {
                let shown =
                    show_value(value).map_err(|source| DeliveryError::NoValue { source })?;
                (shown.text, shown.cut)
            }
        };
        print(text)?;
        if cut {
            note(format_args!("note: shown in part, {} in all; {more}", size(value.len() as u64)));
        }
        Ok(())
    }

    /// Makes sure that the file can be written, before anything is done whose result
    /// would be lost.
    ///
    /// # Errors
    /// It can't.
    pub(crate) fn check(&self) -> Result<(), DeliveryError> {
        let Some(path) = &self.out else { return Ok(()) };
        let mut open = OpenOptions::new();
        open.write(true);
        let tried = match open.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                open.create_new(true).open(path).and_then(|_| fs::remove_file(path))
            }
            tried => tried.map(drop),
        };
        tried.map_err(|source| DeliveryError::File { path: path.clone(), source })
    }

    fn write_file(
        &self,
        path: &Path,
        content: &ContentType,
        value: &Bytes,
    ) -> Result<(), DeliveryError> {
        let raw = Raw::of(content, value);
        let as_json = self.json || (!self.raw && raw.form == "MessagePack");
        let write = || {
            let mut file = BufWriter::new(File::create(path)?);
            match as_json {
                true => write_json(&mut file, content, value)?,
                false => file.write_all(raw.bytes)?,
            }
            file.into_inner()?.metadata()
        };
        let written =
            write().map_err(|source| DeliveryError::File { path: path.to_owned(), source })?;
        let form = match raw.form.as_str() {
            _ if as_json => " of JSON".to_owned(),
            "bytes" => String::new(),
            form => format!(" of {form}"),
        };
        match self.json {
            true => note(json!({ "wrote": path.display().to_string(), "bytes": written.len() })),
            false => {
                note(format_args!("wrote {}{form} to {}", size(written.len()), path.display()));
            }
        }
        Ok(())
    }
}

/// A value without its encoding, where it has a form of its own.
struct Raw<'a> {
    bytes: &'a [u8],
    /// What the bytes are, for people.
    form: String,
}

impl<'a> Raw<'a> {
    fn of(content: &ContentType, value: &'a [u8]) -> Raw<'a> {
        let whole = |form: &str| Raw { bytes: value, form: plain(form).into_owned() };
        if let Some(media_type) = content.other() {
            return whole(media_type);
        }
        let Some(head) = Head::read(value) else { return whole("MessagePack") };
        let body = value.get(head.len..).unwrap_or_default();
        match head.kind {
            Kind::Bytes => Raw { bytes: body, form: "bytes".to_owned() },
            Kind::String => Raw { bytes: body, form: "text".to_owned() },
            Kind::Array => match ArrayHeader::decode(body, head.body) {
                Ok(header) => {
                    let shape: Vec<_> = header.shape.iter().map(u64::to_string).collect();
                    Raw {
                        bytes: body.get(header.encoded_len()..).unwrap_or_default(),
                        form: format!("{} elements ({})", header.dtype.name(), shape.join(" x ")),
                    }
                }
                Err(_) => whole("MessagePack"),
            },
            _ => whole("MessagePack"),
        }
    }
}

#[cfg(test)]
mod tests {
    use farside_protocol::array::Array;
    use serde::Serialize;

    use super::*;

    /// What `--out` writes of a value.
    fn written(value: &impl Serialize, json: bool, raw: bool) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("value");
        let delivery = Delivery { json, raw, out: Some(path.clone()) };
        let value = rmp_serde::to_vec_named(value).unwrap().into();
        delivery.deliver(&ContentType::MSGPACK, &value, "").unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn a_file_gets_a_value_in_its_own_form_or_as_json() {
        assert_eq!(written(&"text", false, false), b"text");
        assert_eq!(written(&serde_bytes::Bytes::new(&[0, 255]), false, false), [0, 255]);
        assert_eq!(written(&Array::from(vec![1u16, 256]), false, false), [1, 0, 0, 1]);
        assert_eq!(written(&(1, "two"), false, false), br#"[1,"two"]"#);
    }

    #[test]
    fn a_file_gets_the_form_that_is_asked_for() {
        assert_eq!(written(&"text", true, false), br#""text""#);
        assert_eq!(written(&(1, 2), false, true), [0x92, 1, 2]);
    }

    #[test]
    fn a_file_that_cannot_be_written_is_known_before() {
        let folder = tempfile::tempdir().unwrap();
        let check = |path: &str| {
            let out = Some(folder.path().join(path));
            Delivery { json: false, raw: false, out }.check()
        };
        check("value").unwrap();
        assert!(!folder.path().join("value").exists(), "nothing is left behind");
        assert!(matches!(check("nowhere/value"), Err(DeliveryError::File { .. })));
        fs::write(folder.path().join("old"), "kept").unwrap();
        check("old").unwrap();
        assert_eq!(fs::read(folder.path().join("old")).unwrap(), b"kept");
    }

    #[test]
    fn bytes_that_are_no_value_are_refused() {
        let delivery = Delivery { json: true, raw: false, out: None };
        let error = delivery
            .deliver(&ContentType::MSGPACK, &Bytes::from_static(&[0x92, 1]), "")
            .unwrap_err();
        assert!(matches!(error, DeliveryError::NoValue { .. }));
    }
}
