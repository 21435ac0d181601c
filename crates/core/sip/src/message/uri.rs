//! SIP and tel URIs ([RFC 3261 §19.1]).

use std::net::{IpAddr, SocketAddr};

use super::{Malformed, decimal, parameter};

/// A URI taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uri<'a> {
    /// The scheme as it stands.
    pub scheme: &'a [u8],
    /// The user part (for `tel:` the number), still escaped, without password; empty for none.
    pub user: &'a [u8],
    /// The host: a name or an address, IPv6 in brackets; empty outside sip and sips.
    pub host: &'a [u8],
    /// The port, if given.
    pub port: Option<u16>,
    /// URI parameters, from the first `;` on.
    pub parameters: &'a [u8],
    /// Header fields in the URI, after `?`.
    pub headers: &'a [u8],
}

impl<'a> Uri<'a> {
    /// Reads a URI. Of schemes other than sip, sips and tel only the scheme is read.
    ///
    /// # Errors
    /// Characters that no URI holds, no scheme, no host, a port that is none, broken escapes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.iter().any(|byte| *byte <= b' ' || b"<>\"\x7f".contains(byte)) {
            return Err(Malformed);
        }
        let colon = bytes.iter().position(|byte| *byte == b':').ok_or(Malformed)?;
        let (scheme, rest) = (&bytes[..colon], &bytes[colon + 1..]);
        let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
            && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
        if !is_scheme || rest.is_empty() {
            return Err(Malformed);
        }
        let uri = Self { scheme, user: b"", host: b"", port: None, parameters: b"", headers: b"" };
        if uri.is_scheme(b"tel") {
            let (user, parameters) = cut(rest, b';');
            return Ok(Self { user, parameters, ..uri });
        }
        if !uri.is_scheme(b"sip") && !uri.is_scheme(b"sips") {
            return Ok(uri);
        }
        uri.with_sip_part(rest)
    }

    fn with_sip_part(self, rest: &'a [u8]) -> Result<Self, Malformed> {
        // A user part may hold `;` and `?`, so the last `@` decides where it ends.
        let (user_info, rest) = match rest.iter().rposition(|byte| *byte == b'@') {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (&b""[..], rest),
        };
        let (user, _password) = cut(user_info, b':');
        let (rest, headers) = cut(rest, b'?');
        let (host_port, parameters) = cut(rest, b';');
        let (host, port) = host_and_port(host_port)?;
        if !escapes_are_whole(user_info) {
            return Err(Malformed);
        }
        Ok(Self {
            user,
            host,
            port,
            parameters,
            headers: headers.strip_prefix(b"?").unwrap_or(headers),
            ..self
        })
    }

    /// Whether the scheme is this one (in lower case).
    #[must_use]
    pub fn is_scheme(&self, scheme: &[u8]) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Whether it marks a loose router.
    #[must_use]
    pub fn is_loose_router(&self) -> bool {
        parameter(self.parameters, b"lr").is_some()
    }

    /// The socket address it names without any look-up; `None` where the host is a name.
    #[must_use]
    pub fn socket_address(&self) -> Option<SocketAddr> {
        host_address(self.host).map(|ip| SocketAddr::new(ip, self.port.unwrap_or(self.default_port())))
    }

    /// The port where it names none ([RFC 3261 §19.1.2]).
    fn default_port(&self) -> u16 {
        let transport = parameter(self.parameters, b"transport").flatten().unwrap_or_default();
        if self.is_scheme(b"sips") || transport.eq_ignore_ascii_case(b"tls") { 5061 } else { 5060 }
    }

    /// The host as text, an IPv6 address without its brackets.
    #[must_use]
    pub fn host_text(&self) -> String {
        let host = self.host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(self.host);
        String::from_utf8_lossy(host).into_owned()
    }
}

fn cut(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| *byte == at).unwrap_or(bytes.len()))
}

/// The address that a host spells, if it spells one. A third colon before the part of an IPv4 address is overlooked:
/// the grammar of RFC 3261 asks for it by mistake ([RFC 5118 §4.10]).
pub(crate) fn host_address(host: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(host).ok()?;
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let mended = || bare.contains(":::").then(|| bare.replacen(":::", "::", 1).parse().ok()).flatten();
    bare.parse().ok().or_else(mended)
}

/// Takes `host[:port]` apart.
pub(crate) fn host_and_port(bytes: &[u8]) -> Result<(&[u8], Option<u16>), Malformed> {
    let host_end = if bytes.first() == Some(&b'[') {
        bytes.iter().position(|byte| *byte == b']').ok_or(Malformed)? + 1
    } else {
        bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len())
    };
    let (host, rest) = bytes.split_at(host_end);
    let host = host.trim_ascii();
    let is_host = if host.first() == Some(&b'[') {
        host_address(host).is_some()
    } else {
        !host.is_empty() && host.iter().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(byte))
    };
    let port = match rest.trim_ascii().strip_prefix(b":") {
        Some(digits) => {
            Some(decimal(digits.trim_ascii()).and_then(|port| u16::try_from(port).ok()).ok_or(Malformed)?)
        }
        None if rest.trim_ascii().is_empty() => None,
        None => return Err(Malformed),
    };
    if is_host { Ok((host, port)) } else { Err(Malformed) }
}

fn escapes_are_whole(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(percent) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(percent + 1..percent + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => rest = &rest[percent + 3..],
            Some(_) | None => return false,
        }
    }
    true
}

/// Text without its `%` escapes; what is not UTF-8 then is replaced.
#[must_use]
pub fn unescape(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        let hex = bytes.get(index + 1..index + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) => {
                plain.push(value);
                index += 3;
            }
            None => {
                plain.push(*byte);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// A user part that is safe to write into a URI.
#[must_use]
pub fn escape_user(user: &str) -> String {
    use std::fmt::Write as _;

    let mut escaped = String::with_capacity(user.len());
    for byte in user.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()&=+$,;?/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 3261 §19.1.1: a URI has a user, host, port, parameters and headers.
    #[test]
    fn a_uri_is_taken_apart() {
        let uri = Uri::parse(b"sip:12%33;x=y:secret@[2001:db8::1]:5070;lr?Subject=z").unwrap();
        assert_eq!(unescape(uri.user), "123;x=y");
        assert_eq!(uri.socket_address(), Some("[2001:db8::1]:5070".parse().unwrap()));
        assert!(uri.is_loose_router());
        assert_eq!(uri.headers, b"Subject=z");
    }

    #[test]
    fn a_number_is_the_user_of_a_tel_uri() {
        assert_eq!(Uri::parse(b"tel:+15551234;ext=9").unwrap().user, b"+15551234");
    }

    #[test]
    fn broken_uris_are_refused() {
        for bad in [
            &b"sip:"[..],
            b"sip:a b@c",
            b"<sip:a@b>",
            b"sip:a@b:99999",
            b"sip:a@",
            b"sip:a%4@b",
            b":x",
            b"sip:[::1",
            b"1x:y",
        ] {
            assert!(Uri::parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
    }

    /// Shows RFC 3261 §19.1.2: escaped octets of a user are read as what they stand for.
    #[test]
    fn what_is_escaped_comes_back() {
        let user = "a b@c:d%\u{e9}\r\n";
        assert_eq!(unescape(escape_user(user).as_bytes()), user);
    }
}
