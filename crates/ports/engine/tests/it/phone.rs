//! A telephone: sends a tone or silence every 20 ms and remembers what it heard.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use partyline_audio::level::{level_dbov, tone_level_dbov};
use partyline_codec::{Codec, Decoder, Encoder, OpusSettings};
use partyline_engine::{
    Engine, EngineConfig, FormatDetails, IoChoice, LegControl, LegEvent, LegMedia, MediaTransport, Scheduling,
};
use partyline_rtp::{Header, KeyPress, Packet, RtpTime, SeqNo, Ssrc};
use tokio::sync::mpsc;

/// Where all traffic of the tests is.
pub(crate) const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The longest that anything is waited for.
pub(crate) const CEILING: Duration = Duration::from_secs(20);

const FRAME: Duration = Duration::from_millis(20);
const EVENT_PAYLOAD_TYPE: u8 = 101;
/// The rate that telephones talk and listen at, where their codec can.
const RATE_HZ: u32 = 8_000;

/// An engine with so many threads.
pub(crate) fn engine(threads: usize) -> Engine {
    engine_by(threads, IoChoice::Auto)
}

/// An engine with so many threads, whose I/O goes by this.
pub(crate) fn engine_by(threads: usize, io: IoChoice) -> Engine {
    let config = EngineConfig { threads: Some(threads), rtp_ports: (20_000, 59_999), legs_max: 100, io };
    Engine::start_scheduled(&config, Scheduling { pins: false, priority: None }).unwrap()
}

/// A packet as it came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heard {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
}

#[derive(Debug, Default)]
struct State {
    tone_hz: Option<f32>,
    keys: Vec<char>,
    packets: Vec<Heard>,
    samples: Vec<i16>,
}

/// A telephone that is on until dropped.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) address: SocketAddr,
    codec: Codec,
    state: Arc<Mutex<State>>,
    is_off: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Phone {
    /// Calls a port.
    pub(crate) fn new(codec: Codec, port: u16, tone_hz: Option<f32>) -> Self {
        let socket = UdpSocket::bind((LOCAL, 0)).unwrap();
        socket.connect((LOCAL, port)).unwrap();
        let address = socket.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { tone_hz, ..State::default() }));
        let is_off = Arc::new(AtomicBool::new(false));
        let (their_state, their_end) = (Arc::clone(&state), Arc::clone(&is_off));
        let thread = std::thread::spawn(move || run(codec, &socket, &their_state, &their_end));
        Self { address, codec, state, is_off, thread: Some(thread) }
    }

    pub(crate) fn media(&self) -> LegMedia {
        LegMedia {
            remote: self.address,
            codec: self.codec,
            payload_type: self.codec.usual_payload_type(),
            event_payload_type: Some(EVENT_PAYLOAD_TYPE),
            sends: true,
            receives: true,
            transport: MediaTransport::default(),
            details: FormatDetails::default(),
        }
    }

    pub(crate) fn press(&self, keys: &str) {
        self.state.lock().unwrap().keys.extend(keys.chars());
    }

    pub(crate) fn packets(&self) -> Vec<Heard> {
        self.state.lock().unwrap().packets.clone()
    }

    /// Forgets what was heard and waits until enough was heard anew.
    pub(crate) fn listen(&self) -> Sound {
        self.state.lock().unwrap().samples.clear();
        eventually("a telephone hears packets", || {
            let samples = self.state.lock().unwrap().samples.clone();
            let rate_hz = self.codec.rate_for_hz(RATE_HZ);
            // 400 ms.
            (samples.len() * 5 >= rate_hz as usize * 2).then_some(Sound { rate_hz, samples })
        })
    }

    /// Listens until what is heard is so.
    pub(crate) fn listen_until(&self, what: &str, is_so: impl Fn(&Sound) -> bool) -> Sound {
        let start = Instant::now();
        loop {
            let sound = self.listen();
            if is_so(&sound) {
                return sound;
            }
            assert!(start.elapsed() < CEILING, "never heard: {what}");
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.is_off.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What a telephone heard for a while.
#[derive(Debug)]
pub(crate) struct Sound {
    rate_hz: u32,
    samples: Vec<i16>,
}

impl Sound {
    pub(crate) fn tone(&self, frequency_hz: f32) -> f32 {
        tone_level_dbov(&self.samples, self.rate_hz, frequency_hz)
    }

    pub(crate) fn level(&self) -> f32 {
        level_dbov(&self.samples)
    }
}

/// Waits until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < CEILING, "never: {what}");
        std::thread::yield_now();
    }
}

