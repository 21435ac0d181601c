//! The `Digest name=value, name="value"` of challenges and credentials ([RFC 3261 §25.1]).

use crate::message::{Malformed, is_token, split_commas};

/// Most parameters that are looked at; a challenge has a dozen at most.
const FIELDS_MAX: usize = 32;

/// The parameters of a Digest challenge or of Digest credentials. Values are without their quotes; escapes stay, for
/// both sides hash what stands between the quotes.
#[derive(Debug)]
pub(super) struct Fields<'a>(Vec<(&'a [u8], &'a [u8])>);

impl<'a> Fields<'a> {
    /// Reads a header value. `Ok(None)` where the scheme is not Digest.
    pub(super) fn of_digest(value: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let value = value.trim_ascii();
        let gap = value.iter().position(u8::is_ascii_whitespace).unwrap_or(value.len());
        let (scheme, rest) = value.split_at(gap);
        if !scheme.eq_ignore_ascii_case(b"Digest") {
            return Ok(None);
        }
        Self::parse(rest).map(Some)
    }

    /// Reads the parameters alone.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields: Vec<(&[u8], &[u8])> = Vec::new();
        for piece in split_commas(bytes).filter(|piece| !piece.is_empty()) {
            let equals = piece.iter().position(|byte| *byte == b'=').ok_or(Malformed)?;
            let (name, value) = (piece[..equals].trim_ascii(), piece[equals + 1..].trim_ascii());
            let is_double = fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
            if !is_token(name) || is_double || fields.len() == FIELDS_MAX {
                return Err(Malformed);
            }
            fields.push((name, unquoted(value)?));
        }
        Ok(Self(fields))
    }

    pub(super) fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| *value)
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&'a str>, Malformed> {
        self.bytes(name).map(std::str::from_utf8).transpose().map_err(|_| Malformed)
    }

    pub(super) fn needed(&self, name: &str) -> Result<&'a str, Malformed> {
        self.text(name)?.ok_or(Malformed)
    }
}

/// A value without its quotes; one without any may hold no quote either.
fn unquoted(value: &[u8]) -> Result<&[u8], Malformed> {
    let inner = match value.strip_prefix(b"\"") {
        Some(rest) => rest.strip_suffix(b"\"").ok_or(Malformed)?,
        None if value.contains(&b'"') => return Err(Malformed),
        None => return Ok(value),
    };
    let mut is_escaped = false;
    for byte in inner {
        match *byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return Err(Malformed),
            _ => {}
        }
    }
    if is_escaped { Err(Malformed) } else { Ok(inner) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_escapes_stay_within_quotes() {
        let fields =
            Fields::of_digest(b"digest realm=\"a, \\\"b\\\"\" ,qop=\"auth,auth-int\", stale=TRUE,, x = y");
        let fields = fields.unwrap().unwrap();
        assert_eq!(fields.text("REALM"), Ok(Some("a, \\\"b\\\"")));
        assert_eq!(fields.text("qop"), Ok(Some("auth,auth-int")));
        assert_eq!((fields.text("stale"), fields.text("x")), (Ok(Some("TRUE")), Ok(Some("y"))));
        assert_eq!(fields.needed("nonce"), Err(Malformed));
    }

    #[test]
    fn what_is_broken_or_double_is_malformed() {
        for bad in [
            &b"Digest realm"[..],
            b"Digest realm=\"x",
            b"Digest a=1, A=2",
            b"Digest =x",
            b"Digest a=b\"c\"",
            b"Digest a=\"b\"c\"",
        ] {
            assert!(Fields::of_digest(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        assert!(Fields::of_digest(b"Basic abc==").unwrap().is_none());
    }
}
