//! What a body holds that we can read ([RFC 5621], [RFC 3261 §7.4, §20.11]): a session description, by itself or as one
//! part among others.
//!
//! Parts that nobody here understands are passed over where their sender says that they may be, and refuse the whole
//! message where not. It knows no descriptions.

use crate::message::{HeaderName, Headers, parameter};

/// The type of session descriptions.
const SDP: &[u8] = b"application/sdp";
/// Most parts on one level; a gateway between telephone networks sends three.
const PARTS_MAX: usize = 16;
/// How deep parts may stand in parts.
const DEPTH_MAX: u8 = 3;

/// Why a body can't be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is, or holds, something that has to be understood and is not: 415.
    NotUnderstood,
    /// It is encrypted: 493.
    Encrypted,
    /// It is not what its Content-Type says, or has two session descriptions: 400.
    Malformed,
}

/// What a body says about itself.
#[derive(Debug, Clone, Copy)]
struct Entity<'a> {
    content_type: &'a [u8],
    disposition: Option<&'a [u8]>,
    /// Content-Encoding, and in parts Content-Transfer-Encoding.
    encodings: [Option<&'a [u8]>; 2],
    body: &'a [u8],
}

/// The session description of a message; `None` where it has none.
pub(crate) fn session_description<'a>(
    headers: &Headers<'a>,
    body: &'a [u8],
) -> Result<Option<&'a [u8]>, Unreadable> {
    if body.is_empty() {
        return Ok(None);
    }
    let whole = Entity {
        content_type: headers.first(HeaderName::ContentType).unwrap_or_default(),
        disposition: headers.first(HeaderName::ContentDisposition),
        encodings: [headers.first(HeaderName::ContentEncoding), None],
        body,
    };
    whole.description(DEPTH_MAX)
}

/// Whether a Content-Type or a range of Accept is this type, parameters aside.
pub(crate) fn is_media_type(value: &[u8], media_type: &[u8]) -> bool {
    let bare = value.split(|byte| *byte == b';').next().unwrap_or_default();
    let mut compact = bare.to_vec();
    compact.retain(|byte| !byte.is_ascii_whitespace());
    compact.eq_ignore_ascii_case(media_type)
}

