//! The part of STUN that keeps a way through a NAT open: a Binding request is answered with the address that it came
//! from ([RFC 8489], the same on the wire as [RFC 5389]; keep-alives of [RFC 5626 §4.4.2]).
//!
//! It knows no credentials and no relays. **Invariant:** an answer is at most [`GROWTH_MAX`] bytes longer than what it
//! answers, so that nobody is flooded through us; whatever the bytes, it ends without a panic.

use std::net::{IpAddr, SocketAddr};

/// What an answer may be longer than its request: the address attribute of IPv6.
pub const GROWTH_MAX: usize = 24;

const HEADER_BYTES: usize = 20;
/// Requests are small; longer ones are no keep-alives.
const REQUEST_BYTES_MAX: usize = 548;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const FINGERPRINT: u16 = 0x8028;
const FINGERPRINT_MASK: u32 = 0x5354_554e;
/// Attributes below this must be understood, those above may be passed over ([RFC 8489 §14]).
const OPTIONAL_FROM: u16 = 0x8000;
/// Of credentials, which we do not ask for: USERNAME, MESSAGE-INTEGRITY, REALM, NONCE and those of RFC 8489.
const UNDERSTOOD: [u16; 7] = [0x0006, 0x0008, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e];
/// Attributes that are named in a refusal.
const NAMED_MAX: usize = 8;

/// Whether a datagram is STUN rather than SIP: its first two bits are zero and the cookie is in its place
/// ([RFC 8489 §5]).
#[must_use]
pub fn is_stun(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES && bytes[0] & 0xc0 == 0 && bytes[4..8] == MAGIC_COOKIE
}

/// The answer to a Binding request; `None` for whatever else, which is to be dropped.
#[must_use]
pub fn answer(bytes: &[u8], source: SocketAddr) -> Option<Vec<u8>> {
    let request = Request::read(bytes)?;
    let mut answer = Answer::to(&request);
    if request.unknown.is_empty() {
        answer.attribute(XOR_MAPPED_ADDRESS, &mapped(source, request.transaction));
    } else {
        // 420 Unknown Attribute, without words.
        answer.attribute(ERROR_CODE, &[0, 0, 4, 20]);
        let names: Vec<u8> = request.unknown.iter().flat_map(|name| name.to_be_bytes()).collect();
        answer.attribute(UNKNOWN_ATTRIBUTES, &names);
    }
    Some(answer.end(request.has_fingerprint))
}

/// A Binding request as far as it matters.
struct Request<'a> {
    /// The transaction's identifier.
    transaction: &'a [u8],
    has_fingerprint: bool,
    /// Attributes that must be understood and are not.
    unknown: Vec<u16>,
}

