//! Cutting messages out of a byte stream ([RFC 3261 §18.3], keep-alives of [RFC 5626 §3.5.1]).

use super::limits::{BODY_MAX, HEAD_MAX};
use super::parse::head_length_from;
use super::{HeaderName, decimal, trim};

/// What has come on a stream and is not yet read.
#[derive(Debug, Default)]
pub struct StreamBuffer {
    bytes: Vec<u8>,
    /// Where the line begins that was not whole when last looked at; nothing before it is looked at again.
    searched: usize,
    /// Lengths of head and body of the message in front, once its head is there.
    lengths: Option<(usize, usize)>,
}

/// What stands at the front of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A whole message.
    Message(Vec<u8>),
    /// A keep-alive that wants a line end as its answer.
    KeepAlive,
    /// A message whose end can't be found, or that is longer than allowed; nothing after it can be read. Its head,
    /// so that it may be answered.
    Broken(Vec<u8>),
}

impl StreamBuffer {
    /// Adds what came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next frame; `None` until more comes.
    pub fn next_frame(&mut self) -> Option<Frame> {
        loop {
            if self.bytes.starts_with(b"\r\n\r\n") {
                self.bytes.drain(..4);
                return Some(Frame::KeepAlive);
            }
            // A single line end is the answer to a keep-alive of ours, or the start of one that is not all here.
            let stray = usize::from(self.bytes.starts_with(b"\n"))
                + 2 * usize::from(
                    self.bytes.starts_with(b"\r\n") && self.bytes.len() > 2 && self.bytes[2] != b'\r',
                );
            if stray == 0 {
                break;
            }
            self.bytes.drain(..stray);
        }
        if self.bytes.starts_with(b"\r") && self.bytes.len() < 4 {
            return None;
        }
        let Some((head, body)) = self.lengths() else {
            let is_too_long = self.bytes.len() > HEAD_MAX;
            return is_too_long.then(|| Frame::Broken(self.take_all()));
        };
        if body > BODY_MAX {
            let mut broken = self.take_all();
            broken.truncate(head);
            return Some(Frame::Broken(broken));
        }
        if self.bytes.len() < head + body {
            return None;
        }
        let rest = self.bytes.split_off(head + body);
        let message = self.take_all();
        self.bytes = rest;
        Some(Frame::Message(message))
    }

    /// Lengths of head and body; a body whose length is not told is too long. `None` until the head is whole.
    fn lengths(&mut self) -> Option<(usize, usize)> {
        if self.lengths.is_none() {
            let head = match head_length_from(&self.bytes, self.searched) {
                Ok(head) => head,
                Err(searched) => {
                    self.searched = searched;
                    return None;
                }
            };
            if head <= HEAD_MAX {
                self.lengths = Some((head, content_length(&self.bytes[..head]).unwrap_or(usize::MAX)));
            }
        }
        self.lengths
    }

    fn take_all(&mut self) -> Vec<u8> {
        (self.searched, self.lengths) = (0, None);
        std::mem::take(&mut self.bytes)
    }
}

/// The one Content-Length of a head; `None` where it is missing, broken or there twice.
fn content_length(head: &[u8]) -> Option<usize> {
    let mut found = None;
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        if HeaderName::of(trim(&line[..colon])) == HeaderName::ContentLength {
            let length = decimal(trim(&line[colon + 1..])).and_then(|length| usize::try_from(length).ok())?;
            if found.replace(length).is_some() {
                return None;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 3261 §18.3: on a stream Content-Length says where a message ends.
    /// Shows RFC 3261 §7.5: line ends before a message on a stream are ignored.
    #[test]
    fn messages_come_out_whole_however_they_are_cut() {
        let bytes =
            b"\r\n\r\nA sip:x SIP/2.0\r\nl: 3\r\n\r\nabcB sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n\r\n\r\n";
        for size in 1..bytes.len() {
            let mut stream = StreamBuffer::default();
            let mut frames = Vec::new();
            for piece in bytes.chunks(size) {
                stream.push(piece);
                frames.extend(std::iter::from_fn(|| stream.next_frame()));
            }
            let first = Frame::Message(b"A sip:x SIP/2.0\r\nl: 3\r\n\r\nabc".to_vec());
            assert_eq!(frames.len(), 4, "{size}: {frames:?}");
            assert_eq!(
                (&frames[0], &frames[1], &frames[3]),
                (&Frame::KeepAlive, &first, &Frame::KeepAlive),
                "{size}"
            );
        }
    }

    #[test]
    fn a_message_without_a_length_breaks_the_stream() {
        let mut stream = StreamBuffer::default();
        stream.push(b"A sip:x SIP/2.0\r\nX: 1\r\n\r\nabc");
        assert_eq!(stream.next_frame(), Some(Frame::Broken(b"A sip:x SIP/2.0\r\nX: 1\r\n\r\n".to_vec())));
    }

    #[test]
    fn a_head_without_end_breaks_the_stream_at_its_bound() {
        let mut stream = StreamBuffer::default();
        stream.push(&vec![b'x'; HEAD_MAX + 1]);
        assert!(matches!(stream.next_frame(), Some(Frame::Broken(_))));
    }
}