impl<'a> Entity<'a> {
    fn description(self, depth: u8) -> Result<Option<&'a [u8]>, Unreadable> {
        let understood = self.understood(depth);
        // What may be ignored is, whatever is wrong with it (RFC 5621 §8.2).
        if understood.is_err() && self.is_optional() { Ok(None) } else { understood }
    }

    fn understood(self, depth: u8) -> Result<Option<&'a [u8]>, Unreadable> {
        let is = |media_type| is_media_type(self.content_type, media_type);
        if is(b"application/pkcs7-mime") {
            return Err(Unreadable::Encrypted);
        }
        let is_plain = |encoding: &[u8]| {
            [&b"identity"[..], b"binary", b"8bit", b"7bit"]
                .iter()
                .any(|known| encoding.eq_ignore_ascii_case(known))
        };
        if self.encodings.into_iter().flatten().any(|encoding| !encoding.is_empty() && !is_plain(encoding)) {
            return Err(Unreadable::NotUnderstood);
        }
        if is(SDP) {
            let is_session = self.disposition.is_none_or(|value| is_media_type(value, b"session"));
            return if is_session { Ok(Some(self.body)) } else { Err(Unreadable::NotUnderstood) };
        }
        let is_multipart =
            self.content_type.get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"));
        if !is_multipart || depth == 0 {
            return Err(Unreadable::NotUnderstood);
        }
        let parts = self.parts().ok_or(Unreadable::Malformed)?;
        if is(b"multipart/alternative") {
            return alternative(&parts, depth - 1);
        }
        // Mixed, and all that is not known: that is treated as mixed (RFC 2046 §5.1.3).
        let mut found = None;
        for part in parts {
            if let Some(description) = part.description(depth - 1)?
                && found.replace(description).is_some()
            {
                return Err(Unreadable::Malformed);
            }
        }
        Ok(found)
    }

    /// Whether its sender allows that it is ignored; without a word it is required ([RFC 3261 §20.11]).
    fn is_optional(&self) -> bool {
        let handling = self.disposition.and_then(|value| {
            let cut = value.iter().position(|byte| *byte == b';')?;
            parameter(&value[cut..], b"handling").flatten()
        });
        handling.is_some_and(|handling| unquoted(handling).eq_ignore_ascii_case(b"optional"))
    }

    /// The parts of a multipart body ([RFC 2046 §5.1.1]); `None` where there is no boundary, or there are too many.
    fn parts(&self) -> Option<Vec<Entity<'a>>> {
        let cut = self.content_type.iter().position(|byte| *byte == b';')?;
        let boundary = unquoted(parameter(&self.content_type[cut..], b"boundary").flatten()?);
        if boundary.is_empty() || boundary.len() > 70 {
            return None;
        }
        let (mut parts, mut begin, mut position) = (Vec::new(), None, 0);
        let mut is_closed = false;
        for line in self.body.split_inclusive(|byte| *byte == b'\n') {
            let after = line.strip_prefix(b"--").and_then(|rest| rest.strip_prefix(boundary));
            let after = after.map(<[u8]>::trim_ascii).filter(|after| after.is_empty() || *after == b"--");
            if let Some(after) = after.filter(|_| !is_closed) {
                parts.extend(begin.map(|begin| without_line_end(&self.body[begin..position])));
                is_closed = !after.is_empty();
                begin = Some(position + line.len()).filter(|_| !is_closed);
            }
            position += line.len();
        }
        // A last delimiter that is missing is missed by nobody.
        parts.extend(begin.map(|begin| without_line_end(&self.body[begin..])));
        (!parts.is_empty() && parts.len() <= PARTS_MAX).then(|| parts.into_iter().map(part).collect())
    }
}

/// The last alternative that is understood is the best one ([RFC 2046 §5.1.4]).
fn alternative<'a>(parts: &[Entity<'a>], depth: u8) -> Result<Option<&'a [u8]>, Unreadable> {
    let readable = parts.iter().rev().filter_map(|part| part.understood(depth).ok());
    readable.into_iter().next().ok_or(Unreadable::NotUnderstood)
}

/// A part, with the headers that count.
fn part(bytes: &[u8]) -> Entity<'_> {
    let mut entity =
        Entity { content_type: b"text/plain", disposition: None, encodings: [None, None], body: b"" };
    let mut rest = bytes;
    loop {
        let (line, after) = header_line(rest);
        rest = after;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            // An empty line ends the headers; so does one that is none.
            entity.body = if line.is_empty() { rest } else { b"" };
            return entity;
        };
        let (name, value) = (line[..colon].trim_ascii(), line[colon + 1..].trim_ascii());
        let is = |known| HeaderName::of(name) == known;
        if is(HeaderName::ContentType) {
            entity.content_type = value;
        } else if is(HeaderName::ContentDisposition) {
            entity.disposition = Some(value);
        } else if is(HeaderName::ContentEncoding) {
            entity.encodings[0] = Some(value);
        } else if name.eq_ignore_ascii_case(b"Content-Transfer-Encoding") {
            entity.encodings[1] = Some(value);
        }
    }
}

