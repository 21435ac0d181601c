//! From what SIP agreed on to what a leg needs.

use std::net::IpAddr;

use partyline_codec::Codec;
use partyline_engine::LegMedia;
use partyline_sip::sdp::{Agreement, Capabilities, CodecName, Direction, KeySeed, MediaSecurity};

const CODECS: [(&str, u8, Codec); 2] = [("PCMU", 0, Codec::Pcmu), ("PCMA", 8, Codec::Pcma)];
const CLOCK_RATE_HZ: u32 = 8000;

/// What we can do at this address and port.
pub(crate) fn capabilities(address: IpAddr, port: u16) -> Capabilities {
    let codecs = CODECS
        .iter()
        .map(|(encoding, payload_type, _)| CodecName {
            encoding: (*encoding).to_owned(),
            clock_rate_hz: CLOCK_RATE_HZ,
            payload_type: *payload_type,
        })
        .collect();
    Capabilities {
        address,
        port,
        codecs,
        telephone_event: true,
        security: MediaSecurity::Refuse,
        key_seed: KeySeed::new(rand::random()),
    }
}

/// Whether the other side has put the call on hold. One that only ever wanted to send is not on hold, unless it can't
/// be sent to at all: so did telephones hold calls before there were directions.
pub(crate) fn is_on_hold(agreement: &Agreement, is_first: bool) -> bool {
    match agreement.direction {
        Direction::SendRecv => false,
        Direction::RecvOnly => !is_first || agreement.remote.ip().is_unspecified(),
        Direction::SendOnly | Direction::Inactive => true,
    }
}

/// What the leg needs; `None` for a codec that is none of ours.
pub(crate) fn leg_media(agreement: &Agreement, is_on_hold: bool) -> Option<LegMedia> {
    let (_, _, codec) = CODECS.iter().find(|(encoding, ..)| *encoding == agreement.codec.encoding)?;
    let (sends, receives) = match agreement.direction {
        Direction::SendRecv => (true, true),
        Direction::SendOnly => (true, false),
        // The music of somebody else's hold stays out of the conference.
        Direction::RecvOnly => (false, !is_on_hold),
        Direction::Inactive => (false, false),
    };
    Some(LegMedia {
        remote: agreement.remote,
        codec: *codec,
        payload_type: agreement.payload_type,
        event_payload_type: agreement.event_payload_type,
        sends: sends && !agreement.remote.ip().is_unspecified(),
        receives,
    })
}

#[cfg(test)]
mod tests {
    use partyline_sip::sdp::Rtcp;

    use super::*;

    fn agreement(direction: Direction) -> Agreement {
        Agreement {
            remote: "192.0.2.1:4000".parse().unwrap(),
            codec: CodecName { encoding: "PCMA".to_owned(), clock_rate_hz: 8000, payload_type: 8 },
            payload_type: 8,
            event_payload_type: Some(101),
            direction,
            ptime_ms: None,
            rtcp: Rtcp::Port(4001),
            crypto: None,
        }
    }

    fn flows(direction: Direction, is_first: bool) -> (bool, bool) {
        let agreement = agreement(direction);
        let media = leg_media(&agreement, is_on_hold(&agreement, is_first)).unwrap();
        (media.sends, media.receives)
    }

    #[test]
    fn hold_stops_both_ways_even_where_the_holder_sends_music() {
        assert_eq!(flows(Direction::SendRecv, false), (true, true));
        assert_eq!(flows(Direction::RecvOnly, false), (false, false));
        assert_eq!(flows(Direction::Inactive, false), (false, false));
    }

    #[test]
    fn caller_who_only_ever_sends_is_heard() {
        assert_eq!(flows(Direction::RecvOnly, true), (false, true));
    }

    #[test]
    fn call_that_begins_with_no_address_begins_on_hold() {
        let mut agreement = agreement(Direction::RecvOnly);
        agreement.remote.set_ip([0, 0, 0, 0].into());
        assert!(is_on_hold(&agreement, true));
    }

    #[test]
    fn codec_of_others_is_no_media() {
        let mut foreign = agreement(Direction::SendRecv);
        foreign.codec.encoding = "OPUS".to_owned();
        assert_eq!(leg_media(&foreign, false), None);
    }
}
