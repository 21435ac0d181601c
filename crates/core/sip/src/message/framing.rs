//! Cutting messages out of a byte stream ([RFC 3261 §18.3], keep-alives of [RFC 5626 §3.5.1]).

use super::limits::{BODY_MAX, HEAD_MAX};
use super::parse::{Searched, head_length_from};
use super::{HeaderName, decimal, trim};

/// What has come on a stream and is not yet read.
///
/// What is taken costs as much as it is long, and what comes is looked at once, however it is dealt out: neither line
/// ends without number nor a head that comes byte by byte make work for anybody but their sender.
#[derive(Debug, Default)]
pub struct StreamBuffer {
    bytes: Vec<u8>,
    /// How much of it is taken; it goes when more comes.
    taken: usize,
    /// How far the head of the message in front has been looked at.
    searched: Searched,
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
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes the next frame; `None` until more comes.
    pub fn next_frame(&mut self) -> Option<Frame> {
        let frame = self.take_frame();
        if self.taken == self.bytes.len() {
            // An idle connection keeps no memory.
            self.bytes = Vec::new();
            self.taken = 0;
        }
        frame
    }

    fn take_frame(&mut self) -> Option<Frame> {
        // A single line end is the answer to a keep-alive of ours, or the start of one that is not all here.
        loop {
            match self.waiting() {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.taken += 4;
                    return Some(Frame::KeepAlive);
                }
                [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return None,
                [b'\n', ..] => self.taken += 1,
                [b'\r', b'\n', other, ..] if *other != b'\r' => self.taken += 2,
                _ => break,
            }
        }
        let Some((head, body)) = self.lengths() else {
            let is_too_long = self.waiting().len() > HEAD_MAX;
            return is_too_long.then(|| Frame::Broken(self.take(usize::MAX)));
        };
        if body > BODY_MAX {
            let broken = self.waiting()[..head].to_vec();
            self.take(usize::MAX);
            return Some(Frame::Broken(broken));
        }
        (self.waiting().len() >= head + body).then(|| Frame::Message(self.take(head + body)))
    }

    fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Lengths of head and body; a body whose length is not told is too long. `None` until the head is whole.
    fn lengths(&mut self) -> Option<(usize, usize)> {
        if self.lengths.is_none() {
            let head = match head_length_from(&self.bytes[self.taken..], self.searched) {
                Ok(head) => head,
                Err(searched) => {
                    self.searched = searched;
                    return None;
                }
            };
            if head <= HEAD_MAX {
                self.lengths = Some((head, content_length(&self.waiting()[..head]).unwrap_or(usize::MAX)));
            }
        }
        self.lengths
    }

    /// Takes so many bytes, or all.
    fn take(&mut self, length: usize) -> Vec<u8> {
        (self.searched, self.lengths) = (Searched::default(), None);
        if self.taken == 0 && length >= self.bytes.len() {
            return std::mem::take(&mut self.bytes);
        }
        let waiting = self.waiting();
        let taken = waiting[..length.min(waiting.len())].to_vec();
        self.taken += taken.len();
        taken
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

    #[test]
    fn a_line_that_comes_byte_by_byte_is_looked_at_once() {
        let mut stream = StreamBuffer::default();
        for byte in b"A sip:x SIP/2.0\r\nX: 123456789" {
            stream.push(&[*byte]);
            assert_eq!(stream.next_frame(), None);
            assert_eq!(stream.searched.looked_at(), stream.bytes.len());
        }
        stream.push(b"\r\nl: 0\r\n\r\n");
        assert!(matches!(stream.next_frame(), Some(Frame::Message(_))));
    }

    /// Each of them taken from the front of a vector would move all the others.
    #[test]
    fn line_ends_without_number_are_taken_for_what_they_weigh() {
        let mut stream = StreamBuffer::default();
        stream.push(&[b'\n'; 4 << 20]);
        assert_eq!(stream.next_frame(), None);
        stream.push(&b"\r\n\r\n".repeat(1 << 20));
        assert_eq!(std::iter::from_fn(|| stream.next_frame()).count(), 1 << 20);
        assert_eq!(stream.bytes.capacity(), 0, "what is taken is no longer kept");
    }
}
