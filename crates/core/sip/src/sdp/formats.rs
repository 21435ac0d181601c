//! Formats of an audio stream: which of our codecs go with theirs, under which payload types, with which parameters.
//!
//! It knows codecs by name, clock and channels only, and hands parameters on as they are.

use std::fmt::Write as _;

use super::{Capabilities, CodecName, MediaDescription, SdpError};

/// The packet time that we ask for, in ms.
const PTIME_MS: u16 = 20;
/// The longest packet that we ask for; longer ones are taken all the same.
const PTIME_MAX_MS: u16 = 60;
/// The payload type that telephone-event is offered with, unless a codec has it: what most equipment uses.
const EVENT_PAYLOAD_TYPE: u8 = 101;
/// Comfort noise, whose payload type is static ([RFC 3389 §4]).
const COMFORT_NOISE: (&str, u32) = ("CN", 8_000);
/// Most formats besides the first that we hear: few list more.
const OTHERS_MAX: usize = 3;

impl CodecName {
    /// A codec of one channel without parameters.
    #[must_use]
    pub fn new(encoding: &str, clock_rate_hz: u32, payload_type: u8) -> Self {
        Self {
            encoding: encoding.to_owned(),
            clock_rate_hz,
            payload_type,
            channels: 1,
            parameters: String::new(),
        }
    }
}

/// What was agreed on of formats.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Formats {
    /// The payload type that they send the codec with: ours, where the offer was ours.
    pub receive_payload_type: u8,
    /// The payload type that they send telephone-event with.
    pub receive_event_payload_type: Option<u8>,
    /// What they wish of who sends the codec to them, as their `fmtp` says it.
    pub parameters: String,
    /// What else they may send, by our payload types: their answer to our offer named several codecs.
    pub others: Vec<CodecName>,
    /// Their telephone-event and its clock, as we answer it.
    pub event: Option<(u8, u32)>,
    /// Their comfort noise, where they offered it ([RFC 3389]).
    pub comfort_noise: Option<u8>,
}

/// The first of our codecs that a stream of theirs holds, with their payload types.
pub(super) fn choose(
    theirs: &MediaDescription<'_>,
    capabilities: &Capabilities,
) -> Result<(CodecName, u8, Option<u8>, Formats), SdpError> {
    let found = capabilities.codecs.iter().find_map(|codec| Some((codec, place_of(theirs, codec)?)));
    let (codec, payload_type) = found.ok_or(SdpError::NoCodec)?;
    Ok(with_codec(theirs, capabilities, codec, payload_type))
}

/// The formats of an answer of theirs to an offer of ours: its first codec that we know is what they like best, and
/// they send by the payload types of our offer, or by their own.
pub(super) fn accept(
    ours: &MediaDescription<'_>,
    theirs: &MediaDescription<'_>,
    capabilities: &Capabilities,
) -> Result<(CodecName, u8, Option<u8>, Formats), SdpError> {
    let mut known: Vec<(usize, &CodecName, u8)> = capabilities
        .codecs
        .iter()
        .filter_map(|codec| {
            let payload_type = place_of(theirs, codec)?;
            let digits = payload_type.to_string();
            let place = theirs.formats.iter().position(|format| *format == digits.as_bytes())?;
            Some((place, codec, payload_type))
        })
        .collect();
    known.sort_by_key(|(place, ..)| *place);
    let &(_, codec, payload_type) = known.first().ok_or(SdpError::NoCodec)?;
    let (codec, payload_type, event, mut formats) = with_codec(theirs, capabilities, codec, payload_type);
    formats.receive_payload_type = place_of(ours, &codec).unwrap_or(payload_type);
    formats.receive_event_payload_type =
        formats.event.and_then(|(own, rate)| ours.payload_type("telephone-event", rate, 1).or(Some(own)));
    let others = known[1..].iter().take(OTHERS_MAX);
    formats.others = others
        .map(|(_, codec, own)| CodecName {
            payload_type: place_of(ours, codec).unwrap_or(*own),
            ..(*codec).clone()
        })
        .collect();
    Ok((codec, payload_type, event, formats))
}

fn place_of(media: &MediaDescription<'_>, codec: &CodecName) -> Option<u8> {
    media.payload_type(&codec.encoding, codec.clock_rate_hz, codec.channels)
}

