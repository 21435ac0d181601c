//! Numbers composed of recorded pieces, one module for each language.

pub(crate) mod english;
