//! What From, To, Contact, Route and the like hold: a name, an address, parameters.

use super::{Malformed, trim};

/// A `name-addr` or `addr-spec` with its header parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// The display name as it stands, quotes included; empty for none.
    pub display: &'a [u8],
    /// The URI.
    pub uri: &'a [u8],
    /// What follows, from the first `;` on.
    pub parameters: &'a [u8],
}

impl<'a> Address<'a> {
    /// Reads one value.
    ///
    /// # Errors
    /// Unbalanced quotes or brackets, no URI.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let value = trim(value);
        let Some(open) = find_unquoted(value, b'<')? else {
            let cut = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
            let (uri, parameters) = value.split_at(cut);
            let uri = trim(uri);
            // Without brackets no space may stand in it, and a `?` or `,` would be the header's, not the URI's.
            if uri.iter().any(|byte| byte.is_ascii_whitespace() || b"?,\"".contains(byte)) {
                return Err(Malformed);
            }
            return Self { display: b"", uri, parameters }.checked();
        };
        let inside = &value[open + 1..];
        let close = inside.iter().position(|byte| *byte == b'>').ok_or(Malformed)?;
        Self {
            display: trim(&value[..open]),
            uri: trim(&inside[..close]),
            parameters: trim(&inside[close + 1..]),
        }
        .checked()
    }

    fn checked(self) -> Result<Self, Malformed> {
        let has_scheme = self.uri.iter().position(|byte| *byte == b':').is_some_and(|colon| colon > 0);
        let parameters_follow = self.parameters.is_empty() || self.parameters[0] == b';';
        find_unquoted(self.parameters, b'\n')?;
        if has_scheme && parameters_follow { Ok(self) } else { Err(Malformed) }
    }

    /// The tag parameter.
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        parameter(self.parameters, b"tag").flatten().filter(|tag| !tag.is_empty())
    }

    /// The display name without quotes and escapes.
    #[must_use]
    pub fn display_text(&self) -> String {
        let inner = self
            .display
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""))
            .unwrap_or(self.display);
        let mut text = Vec::with_capacity(inner.len());
        let mut escaped = false;
        for byte in inner {
            if *byte == b'\\' && !escaped {
                escaped = true;
            } else {
                text.push(*byte);
                escaped = false;
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

/// Where `wanted` first stands outside quoted strings.
fn find_unquoted(value: &[u8], wanted: u8) -> Result<Option<usize>, Malformed> {
    let mut quoted = false;
    let mut escaped = false;
    for (index, byte) in value.iter().enumerate() {
        match (*byte, quoted) {
            _ if escaped => escaped = false,
            (b'\\', true) => escaped = true,
            (b'"', _) => quoted = !quoted,
            (byte, false) if byte == wanted => return Ok(Some(index)),
            _ => {}
        }
    }
    if quoted { Err(Malformed) } else { Ok(None) }
}

/// The pieces of a list between `separator`, which does not count inside quotes and, for commas, angle brackets.
fn split_outside(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let piece = rest?;
        let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
        for (index, byte) in piece.iter().enumerate() {
            match *byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' if !bracketed => quoted = !quoted,
                b'<' if !quoted => bracketed = true,
                b'>' if !quoted => bracketed = false,
                byte if byte == separator && !quoted && !bracketed => {
                    rest = Some(&piece[index + 1..]);
                    return Some(trim(&piece[..index]));
                }
                _ => {}
            }
        }
        rest = None;
        Some(trim(piece))
    })
}

/// The values of a comma-joined header.
pub fn split_commas(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    split_outside(value, b',')
}

/// The parameters of `;name=value;name`.
pub fn parameters(bytes: &[u8]) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
    split_outside(bytes, b';').filter(|piece| !piece.is_empty()).map(|piece| {
        match piece.iter().position(|byte| *byte == b'=') {
            Some(equals) => (trim(&piece[..equals]), Some(trim(&piece[equals + 1..]))),
            None => (piece, None),
        }
    })
}

/// One parameter: `Some(None)` where it stands without a value.
#[must_use]
pub fn parameter<'a>(bytes: &'a [u8], name: &[u8]) -> Option<Option<&'a [u8]>> {
    parameters(bytes).find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 3261 §25.1: a quoted name may hold commas, brackets and escaped quotes.
    #[test]
    fn a_name_with_commas_and_brackets_in_quotes_is_one_value() {
        let value = b"\"Bell, \\\"A\\\" <x>\" <sip:a@b;lr>;tag=1, <sip:c@d>";
        let values: Vec<_> = split_commas(value).collect();
        assert_eq!(values.len(), 2);
        let first = Address::parse(values[0]).unwrap();
        assert_eq!(first.uri, b"sip:a@b;lr");
        assert_eq!(first.tag(), Some(&b"1"[..]));
        assert_eq!(first.display_text(), "Bell, \"A\" <x>");
    }

    /// Shows RFC 3261 §20.10: parameters after an address without brackets belong to the header, not to the URI.
    #[test]
    fn parameters_after_a_bare_address_are_the_headers_own() {
        let address = Address::parse(b"sip:a@b ; tag = xyz").unwrap();
        assert_eq!((address.uri, address.tag()), (&b"sip:a@b"[..], Some(&b"xyz"[..])));
    }

    /// Shows RFC 3261 §20: an address with a comma, question mark or semicolon in its URI stands in brackets.
    #[test]
    fn unbalanced_quotes_and_brackets_are_refused() {
        for bad in [&b"\"Mr J <sip:a@b>"[..], b"<sip:a@b", b"", b"<>", b"nothing", b"sip:a@b?Route=x"] {
            assert!(Address::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }
}