fn with_codec(
    theirs: &MediaDescription<'_>,
    capabilities: &Capabilities,
    codec: &CodecName,
    payload_type: u8,
) -> (CodecName, u8, Option<u8>, Formats) {
    let event = capabilities.telephone_event.then(|| event_of(theirs, capabilities, codec)).flatten();
    let comfort_noise = (codec.clock_rate_hz == COMFORT_NOISE.1)
        .then(|| theirs.payload_type(COMFORT_NOISE.0, COMFORT_NOISE.1, 1))
        .flatten();
    let parameters = theirs.parameters(payload_type).unwrap_or_default();
    let event_payload_type = event.map(|(payload_type, _)| payload_type);
    let formats = Formats {
        receive_payload_type: payload_type,
        receive_event_payload_type: event_payload_type,
        parameters: String::from_utf8_lossy(parameters).into_owned(),
        others: Vec::new(),
        event,
        comfort_noise,
    };
    (codec.clone(), payload_type, event_payload_type, formats)
}

/// Their telephone-event at the codec's clock ([RFC 4733 §2.5.1]); where they have none of that, one at another clock of
/// ours, for there are telephones that know 8,000 only and send keys so beside any codec.
fn event_of(
    theirs: &MediaDescription<'_>,
    capabilities: &Capabilities,
    codec: &CodecName,
) -> Option<(u8, u32)> {
    let mut rates = std::iter::once(codec.clock_rate_hz).chain(clock_rates(capabilities));
    rates.find_map(|rate| Some((theirs.payload_type("telephone-event", rate, 1)?, rate)))
}

/// The clocks of our codecs, each once.
fn clock_rates(capabilities: &Capabilities) -> impl Iterator<Item = u32> + '_ {
    let codecs = &capabilities.codecs;
    codecs.iter().enumerate().filter_map(|(index, codec)| {
        let is_first = codecs[..index].iter().all(|before| before.clock_rate_hz != codec.clock_rate_hz);
        is_first.then_some(codec.clock_rate_hz)
    })
}

/// The formats of an answer, as a media line lists them, and the lines that explain them.
pub(super) fn answered(codec: &CodecName, payload_type: u8, formats: &Formats) -> (Vec<u8>, String) {
    let mut listed = vec![payload_type];
    let mut text = String::new();
    codec_lines(&mut text, payload_type, codec);
    if let Some((event, rate)) = formats.event {
        listed.push(event);
        event_lines(&mut text, event, rate);
    }
    if let Some(noise) = formats.comfort_noise {
        listed.push(noise);
        let _ = write!(text, "a=rtpmap:{noise} {}/{}\r\n", COMFORT_NOISE.0, COMFORT_NOISE.1);
    }
    time_lines(&mut text);
    (listed, text)
}

/// The formats of an offer: all our codecs, and telephone-event at each of their clocks ([RFC 4733 §2.5.1]).
pub(super) fn offered(capabilities: &Capabilities) -> (Vec<u8>, String) {
    let mut listed: Vec<u8> = capabilities.codecs.iter().map(|codec| codec.payload_type).collect();
    let mut text = String::new();
    for codec in &capabilities.codecs {
        codec_lines(&mut text, codec.payload_type, codec);
    }
    if capabilities.telephone_event {
        // The clock that every telephone knows has the number that most use.
        let mut rates: Vec<u32> = clock_rates(capabilities).collect();
        rates.sort_unstable();
        for rate in rates {
            let event = free_payload_type(&listed);
            listed.push(event);
            event_lines(&mut text, event, rate);
        }
    }
    time_lines(&mut text);
    (listed, text)
}

fn free_payload_type(taken: &[u8]) -> u8 {
    let mut candidates = (EVENT_PAYLOAD_TYPE..128).chain(96..EVENT_PAYLOAD_TYPE);
    candidates.find(|candidate| !taken.contains(candidate)).unwrap_or(EVENT_PAYLOAD_TYPE)
}

fn codec_lines(text: &mut String, payload_type: u8, codec: &CodecName) {
    let CodecName { encoding, clock_rate_hz, channels, parameters, .. } = codec;
    let _ = write!(text, "a=rtpmap:{payload_type} {encoding}/{clock_rate_hz}");
    if *channels > 1 {
        let _ = write!(text, "/{channels}");
    }
    text.push_str("\r\n");
    if !parameters.is_empty() {
        let _ = write!(text, "a=fmtp:{payload_type} {parameters}\r\n");
    }
}

fn event_lines(text: &mut String, event: u8, clock_rate_hz: u32) {
    let _ = write!(text, "a=rtpmap:{event} telephone-event/{clock_rate_hz}\r\na=fmtp:{event} 0-15\r\n");
}

fn time_lines(text: &mut String) {
    let _ = write!(text, "a=ptime:{PTIME_MS}\r\na=maxptime:{PTIME_MAX_MS}\r\n");
}
