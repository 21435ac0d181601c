//! The cases of RFC 5118 (IPv6), each with what the RFC wants done about it; the messages are our own.

use std::net::SocketAddr;

use partyline_sip::message::{Uri, Via};
use partyline_sip::sdp::{Capabilities, SdpError, answer};

use crate::harness::capabilities;
use crate::rig::{Ends, fate, message};

fn ends() -> Ends {
    Ends {
        endpoint: "[2001:db8::10]:5060".parse().unwrap(),
        sender: "[2001:db8::9:1]:5060".parse().unwrap(),
        media: "2001:db8::10".parse().unwrap(),
    }
}

/// A snapshot of the fate of each message.
macro_rules! torture {
    ($($(#[$attribute:meta])* fn $name:ident() { $file:literal: $why:literal })*) => {$(
        $(#[$attribute])*
        fn $name() {
            insta::assert_snapshot!($file, fate(&message("rfc5118", $file), ends(), $why));
        }
    )*};
}

torture! {
    /// Shows RFC 5118 §4.1: an address in brackets is a host.
    #[test]
    fn an_address_in_brackets_is_a_host() {
        "ipv6-good": "Valid. Registering is not served here: 405."
    }

    /// Shows RFC 5118 §4.2: an address without brackets is refused.
    #[test]
    fn an_address_without_brackets_is_refused() {
        "ipv6-bad": "Invalid: what follows the first colon would be a port, and is none: 400."
    }

    /// Shows RFC 5118 §4.3: what stands within the brackets belongs to the address, and is no port.
    #[test]
    fn what_looks_like_a_port_within_brackets_is_none() {
        "port-ambiguous": "Valid: 5070 is the last part of the address. Registering is not served here: 405."
    }

    /// Shows RFC 5118 §4.4: a port stands behind the brackets.
    #[test]
    fn a_port_stands_behind_the_brackets() {
        "port-unambiguous": "Valid: 5070 is the port. Registering is not served here: 405."
    }

    /// Shows RFC 5118 §4.5: received is understood with brackets.
    #[test]
    fn received_is_understood_with_brackets() {
        "via-received-param-with-delim": "Against the grammar, yet clear, and to be accepted. There is no such dialog: 481."
    }

    /// Shows RFC 5118 §4.5: received is written without brackets.
    #[test]
    fn received_is_understood_without_brackets() {
        "via-received-param-no-delim": "Valid; and so the endpoint itself writes received."
    }

    /// Shows RFC 5118 §4.6: a session over IPv6 is agreed on.
    #[test]
    fn a_session_over_ipv6_is_agreed_on() {
        "ipv6-in-sdp": "Valid: it becomes a call whose media goes over IPv6."
    }

    /// Shows RFC 5118 §4.7: the Via of a request may be of both families.
    #[test]
    fn the_via_of_a_request_may_be_of_both_families() {
        "mult-ip-in-header": "Valid: the answer repeats each Via. There is no such dialog: 481."
    }

    /// Shows RFC 5118 §4.8: of streams of both families the one that can be reached is taken.
    #[test]
    fn of_streams_of_both_families_the_one_that_can_be_reached_is_taken() {
        "mult-ip-in-sdp": "Valid: our media goes over IPv6, so the second stream is taken, and the others are refused."
    }

    /// Shows RFC 5118 §4.9: IPv4 addresses mapped into IPv6 are addresses like others.
    #[test]
    fn mapped_addresses_are_addresses() {
        "ipv4-mapped-ipv6": "Valid: it becomes a call whose media goes to the mapped address."
    }

    /// Shows RFC 5118 §4.10: the third colon that the grammar of RFC 3261 asks for by mistake is overlooked.
    #[test]
    fn a_third_colon_is_overlooked() {
        "ipv6-bug-abnf-3-colons": "Against what an address is, but by the letter of RFC 3261: to be accepted, never sent."
    }

    /// Shows RFC 5118 §4.10: two colons are what is right.
    #[test]
    fn two_colons_are_right() {
        "ipv6-correct-abnf-2-colons": "Valid: the part of an IPv4 address stands behind two colons."
    }
}

/// Shows RFC 5118 §4.5: where an answer has to name the address it came from, it does so without brackets.
#[test]
fn a_request_through_a_nat_is_told_its_address_without_brackets() {
    let ends = Ends { sender: "[2001:db8::9:7]:40000".parse().unwrap(), ..ends() };
    let text = String::from_utf8(message("rfc5118", "via-received-param-no-delim")).unwrap();
    let asking = text.replace("received=2001:db8::9:255", "rport");
    let told = fate(asking.as_bytes(), ends, "");
    assert!(told.contains("answer to [2001:db8::9:7]:40000: SIP/2.0 200 OK"), "{told}");
    assert!(told.contains(";received=2001:db8::9:7;rport=40000"), "{told}");
}

/// Shows RFC 5118 §4.9: a sender whose address is mapped in one place and not in the other is no other sender.
#[test]
fn a_mapped_address_is_the_address_that_it_maps() {
    let via = Via::parse(b"SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1").unwrap();
    assert!(!via.is_sent_from_elsewhere("::ffff:192.0.2.10".parse().unwrap()));
    assert!(via.is_sent_from_elsewhere("::ffff:192.0.2.11".parse().unwrap()));
}

/// Shows RFC 5954 §4.1: an address may end in one of IPv4, or be all colons.
#[test]
fn hosts_are_the_addresses_that_ipv6_has_and_no_others() {
    let address = |uri: &str| Uri::parse(uri.as_bytes()).ok().and_then(|uri| uri.socket_address());
    let is = |uri: &str, socket: &str| {
        assert_eq!(address(uri), Some(socket.parse::<SocketAddr>().unwrap()), "{uri}");
    };
    is("sip:a@[::1]", "[::1]:5060");
    is("sip:[2001:db8::192.0.2.1]:5080;lr", "[2001:db8::192.0.2.1]:5080");
    is("sip:[2001:db8:::192.0.2.1]", "[2001:db8::192.0.2.1]:5060");
    is("sips:[::]", "[::]:5061");
    for bad in [
        "sip:[::1",
        "sip:::1",
        "sip:[]",
        "sip:[1::2::3]",
        "sip:[fe80::1%25eth0]",
        "sip:[::1]5060",
        "sip:[::g]",
    ] {
        assert!(Uri::parse(bad.as_bytes()).is_err(), "{bad}");
    }
}

fn v6(address: &str) -> Capabilities {
    Capabilities { address: address.parse().unwrap(), ..capabilities(4_000) }
}

/// Shows RFC 8866 §5.7: IP6 is a family of addresses like IP4, and an answer is of the family of its offer.
/// Shows RFC 3264 §8.4: the unspecified address of IPv6 holds too.
#[test]
fn descriptions_over_ipv6_are_agreed_on_held_and_refused() {
    let offer = |connection: &str| {
        format!("v=0\r\no=- 1 1 IN IP6 ::1\r\ns=-\r\nc={connection}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 0\r\n")
    };
    let (described, agreed) = answer(offer("IN IP6 2001:db8::7").as_bytes(), &v6("2001:db8::10")).unwrap();
    assert_eq!(agreed.remote, "[2001:db8::7]:9000".parse().unwrap());
    let described = String::from_utf8(described).unwrap();
    assert!(described.contains("\r\nc=IN IP6 2001:db8::10\r\n"), "{described}");
    let held = answer(offer("IN IP6 ::").as_bytes(), &v6("2001:db8::10")).unwrap().1;
    assert!(!held.direction.sends(), "{held:?}");
    let crossed = [("IN IP4 192.0.2.7", "2001:db8::10"), ("IN IP6 2001:db8::7", "192.0.2.10")];
    for (theirs, ours) in crossed {
        assert_eq!(answer(offer(theirs).as_bytes(), &v6(ours)).unwrap_err(), SdpError::NoAddress, "{theirs}");
    }
    for no_address in ["IN IP6 [2001:db8::7]", "IN IP6 lamp.example.com", "IN IP6 ff1e::1/127"] {
        let refused = answer(offer(no_address).as_bytes(), &v6("2001:db8::10"));
        assert_eq!(refused.unwrap_err(), SdpError::NoAddress, "{no_address}");
    }
}
