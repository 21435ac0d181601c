//! From what SIP agreed on to what a leg needs.

use std::net::IpAddr;

use partyline_codec::{Codec, OpusSettings};
use partyline_engine::{
    FormatDetails, LegMedia, MasterKey, MediaTransport, Mki, RtcpRoute, SrtpKeys, SrtpSuite,
};
use partyline_sip::sdp::{
    Agreement, Capabilities, CodecName, CryptoAgreement, CryptoKey, CryptoSuite, Direction, KeySeed,
    MediaSecurity, Rtcp,
};

/// What we can do at this address and port: these codecs, the one we like best first.
pub(crate) fn capabilities(address: IpAddr, port: u16, codecs: &[Codec]) -> Capabilities {
    let codecs = codecs.iter().map(|&codec| name_of(codec)).collect();
    Capabilities {
        address,
        port,
        codecs,
        telephone_event: true,
        security: MediaSecurity::Prefer,
        key_seed: KeySeed::new(rand::random()),
    }
}

/// A codec as descriptions name it, with what we wish of who sends it to us.
fn name_of(codec: Codec) -> CodecName {
    let parameters = match codec {
        Codec::Opus => OpusSettings::ours().to_string(),
        Codec::G722 | Codec::Pcmu | Codec::Pcma => String::new(),
    };
    CodecName {
        channels: codec.channels(),
        parameters,
        ..CodecName::new(codec.name(), codec.clock_rate_hz(), codec.usual_payload_type())
    }
}

/// Our codec of a name.
fn codec_of(name: &CodecName) -> Option<Codec> {
    Codec::by_name(&name.encoding, name.clock_rate_hz)
}

/// What of the formats is seldom other than usual.
fn details_of(agreement: &Agreement) -> FormatDetails {
    let formats = &agreement.formats;
    let mut others = formats.others.iter().filter_map(|name| Some((name.payload_type, codec_of(name)?)));
    FormatDetails {
        opus: OpusSettings::parse(&formats.parameters),
        receive_payload_type: Some(formats.receive_payload_type)
            .filter(|receive| *receive != agreement.payload_type),
        receive_event_payload_type: formats
            .receive_event_payload_type
            .filter(|receive| Some(*receive) != agreement.event_payload_type),
        others: std::array::from_fn(|_| others.next()),
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
    let codec = codec_of(&agreement.codec)?;
    let (sends, receives) = match agreement.direction {
        Direction::SendRecv => (true, true),
        Direction::SendOnly => (true, false),
        // The music of somebody else's hold stays out of the conference.
        Direction::RecvOnly => (false, !is_on_hold),
        Direction::Inactive => (false, false),
    };
    Some(LegMedia {
        remote: agreement.remote,
        codec,
        payload_type: agreement.payload_type,
        event_payload_type: agreement.event_payload_type,
        sends: sends && !agreement.remote.ip().is_unspecified(),
        receives,
        details: details_of(agreement),
        transport: transport(agreement)?,
    })
}

/// How packets travel; `None` for keys that are none.
fn transport(agreement: &Agreement) -> Option<MediaTransport> {
    let rtcp = match agreement.rtcp {
        Rtcp::Muxed => RtcpRoute::Muxed,
        Rtcp::Port(port) if agreement.remote.port().checked_add(1) == Some(port) => RtcpRoute::NextPort,
        Rtcp::Port(port) => RtcpRoute::Port(port),
        Rtcp::Nowhere => RtcpRoute::Nowhere,
    };
    let keys = match &agreement.crypto {
        None => None,
        Some(crypto) => Some(Box::new(srtp_keys(crypto)?)),
    };
    Some(MediaTransport { rtcp, keys })
}

fn srtp_keys(crypto: &CryptoAgreement) -> Option<SrtpKeys> {
    let suite = match crypto.suite {
        CryptoSuite::AeadAes128Gcm => SrtpSuite::AeadAes128Gcm,
        CryptoSuite::AeadAes256Gcm => SrtpSuite::AeadAes256Gcm,
        CryptoSuite::AesCm128HmacSha1_80 => SrtpSuite::AesCm128HmacSha1_80,
        CryptoSuite::AesCm128HmacSha1_32 => SrtpSuite::AesCm128HmacSha1_32,
    };
    let key = |key: &CryptoKey| MasterKey::new(suite, key.octets());
    Some(SrtpKeys {
        send: key(&crypto.send)?,
        receive: key(&crypto.receive)?,
        receive_mki: Mki::new(&crypto.receive_mki),
    })
}

#[cfg(test)]
mod tests {
    use partyline_sip::sdp::Formats;

    use super::*;

    fn agreement(direction: Direction) -> Agreement {
        Agreement {
            remote: "192.0.2.1:4000".parse().unwrap(),
            codec: CodecName::new("PCMA", 8000, 8),
            payload_type: 8,
            event_payload_type: Some(101),
            formats: Formats { receive_payload_type: 8, ..Formats::default() },
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
    fn keys_and_the_way_of_rtcp_reach_the_leg() {
        let secret = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/SAVP 8\r\na=rtcp-mux\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
        let ours = capabilities([192, 0, 2, 9].into(), 5000, &Codec::ALL);
        let (_, agreement) = partyline_sip::sdp::answer(secret.as_bytes(), &ours).unwrap();
        let media = leg_media(&agreement, false).unwrap();
        assert_eq!(media.transport.rtcp, RtcpRoute::Muxed);
        let keys = media.transport.keys.unwrap();
        assert_eq!(keys.send.suite(), SrtpSuite::AesCm128HmacSha1_80);
        assert_ne!(keys.send, keys.receive);
        let refusing = Capabilities { security: MediaSecurity::Refuse, ..ours };
        assert!(partyline_sip::sdp::answer(secret.as_bytes(), &refusing).is_err());
    }

    #[test]
    fn codec_of_others_is_no_media() {
        let mut foreign = agreement(Direction::SendRecv);
        foreign.codec.encoding = "iLBC".to_owned();
        assert_eq!(leg_media(&foreign, false), None);
    }
}