impl<'a> Request<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        if !is_stun(bytes) || bytes.len() > REQUEST_BYTES_MAX || !bytes.len().is_multiple_of(4) {
            return None;
        }
        let (kind, length) = (number(bytes, 0)?, usize::from(number(bytes, 2)?));
        if kind != BINDING_REQUEST || length != bytes.len() - HEADER_BYTES {
            return None;
        }
        let mut request =
            Self { transaction: &bytes[8..HEADER_BYTES], has_fingerprint: false, unknown: Vec::new() };
        let mut at = HEADER_BYTES;
        while at < bytes.len() {
            let (name, length) = (number(bytes, at)?, usize::from(number(bytes, at + 2)?));
            let value = bytes.get(at + 4..at + 4 + length)?;
            let next = at + 4 + length.next_multiple_of(4);
            if name == FINGERPRINT {
                let is_right = next == bytes.len() && value == fingerprint(&bytes[..at]);
                request.has_fingerprint = is_right;
                return is_right.then_some(request);
            }
            if name < OPTIONAL_FROM && !UNDERSTOOD.contains(&name) && request.unknown.len() < NAMED_MAX {
                request.unknown.push(name);
            }
            at = next;
        }
        (at == bytes.len()).then_some(request)
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// An address as XOR-MAPPED-ADDRESS has it ([RFC 8489 §14.2]).
fn mapped(source: SocketAddr, transaction: &[u8]) -> Vec<u8> {
    let mask: Vec<u8> = MAGIC_COOKIE.iter().chain(transaction).copied().collect();
    let (family, octets) = match source.ip().to_canonical() {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    let port = source.port().to_be_bytes();
    let mut value = vec![0, family, port[0] ^ mask[0], port[1] ^ mask[1]];
    value.extend(octets.iter().zip(&mask).map(|(octet, mask)| octet ^ mask));
    value
}

/// An answer as it is written.
struct Answer(Vec<u8>);

impl Answer {
    fn to(request: &Request<'_>) -> Self {
        let kind = if request.unknown.is_empty() { BINDING_SUCCESS } else { BINDING_ERROR };
        let mut bytes = Vec::with_capacity(64);
        bytes.extend_from_slice(&kind.to_be_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes.extend_from_slice(&MAGIC_COOKIE);
        bytes.extend_from_slice(request.transaction);
        Self(bytes)
    }

    fn attribute(&mut self, name: u16, value: &[u8]) {
        // An attribute of ours has a few octets.
        let length = u16::try_from(value.len()).unwrap_or(0);
        self.0.extend_from_slice(&name.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.set_length(0);
    }

    fn set_length(&mut self, more: usize) {
        let length = u16::try_from(self.0.len() - HEADER_BYTES + more).unwrap_or(0);
        self.0[2..4].copy_from_slice(&length.to_be_bytes());
    }

    fn end(mut self, has_fingerprint: bool) -> Vec<u8> {
        if has_fingerprint {
            // The length that is summed counts the fingerprint already ([RFC 8489 §14.7]).
            self.set_length(8);
            let sum = fingerprint(&self.0);
            self.attribute(FINGERPRINT, &sum);
        }
        self.0
    }
}

/// The checksum of all that stands before it ([RFC 8489 §14.7]).
fn fingerprint(bytes: &[u8]) -> [u8; 4] {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg());
        }
    }
    (!sum ^ FINGERPRINT_MASK).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRANSACTION: [u8; 12] = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request(attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
        [&[0, 1], &length[..], &MAGIC_COOKIE, &TRANSACTION, attributes].concat()
    }

    fn with_fingerprint(attributes: &[u8]) -> Vec<u8> {
        let mut bytes = request(attributes);
        let length = u16::try_from(attributes.len() + 8).unwrap().to_be_bytes();
        bytes[2..4].copy_from_slice(&length);
        let sum = fingerprint(&bytes);
        [&bytes, &[0x80, 0x28, 0, 4][..], &sum].concat()
    }

    fn source() -> SocketAddr {
        "192.0.2.1:32853".parse().unwrap()
    }

    /// Shows RFC 8489 §14.2: the address in the answer, as the vectors of RFC 5769 §2.2 and §2.3 have it.
    /// Shows RFC 5626 §4.4.2: a keep-alive on the port of SIP is told its address.
    #[test]
    fn a_binding_request_is_told_where_it_came_from() {
        let answer = answer(&request(&[]), source()).unwrap();
        assert_eq!(answer[..4], [1, 1, 0, 12]);
        assert_eq!(answer[4..20], [&MAGIC_COOKIE[..], &TRANSACTION].concat());
        assert_eq!(answer[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);

        let v6 = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        let told = super::answer(&request(&[]), v6).unwrap();
        let expected = [
            0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79,
            0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
        ];
        assert_eq!(told[20..], expected);
    }

    /// Shows RFC 8489 §14.7: a fingerprint is checked, and answered with one.
    #[test]
    fn a_fingerprint_is_checked_and_answered_with_one() {
        let asked = with_fingerprint(&[]);
        let answer = answer(&asked, source()).unwrap();
        let (told, sum) = answer.split_at(answer.len() - 4);
        assert_eq!(sum, fingerprint(&told[..told.len() - 4]));
        let mut wrong = asked;
        *wrong.last_mut().unwrap() ^= 1;
        assert_eq!(super::answer(&wrong, source()), None);
    }

    /// Shows RFC 8489 §6.3.1: attributes that must be understood and are not are named in a 420; others are passed over.
    #[test]
    fn what_must_be_understood_and_is_not_is_named() {
        let optional = request(&[0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
        assert_eq!(answer(&optional, source()).unwrap()[..2], [1, 1]);
        let priority = request(&[0, 0x24, 0, 4, 1, 2, 3, 4]);
        let refused = answer(&priority, source()).unwrap();
        assert_eq!(refused[..2], [1, 0x11]);
        assert_eq!(refused[20..], [0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 2, 0, 0x24, 0, 0]);
    }

    #[test]
    fn what_is_no_request_is_dropped() {
        let whole = request(&[0, 6, 0, 4, 1, 2, 3, 4]);
        assert!(answer(&whole, source()).is_some());
        for length in 0..whole.len() {
            assert_eq!(answer(&whole[..length], source()), None, "{length}");
        }
        for kind in [[0, 0x11], [1, 1], [1, 0x11], [0, 3]] {
            let other = [&kind, &whole[2..]].concat();
            assert_eq!(answer(&other, source()), None, "{kind:?}");
        }
        let no_cookie = [&whole[..4], &[0; 4], &whole[8..]].concat();
        assert_eq!(answer(&no_cookie, source()), None);
        assert_eq!(answer(&request(&[0, 6, 0, 9, 1, 2, 3, 4]), source()), None);
        assert!(!is_stun(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n"));
    }

    proptest! {
        #[test]
        fn no_answer_is_much_longer_than_its_request(attributes in prop::collection::vec(any::<u8>(), 0..200), is_v6: bool) {
            let attributes = &attributes[..attributes.len() / 4 * 4];
            let source = if is_v6 { "[2001:db8::1]:9".parse().unwrap() } else { source() };
            for asked in [request(attributes), with_fingerprint(attributes), attributes.to_vec()] {
                if let Some(answer) = answer(&asked, source) {
                    prop_assert!(answer.len() <= asked.len() + GROWTH_MAX);
                    prop_assert!(answer.len().is_multiple_of(4));
                }
            }
        }
    }
}
