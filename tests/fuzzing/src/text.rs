//! Messages and session descriptions: what is written as text.

use std::sync::LazyLock;

use partyline_sip::message::{
    Address, Dropped, Frame, HeaderName, Headers, Message, StreamBuffer, Uri, Via, Writer, parameters, parse,
    split_commas, unescape, unfolded,
};
use partyline_sip::sdp::{
    Capabilities, CodecName, Description, Direction, KeySeed, MediaSecurity, agree, answer, make_offer,
};

/// Headers whose values are addresses or lists of them.
const ADDRESSES: [HeaderName<'static>; 6] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::Contact,
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::PAssertedIdentity,
];

/// A message: read whole and looked at from all sides, and cut from a stream however it is dealt out.
pub fn message(bytes: &[u8]) {
    let flat = unfolded(bytes);
    assert_eq!(flat.len(), bytes.len(), "unfolding moves nothing");
    match parse(&flat) {
        Ok(Message::Request(request)) => {
            look_at(&request.headers);
            let _ = (unescape(request.uri.user), request.uri.socket_address(), request.uri.is_loose_router());
            let rewritten =
                rewritten(Writer::request(request.method, request.uri_bytes), &request.headers, request.body);
            let Ok(Message::Request(again)) = parse(&rewritten) else {
                panic!("what is written is read again")
            };
            assert_eq!((again.method, again.uri_bytes), (request.method, request.uri_bytes));
            assert_eq!((again.core.call_id, again.core.cseq), (request.core.call_id, request.core.cseq));
            assert_eq!(again.body, request.body);
        }
        Ok(Message::Response(response)) => {
            look_at(&response.headers);
            let rewritten =
                rewritten(Writer::response(response.status, None), &response.headers, response.body);
            let Ok(Message::Response(again)) = parse(&rewritten) else {
                panic!("what is written is read again")
            };
            assert_eq!((again.status, again.body), (response.status, response.body));
        }
        Err(Dropped::Answer(refusal)) => {
            assert!((400..700).contains(&refusal.status));
            look_at(&refusal.headers);
        }
        Err(Dropped::Silently) => {}
    }
    let whole = frames(bytes, bytes.len().max(1));
    // Small inputs byte by byte; of long ones some dozens of pieces, that an input does not cost a thousand others.
    for size in [bytes.len() / 64 + 1, bytes.len() / 24 + 7] {
        assert_eq!(frames(bytes, size), whole, "dealt out by {size}");
    }
}

/// The frames of a stream, up to the first that breaks it.
fn frames(bytes: &[u8], size: usize) -> Vec<Frame> {
    let mut stream = StreamBuffer::default();
    let mut frames = Vec::new();
    for piece in bytes.chunks(size) {
        stream.push(piece);
        while let Some(frame) = stream.next_frame() {
            let is_broken = matches!(frame, Frame::Broken(_));
            // How much of a broken head had come when it was given up depends on how it came.
            frames.push(if is_broken { Frame::Broken(Vec::new()) } else { frame });
            if is_broken {
                return frames;
            }
        }
    }
    frames
}

fn look_at(headers: &Headers<'_>) {
    for value in headers.all(HeaderName::Via).flat_map(split_commas) {
        if let Ok(via) = Via::parse(value) {
            let source = "192.0.2.1:5060".parse().expect("an address");
            let _ = (via.branch(), via.response_address(source), via.is_sent_from_elsewhere(source.ip()));
        }
    }
    for name in ADDRESSES {
        for value in headers.all(name).flat_map(split_commas) {
            let Ok(address) = Address::parse(value) else { continue };
            let _ = (address.tag(), address.display_text(), parameters(address.parameters).count());
            if let Ok(uri) = Uri::parse(address.uri) {
                let _ = (unescape(uri.user), uri.socket_address(), uri.is_loose_router());
            }
        }
    }
}

/// The same message as we would write it. Content-Length and Content-Type are written anew.
fn rewritten(mut writer: Writer, headers: &Headers<'_>, body: &[u8]) -> Vec<u8> {
    let names = [
        (HeaderName::Via, "Via"),
        (HeaderName::From, "From"),
        (HeaderName::To, "To"),
        (HeaderName::CallId, "Call-ID"),
        (HeaderName::CSeq, "CSeq"),
        (HeaderName::MaxForwards, "Max-Forwards"),
        (HeaderName::Contact, "Contact"),
    ];
    for (name, text) in names {
        for value in headers.all(name) {
            writer.header(text, &[value]);
        }
    }
    writer.end((!body.is_empty()).then_some(("application/x", body)))
}

fn codec(encoding: &str, payload_type: u8) -> CodecName {
    CodecName::new(encoding, 8_000, payload_type)
}

/// What the user of a fuzzed endpoint can do.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities {
        address: [127, 0, 0, 1].into(),
        port: 4_000,
        codecs: vec![codec("PCMU", 0), codec("PCMA", 8)],
        telephone_event: true,
        security: MediaSecurity::Prefer,
        key_seed: KeySeed::new([9; 32]),
    }
}

/// Users who speak IPv4 or IPv6, and who think differently of encryption; each with an offer of theirs.
fn users() -> Vec<(Capabilities, Vec<u8>)> {
    let v6 = Capabilities { address: std::net::Ipv6Addr::LOCALHOST.into(), ..capabilities() };
    let with = |security| Capabilities { security, ..capabilities() };
    [capabilities(), v6, with(MediaSecurity::Refuse), with(MediaSecurity::Require)]
        .map(|ours| {
            let offer = make_offer(&ours, Direction::SendRecv);
            (ours, offer)
        })
        .to_vec()
}

/// A description: taken as an offer and as the answer to one of ours.
pub fn sdp(bytes: &[u8]) {
    static USERS: LazyLock<Vec<(Capabilities, Vec<u8>)>> = LazyLock::new(users);
    let read = Description::parse(bytes);
    for (ours, offer) in USERS.iter() {
        if let Ok((answered, agreement)) = answer(bytes, ours) {
            let offer = read.as_ref().expect("what is answered was read");
            let answered = Description::parse(&answered).expect("an answer of ours is a description");
            assert_eq!(answered.media.len(), offer.media.len(), "an answer has the streams of its offer");
            assert_eq!(answered.media.iter().filter(|media| media.port != 0).count(), 1);
            assert!(ours.codecs.iter().any(|codec| codec.encoding == agreement.codec.encoding));
            assert_eq!(agreement.remote.is_ipv4(), ours.address.is_ipv4());
        }
        if let Ok(agreement) = agree(offer, bytes, ours) {
            assert!(ours.codecs.iter().any(|codec| codec.encoding == agreement.codec.encoding));
        }
    }
}
