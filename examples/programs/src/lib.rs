//! Programs that use Farside; each is a binary of this crate. The README's client is
//! compiled here.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