/// A header line with what is folded behind it, and the rest.
fn header_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    loop {
        let Some(length) = bytes[end..].iter().position(|byte| *byte == b'\n') else {
            return (bytes.trim_ascii(), b"");
        };
        let is_empty = bytes[..end + length].trim_ascii().is_empty();
        end += length + 1;
        let is_folded = !is_empty && bytes.get(end).is_some_and(|byte| b" \t".contains(byte));
        if !is_folded {
            return (bytes[..end].trim_ascii(), &bytes[end..]);
        }
    }
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<'a>(content_type: &'a str, body: &'a str) -> Result<Option<&'a str>, Unreadable> {
        let entity = Entity {
            content_type: content_type.as_bytes(),
            disposition: None,
            encodings: [None, None],
            body: body.as_bytes(),
        };
        entity.description(DEPTH_MAX).map(|found| found.map(|found| std::str::from_utf8(found).unwrap()))
    }

    fn mixed(parts: &[&str]) -> String {
        let parts: String = parts.iter().map(|part| format!("--b 1\r\n{part}\r\n")).collect();
        format!("preamble\r\n{parts}--b 1--\r\nepilogue")
    }

    const MIXED: &str = "Multipart/Mixed; boundary=\"b 1\"";
    const DESCRIBED: &str = "Content-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n";

    /// Shows RFC 5621 §3.2: the session description is found among other parts.
    #[test]
    fn a_description_is_found_among_parts() {
        let isup = "Content-Type: application/ISUP;version=itu\r\nContent-Disposition: signal;\r\n handling=optional\r\n\r\n\u{1}\u{2}";
        assert_eq!(read(MIXED, &mixed(&[isup, DESCRIBED])), Ok(Some("v=0\r\ns=-\r\n")));
        assert_eq!(
            read(MIXED, &mixed(&[DESCRIBED]).replace("--b 1--\r\nepilogue", "")),
            Ok(Some("v=0\r\ns=-\r\n"))
        );
        let nested = format!("Content-Type: multipart/mixed;boundary=c\r\n\r\n--c\r\n{DESCRIBED}\r\n--c--");
        assert_eq!(read(MIXED, &mixed(&[isup, &nested])), Ok(Some("v=0\r\ns=-\r\n")));
        assert_eq!(read(MIXED, &mixed(&[isup])), Ok(None));
    }

    /// Shows RFC 5621 §8.2: a part that is not understood refuses the message, unless it may be ignored.
    #[test]
    fn what_has_to_be_understood_is_told_from_what_may_be_ignored() {
        let required = "Content-Type: application/ISUP\r\n\r\nx";
        assert_eq!(read(MIXED, &mixed(&[DESCRIBED, required])), Err(Unreadable::NotUnderstood));
        let early =
            DESCRIBED.replace("\r\n\r\n", "\r\nContent-Disposition: early-session;handling=optional\r\n\r\n");
        assert_eq!(read(MIXED, &mixed(&[&early, DESCRIBED])), Ok(Some("v=0\r\ns=-\r\n")));
        let packed = DESCRIBED.replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: base64\r\n\r\n");
        assert_eq!(read(MIXED, &mixed(&[&packed])), Err(Unreadable::NotUnderstood));
        assert_eq!(read(MIXED, &mixed(&[DESCRIBED, DESCRIBED])), Err(Unreadable::Malformed));
        assert_eq!(read("multipart/mixed", &mixed(&[DESCRIBED])), Err(Unreadable::Malformed));
        assert_eq!(read("text/plain", "hello"), Err(Unreadable::NotUnderstood));
        assert_eq!(read("application/pkcs7-mime", "x"), Err(Unreadable::Encrypted));
    }

    /// Shows RFC 2046 §5.1.4: of alternatives the last that is understood is taken.
    #[test]
    fn the_last_alternative_that_is_understood_is_taken() {
        let other = DESCRIBED.replace("s=-", "s=x");
        let kind = MIXED.replace("Mixed", "alternative");
        let unknown = "Content-Type: text/html\r\n\r\n<p>";
        assert_eq!(read(&kind, &mixed(&[DESCRIBED, &other, unknown])), Ok(Some("v=0\r\ns=x\r\n")));
    }

    proptest! {
        #[test]
        fn whatever_the_bytes_parts_are_read_or_refused(
            pieces in proptest::collection::vec(prop_oneof![
                Just("--c\r\n"), Just("--c--\r\n"), Just("\r\n"), Just("Content-Type: application/sdp\r\n"),
                Just("Content-Type: multipart/mixed;boundary=c\r\n"), Just("v=0\n"), Just(" folded\r\n"), Just(":"),
            ], 0..60),
        ) {
            let body = pieces.concat();
            let _ = read("multipart/mixed;boundary=c", &body);
        }
    }
}
