//! Writing messages.

use super::{Method, reason_phrase};

/// A message being written: start line, headers, then the body or the end.
#[derive(Debug, Clone)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins a request.
    #[must_use]
    pub fn request(method: Method<'_>, uri: &[u8]) -> Self {
        let mut writer = Self { bytes: Vec::with_capacity(1024) };
        writer.extend(&[method.as_bytes(), b" ", uri, b" SIP/2.0\r\n"]);
        writer
    }

    /// Begins a response.
    #[must_use]
    pub fn response(status: u16, reason: Option<&str>) -> Self {
        let mut writer = Self { bytes: Vec::with_capacity(1024) };
        let reason = reason.unwrap_or_else(|| reason_phrase(status));
        writer.extend(&[b"SIP/2.0 ", status.to_string().as_bytes(), b" ", reason.as_bytes(), b"\r\n"]);
        writer
    }

    /// Adds a header field whose value is given in pieces.
    pub fn header(&mut self, name: &str, value: &[&[u8]]) -> &mut Self {
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b": ");
        self.extend(value);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// Adds whole header lines, line ends included.
    pub fn lines(&mut self, lines: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(lines);
        self
    }

    /// Ends the message: Content-Length, and the body with its type if there is one.
    #[must_use]
    pub fn end(mut self, body: Option<(&str, &[u8])>) -> Vec<u8> {
        if let Some((content_type, _)) = body {
            self.header("Content-Type", &[content_type.as_bytes()]);
        }
        let body = body.map_or(&b""[..], |(_, body)| body);
        self.header("Content-Length", &[body.len().to_string().as_bytes()]);
        self.extend(&[b"\r\n", body]);
        self.bytes
    }

    fn extend(&mut self, pieces: &[&[u8]]) {
        for piece in pieces {
            self.bytes.extend_from_slice(piece);
        }
    }
}

/// Text as a quoted string; control characters, which could break a header, become spaces.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push(' '),
            plain => quoted.push(plain),
        }
    }
    quoted.push('"');
    quoted
}
