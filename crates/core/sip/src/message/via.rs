//! Via: how a request came, and so how its response goes back ([RFC 3261 §18.2], [RFC 3581]).

use std::net::{IpAddr, SocketAddr};

use super::uri::{host_address, host_and_port};
use super::{Malformed, is_token, parameter, trim};

/// The topmost Via value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Via<'a> {
    /// The transport's token.
    pub transport: &'a [u8],
    /// The sent-by as it stands, port included.
    pub sent_by: &'a [u8],
    /// Its host.
    pub host: &'a [u8],
    /// Its port, if given.
    pub port: Option<u16>,
    /// The parameters, from the first `;` on.
    pub parameters: &'a [u8],
}

/// What a branch of [RFC 3261] begins with.
pub(crate) const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

impl<'a> Via<'a> {
    /// Reads one Via value.
    ///
    /// # Errors
    /// Anything but `SIP/2.0/transport host[:port]` and parameters.
    pub fn parse(value: &'a [u8]) -> Result<Self, Malformed> {
        let cut = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
        let (head, parameters) = value.split_at(cut);
        let mut parts = head.splitn(3, |byte| *byte == b'/');
        let mut part = || parts.next().map(trim).ok_or(Malformed);
        if !part()?.eq_ignore_ascii_case(b"SIP") || part()? != b"2.0" {
            return Err(Malformed);
        }
        let rest = part()?;
        let gap = rest.iter().position(u8::is_ascii_whitespace).ok_or(Malformed)?;
        let (transport, sent_by) = (&rest[..gap], trim(&rest[gap..]));
        let (host, port) = host_and_port(sent_by)?;
        if !is_token(transport) || !parameters_are_whole(parameters) {
            return Err(Malformed);
        }
        Ok(Self { transport, sent_by, host, port, parameters })
    }

    /// The branch, where it is one of RFC 3261 and so unique by itself.
    #[must_use]
    pub fn branch(&self) -> Option<&'a [u8]> {
        let branch = parameter(self.parameters, b"branch").flatten()?;
        let is_unique = branch.len() > MAGIC_COOKIE.len()
            && branch[..MAGIC_COOKIE.len()].eq_ignore_ascii_case(MAGIC_COOKIE);
        is_unique.then_some(branch)
    }

    /// Whether the sender asks for its port to be told ([RFC 3581]).
    #[must_use]
    pub fn wants_rport(&self) -> bool {
        parameter(self.parameters, b"rport").is_some()
    }

    /// Whether the sender names another address than the one it sends from: there is a NAT between. An IPv4 address is
    /// the same where it is mapped into IPv6 ([RFC 5118 §4.9]).
    #[must_use]
    pub fn is_sent_from_elsewhere(&self, source: IpAddr) -> bool {
        host_address(self.host).map(|host| host.to_canonical()) != Some(source.to_canonical())
    }

    /// Where a response by datagram goes.
    #[must_use]
    pub fn response_address(&self, source: SocketAddr) -> SocketAddr {
        if self.wants_rport() { source } else { SocketAddr::new(source.ip(), self.port.unwrap_or(5060)) }
    }
}

fn parameters_are_whole(parameters: &[u8]) -> bool {
    let pieces = parameters.split(|byte| *byte == b';').skip(1);
    pieces.map(trim).all(|piece| !piece.is_empty() && piece[0] != b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shows RFC 3261 §20.42: a Via may have spaces around its slashes and its colon.
    #[test]
    fn spaces_around_the_slashes_and_the_colon_are_allowed() {
        let via = Via::parse(b"SIP / 2.0 / UDP  first.example.com: 4000;ttl=16 ;branch=z9hG4bKa7c6").unwrap();
        assert_eq!((via.transport, via.host, via.port), (&b"UDP"[..], &b"first.example.com"[..], Some(4000)));
        assert_eq!(via.branch(), Some(&b"z9hG4bKa7c6"[..]));
    }

    /// Shows RFC 3261 §8.1.1.7: only what follows the cookie makes a branch unique.
    #[test]
    fn the_bare_cookie_is_no_branch() {
        assert_eq!(Via::parse(b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK").unwrap().branch(), None);
    }

    /// Shows RFC 3261 §18.2.2: a response goes to received and the port of Via.
    /// Shows RFC 3581 §4: a response goes to the port that the request came from where rport asks for it.
    #[test]
    fn a_response_goes_to_the_port_that_was_asked_for() {
        let source: SocketAddr = "192.0.2.9:40000".parse().unwrap();
        let address = |via: &[u8]| Via::parse(via).unwrap().response_address(source).port();
        assert_eq!(address(b"SIP/2.0/UDP 10.0.0.1:5070;rport"), 40000);
        assert_eq!(address(b"SIP/2.0/UDP 10.0.0.1:5070"), 5070);
        assert_eq!(address(b"SIP/2.0/UDP 10.0.0.1"), 5060);
    }
}
