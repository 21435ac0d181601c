//! Sending a request of ours anew with something changed: another Via, number, target or Contact, or credentials.
//!
//! It works on the bytes that were sent, so that whatever a request says beyond that stays as it was. It reads only
//! what our own [`Writer`](crate::message::Writer) wrote: no folded lines, long names.

/// What is changed; what is `None` stays.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Amendment<'a> {
    /// The Request-URI.
    pub(crate) uri: Option<&'a [u8]>,
    /// The topmost Via.
    pub(crate) via: Option<&'a str>,
    /// The number in CSeq.
    pub(crate) cseq: Option<u32>,
    /// The Contact.
    pub(crate) contact: Option<&'a str>,
    /// The lines of a session timer, in the place of those that are there.
    pub(crate) session: Option<&'a str>,
    /// Lines of credentials, in the place of those that are there.
    pub(crate) credentials: Option<&'a [u8]>,
}

/// The request with what is changed.
pub(crate) fn amended(request: &[u8], amendment: Amendment<'_>) -> Vec<u8> {
    let head_end = find(request, b"\r\n\r\n").map_or(request.len(), |end| end + 2);
    let (head, rest) = request.split_at(head_end);
    let mut bytes = Vec::with_capacity(request.len() + 512);
    let mut has_via = false;
    for (number, line) in head.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let name = line.iter().position(|byte| *byte == b':').map_or(&b""[..], |colon| &line[..colon]);
        match name {
            _ if number == 0 => start_line(&mut bytes, line, amendment.uri),
            b"Via" if !has_via => {
                has_via = true;
                replaced(&mut bytes, line, name, amendment.via.map(str::to_owned));
            }
            b"CSeq" => {
                let method = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default().trim_ascii();
                let cseq = amendment.cseq.map(|cseq| format!("{cseq} {}", String::from_utf8_lossy(method)));
                replaced(&mut bytes, line, name, cseq);
                bytes.extend_from_slice(amendment.credentials.unwrap_or_default());
                bytes.extend_from_slice(amendment.session.unwrap_or_default().as_bytes());
            }
            b"Contact" => replaced(&mut bytes, line, name, amendment.contact.map(str::to_owned)),
            b"Session-Expires" | b"Min-SE" if amendment.session.is_some() => {}
            b"Authorization" | b"Proxy-Authorization" if amendment.credentials.is_some() => {}
            _ => bytes.extend_from_slice(line),
        }
    }
    bytes.extend_from_slice(rest);
    bytes
}

fn replaced(bytes: &mut Vec<u8>, line: &[u8], name: &[u8], value: Option<String>) {
    match value {
        Some(value) => bytes.extend_from_slice(&[name, b": ", value.as_bytes(), b"\r\n"].concat()),
        None => bytes.extend_from_slice(line),
    }
}

fn start_line(bytes: &mut Vec<u8>, line: &[u8], uri: Option<&[u8]>) {
    match (uri, line.iter().position(|byte| *byte == b' ')) {
        (Some(uri), Some(gap)) => {
            bytes.extend_from_slice(&[&line[..=gap], uri, b" SIP/2.0\r\n"].concat());
        }
        _ => bytes.extend_from_slice(line),
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &[u8] = b"INVITE sip:a@b SIP/2.0\r\nVia: 1\r\nVia: 2\r\nCSeq: 1 INVITE\r\n\
        Authorization: old\r\nContact: <sip:x>\r\nSubject: s\r\n\r\nVia: body\r\n";

    #[test]
    fn what_is_not_named_stays() {
        assert_eq!(amended(REQUEST, Amendment::default()), REQUEST);
    }

    #[test]
    fn what_is_named_is_changed_and_the_body_never() {
        let amendment = Amendment {
            uri: Some(b"sip:c@d"),
            via: Some("3"),
            cseq: Some(7),
            contact: Some("<sip:y>"),
            session: None,
            credentials: Some(b"Authorization: new\r\n"),
        };
        let changed = amended(REQUEST, amendment);
        assert_eq!(
            String::from_utf8(changed).unwrap(),
            "INVITE sip:c@d SIP/2.0\r\nVia: 3\r\nVia: 2\r\nCSeq: 7 INVITE\r\nAuthorization: new\r\n\
             Contact: <sip:y>\r\nSubject: s\r\n\r\nVia: body\r\n"
        );
    }
}
