//! The media engine behind the peer: one mix, sound or broken on purpose.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};

use callbench::Codec;
use partyline_codec::OpusSettings;
use partyline_engine::{
    Attachment, Engine, EngineConfig, FormatDetails, IoChoice, LegControl, LegMedia, MediaTransport, MixKey,
    Treatment,
};
use partyline_sip::endpoint::CallKey;
use partyline_sip::sdp::Agreement;

const MIX: MixKey = MixKey(1);
const LEGS_MAX: usize = 50;

/// A mix and its legs; all end with it.
pub(super) struct EngineMix {
    engine: Engine,
    legs: HashMap<CallKey, LegControl>,
}

impl EngineMix {
    pub(super) fn open(treatment: Treatment) -> Self {
        let config = EngineConfig {
            threads: Some(1),
            rtp_ports: (20_000, 59_999),
            legs_max: LEGS_MAX,
            io: IoChoice::Auto,
        };
        let engine = Engine::start(&config).unwrap();
        engine.open_mix(MIX, LEGS_MAX, treatment).unwrap();
        Self { engine, legs: HashMap::new() }
    }

    /// Opens a leg; where it listens.
    pub(super) fn leg(&mut self, call: CallKey) -> SocketAddr {
        // Who keys what is nobody's business here.
        let (leg, _) = self.engine.open_leg(Ipv4Addr::LOCALHOST.into()).unwrap();
        let address = (Ipv4Addr::LOCALHOST, leg.local_port()).into();
        self.legs.insert(call, leg);
        address
    }

    /// Connects a leg, and puts it into the mix.
    pub(super) async fn connect(&mut self, call: CallKey, agreement: &Agreement) {
        let leg = &self.legs[&call];
        let codec = Codec::by_name(&agreement.codec.encoding, agreement.codec.clock_rate_hz).unwrap();
        let opus = OpusSettings::parse(&agreement.formats.parameters);
        leg.connect(LegMedia {
            remote: agreement.remote,
            codec,
            payload_type: agreement.payload_type,
            event_payload_type: agreement.event_payload_type,
            sends: true,
            receives: true,
            transport: MediaTransport::default(),
            details: FormatDetails { opus, ..FormatDetails::default() },
        });
        let attachment = Attachment { uplink: true, downlink: true };
        self.engine.attach(leg.id(), MIX, attachment).await.unwrap();
    }

    pub(super) fn close(&mut self, call: CallKey) {
        self.legs.remove(&call);
    }
}