/// A call: a leg and its telephone.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) leg: LegControl,
    pub(crate) events: mpsc::Receiver<LegEvent>,
    pub(crate) phone: Phone,
}

impl Call {
    /// A connected call whose caller makes a tone.
    pub(crate) fn new(engine: &Engine, tone_hz: Option<f32>) -> Self {
        Self::with(engine, Codec::Pcmu, tone_hz)
    }

    pub(crate) fn with(engine: &Engine, codec: Codec, tone_hz: Option<f32>) -> Self {
        let (leg, events) = engine.open_leg(LOCAL).unwrap();
        let phone = Phone::new(codec, leg.local_port(), tone_hz);
        leg.connect(phone.media());
        Self { leg, events, phone }
    }

    /// Waits for an event; others are passed over.
    pub(crate) async fn event(&mut self, what: &str, is_it: impl Fn(&LegEvent) -> bool) -> LegEvent {
        let wait = async {
            loop {
                let event = self.events.recv().await.expect("the leg is open");
                if is_it(&event) {
                    return event;
                }
            }
        };
        tokio::time::timeout(CEILING, wait).await.unwrap_or_else(|_| panic!("never: {what}"))
    }
}

fn run(codec: Codec, socket: &UdpSocket, state: &Mutex<State>, is_off: &AtomicBool) {
    let mut encoder = Encoder::at_rate(codec, RATE_HZ, &OpusSettings::default());
    let mut decoder = Decoder::at_rate(codec, RATE_HZ);
    let ticks = codec.frame_ticks();
    let (mut sequence, mut timestamp, mut sample) = (SeqNo(7), RtpTime(1_000), 0_u32);
    let mut pressed: Option<KeyPress> = None;
    let mut deadline = Instant::now();
    while !is_off.load(Ordering::Acquire) {
        let (tone_hz, key) = {
            let mut state = state.lock().unwrap();
            let key =
                if pressed.is_none() && !state.keys.is_empty() { Some(state.keys.remove(0)) } else { None };
            (state.tone_hz, key)
        };
        if let Some(key) = key {
            pressed = KeyPress::new(key, timestamp, 5 * ticks as u16, ticks as u16);
        }
        let mut buffer = [0; 512];
        let header = Header {
            marker: false,
            payload_type: codec.usual_payload_type(),
            sequence,
            timestamp,
            ssrc: Ssrc(u32::from(socket.local_addr().unwrap().port())),
        };
        let event = pressed.as_mut().and_then(Iterator::next);
        let octets = match event {
            Some(event) => Header {
                marker: event.marker,
                payload_type: EVENT_PAYLOAD_TYPE,
                timestamp: event.timestamp,
                ..header
            }
            .write(&event.payload.to_bytes(), &mut buffer),
            None => {
                pressed = None;
                header.write(&voice(&mut encoder, tone_hz, sample), &mut buffer)
            }
        };
        // Nobody may listen yet, or any more.
        let _ = socket.send(&buffer[..octets.unwrap()]);
        (sequence, timestamp, sample) =
            (sequence.next(), timestamp.plus(ticks), sample + encoder.sample_rate_hz() / 50);
        deadline = (deadline + FRAME).max(Instant::now());
        hear(socket, &mut decoder, state, deadline);
    }
}

fn voice(encoder: &mut Encoder, tone_hz: Option<f32>, sample: u32) -> Vec<u8> {
    let rate_hz = encoder.sample_rate_hz();
    let value = |index: u32| {
        let turns = f64::from(tone_hz.unwrap_or(0.0)) * f64::from(sample + index) / f64::from(rate_hz);
        (4_000.0 * (turns.fract() * std::f64::consts::TAU).sin()) as i16
    };
    let samples: Vec<i16> = (0..rate_hz / 50).map(value).collect();
    let mut payload = vec![0; encoder.codec().frame_octets_max()];
    let octets = encoder.encode(&samples, &mut payload);
    payload.truncate(octets);
    payload
}

fn hear(socket: &UdpSocket, decoder: &mut Decoder, state: &Mutex<State>, deadline: Instant) {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        socket.set_read_timeout(Some(left)).unwrap();
        let mut buffer = [0; 2_048];
        let Ok(octets) = socket.recv(&mut buffer) else {
            continue;
        };
        let packet = Packet::parse(&buffer[..octets]).unwrap();
        let mut samples = [0; 960];
        let count = decoder.decode(packet.payload, &mut samples);
        let mut state = state.lock().unwrap();
        let heard =
            Heard { sequence: packet.sequence.0, timestamp: packet.timestamp.0, marker: packet.marker };
        state.packets.push(heard);
        state.samples.extend(&samples[..count]);
    }
}
