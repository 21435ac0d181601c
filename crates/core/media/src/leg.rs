//! A leg: one caller's packets on one side, frames on the other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use partyline_audio::{KeyDetector, LineNoise, NoiseSuppressor, Player, Resampler};
use partyline_rtp::{NtpTime, Ssrc};

use crate::control::Control;
use crate::frame::{FRAME_SAMPLES, Frame, PACKET_OCTETS, RATE_HZ, Rate, SAMPLES_MAX, SILENCE};
use crate::line::{Incoming, LegMedia, Received, StreamStart};
use crate::outgoing::Outgoing;
use crate::overlay::Overlay;
use crate::play_id::PlayId;
use crate::reach::Reach;
use crate::recorder::{Recorder, RecordingId};
use crate::report::LegReport;
use crate::shared::Shared;
use crate::speech::Speech;
use crate::transport::Secrecy;
use crate::treatment::{Conditioner, Treatment};

mod session;

use session::Session;

/// Most outputs that wait to be taken. A tick makes two or three; more come only from a caller who floods.
const OUTPUTS_MAX: usize = 16;
/// What a leg wants told or done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LegOutput {
    /// The first valid packet came.
    FirstPacket,
    /// A key was pressed, counted once.
    Key(char),
    /// A key was heard as a tone.
    Tone(char),
    /// A program came to its end.
    PlayEnded(PlayId),
    /// No packet has come for this long while it was expected.
    Quiet(Duration),
    /// A recording came to its end by itself; it waits to be taken.
    Recorded(RecordingId),
    /// The first frame of a mix was made after the leg began to hear it.
    FirstMixedAudio,
    /// The caller speaks while the mix does not take what they say; every five seconds at most.
    SpokeUnheard,
    /// The line makes noise that a mix takes; every two minutes at most.
    Noisy(LineNoise),
    /// The source is known: datagrams of others need not be handed in any more.
    Bind(SocketAddr),
    /// Datagrams of any source are to be handed in again.
    Unbind,
}

/// An RTCP packet in a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlPacket {
    /// Where it goes.
    pub far: SocketAddr,
    /// Its octets.
    pub octets: usize,
    /// Whether it goes out of the port of RTP.
    pub is_muxed: bool,
}

/// What a leg hears in a tick, apart from its own player.
#[derive(Debug)]
pub enum Downlink<'a> {
    /// Nothing; the leg is in no mix.
    Silence,
    /// What all listeners share.
    Shared(&'a mut Shared),
    /// Samples at its rate for this leg alone, and what the listeners of its mix share meanwhile, if it is in one.
    Own(&'a [i16], Option<&'a Shared>),
}

impl Downlink<'_> {
    /// What is shared in the leg's mix.
    const fn shared(&self) -> Option<&Shared> {
        match self {
            Self::Silence => None,
            Self::Shared(shared) => Some(shared),
            Self::Own(_, shared) => *shared,
        }
    }
}

/// One caller's media.
#[derive(Debug)]
pub struct Leg {
    line: Line,
    overlay: Overlay,
    recorder: Option<Box<Recorder>>,
    echoes: bool,
    outputs: VecDeque<LegOutput>,
    outputs_dropped: u64,
}

#[derive(Debug)]
enum Line {
    /// No far side yet.
    Idle(StreamStart),
    Connected(Box<Session>),
}

impl Leg {
    /// A leg without a far side. The numbers should be random.
    #[must_use]
    pub fn new(start: StreamStart) -> Self {
        Self {
            line: Line::Idle(start),
            overlay: Overlay::new(),
            recorder: None,
            echoes: false,
            outputs: VecDeque::with_capacity(OUTPUTS_MAX),
            outputs_dropped: 0,
        }
    }

    /// Sets (or changes) the far side and codec; from here on the leg makes packets.
    pub fn connect(&mut self, now: Instant, media: LegMedia) {
        self.overlay.set_rate(Rate::of(media.codec, &media.details.opus));
        match &mut self.line {
            Line::Idle(start) => {
                let session = Session {
                    secrecy: media.transport.keys.as_deref().map(|keys| Box::new(Secrecy::new(keys))),
                    reach: Reach::default(),
                    has_collided: false,
                    incoming: Incoming::new(now, &media),
                    outgoing: Outgoing::new(*start, media.codec, &media.details.opus),
                    media,
                    is_bound: false,
                    has_heard: false,
                    last_heard: now,
                    quiet_told: Duration::ZERO,
                    control: Control::default(),
                    tones: KeyDetector::new(),
                    has_toned: false,
                    key_frames: 0,
                    speech: Speech::new(),
                    conditioner: Conditioner::new(RATE_HZ),
                    echo: None,
                    line_watch: None,
                    has_sent_events: false,
                };
                self.line = Line::Connected(Box::new(session));
            }
            Line::Connected(session) => {
                if session.change(now, media) {
                    self.tell(LegOutput::Unbind);
                }
            }
        }
    }

    /// Signalling has shown that the caller hears us: more may be sent before anything comes.
    pub const fn confirm(&mut self) {
        if let Line::Connected(session) = &mut self.line {
            session.reach.confirm();
        }
    }

    /// Whether packets are protected; then [`Self::protect`] makes what is sent of what was composed.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(&self.line, Line::Connected(session) if session.secrecy.is_some())
    }

    /// Whether a datagram that came on the port of RTP is for [`Self::receive_control`].
    #[must_use]
    pub fn takes_control(&self, datagram: &[u8]) -> bool {
        matches!(&self.line, Line::Connected(session) if session.media.transport.is_control(datagram))
    }

    /// Protects a composed packet into a buffer of [`PROTECTED_OCTETS`](crate::PROTECTED_OCTETS); its octets, `None`
    /// where nothing may be sent.
    pub fn protect(&mut self, packet: &[u8], buffer: &mut [u8]) -> Option<usize> {
        match &mut self.line {
            Line::Idle(_) => None,
            Line::Connected(session) => session.secrecy.as_mut()?.protect(packet, buffer),
        }
    }

    /// The name of the stream that we send.
    #[must_use]
    pub fn ssrc(&self) -> Ssrc {
        match &self.line {
            Line::Idle(start) => Ssrc(start.ssrc),
            Line::Connected(session) => session.outgoing.ssrc(),
        }
    }

    /// Where packets go; `None` before `connect`.
    #[must_use]
    pub fn destination(&self) -> Option<SocketAddr> {
        match &self.line {
            Line::Idle(_) => None,
            Line::Connected(session) => Some(session.incoming.destination()),
        }
    }

    /// Plays over whatever is heard (which is ducked), instead of what plays now. The player is for [`RATE_HZ`].
    pub fn play(&mut self, play: PlayId, player: Player) {
        self.overlay.play(play, player);
    }

    /// Stops what plays.
    pub fn stop(&mut self) {
        self.overlay.stop();
    }

    /// Sets how loud everything but what is played privately is heard, in dB from what comes.
    pub fn set_volume(&mut self, db: f32) {
        self.overlay.set_volume(db);
    }

    /// Sends the caller's own audio back while in no mix, or no longer.
    pub const fn set_echo(&mut self, echoes: bool) {
        self.echoes = echoes;
    }

    /// Records what the caller says while in no mix, instead of what is recorded now.
    pub fn record(&mut self, recorder: Box<Recorder>) {
        self.recorder = Some(recorder);
    }

    /// Ends the recording and gives it away; `None` where there is none.
    pub const fn take_recording(&mut self) -> Option<Box<Recorder>> {
        self.recorder.take()
    }

    /// What came in this tick, into the recording.
    fn hear_recording(&mut self, level_dbov: f32) {
        if self.recorder.as_ref().is_none_or(|recorder| recorder.is_over()) {
            return;
        }
        let mut frame = [0; FRAME_SAMPLES];
        self.decode(&mut frame);
        let is_key = matches!(&self.line, Line::Connected(session) if session.tones.is_down());
        if let Some(recorder) = &mut self.recorder
            && recorder.hear(&frame, level_dbov, is_key)
        {
            let id = recorder.id();
            self.tell(LegOutput::Recorded(id));
        }
    }

    /// Takes a datagram. After [`LegOutput::Bind`] too it is judged by its source: others' may have been on their way.
    pub fn receive(&mut self, now: Instant, source: SocketAddr, datagram: &[u8]) {
        let Line::Connected(session) = &mut self.line else {
            return;
        };
        let packet = match &mut session.secrecy {
            None => Some(datagram),
            // A packet that is not authentic is nobody's: it latches nothing.
            Some(secrecy) => secrecy.unprotect(datagram),
        };
        let Some(packet) = packet else {
            session.incoming.dropped += 1;
            return;
        };
        let received = session.incoming.receive(now, source, packet, &session.media);
        let (key, latched) = match received {
            Received::Valid { latched } => (None, latched),
            Received::Key { key, latched } => (Some(key), latched),
            Received::Dropped => return,
        };
        session.last_heard = now;
        session.quiet_told = Duration::ZERO;
        session.reach.heard();
        session.avoid_collision();
        let is_first = !std::mem::replace(&mut session.has_heard, true);
        let binds = latched.or_else(|| (!session.is_bound).then(|| session.incoming.destination()));
        session.is_bound = true;
        if let Some(source) = binds {
            self.tell(LegOutput::Bind(source));
        }
        if is_first {
            self.tell(LegOutput::FirstPacket);
        }
        if let Some(key) = key {
            self.heard_event();
            self.tell(LegOutput::Key(key));
        }
    }

    fn heard_event(&mut self) {
        if let Line::Connected(session) = &mut self.line {
            session.has_sent_events = true;
            session.speech.key();
        }
    }

    /// Takes the caller's next frame; how loud it is in dBov. Once per tick, before anything is composed.
    pub fn pull(&mut self, now: Instant) -> f32 {
        self.pull_frame(now, false)
    }

    fn pull_frame(&mut self, now: Instant, is_alone: bool) -> f32 {
        let Line::Connected(session) = &mut self.line else {
            return partyline_codec::SILENCE_DBOV;
        };
        let mut level_dbov = session.incoming.pull(now, session.tempo(is_alone));
        let tone = session.hear_tones(level_dbov, is_alone);
        if session.tones.is_down() {
            level_dbov = partyline_codec::SILENCE_DBOV;
            session.speech.key();
        }
        session.speech.hear(level_dbov);
        if let Some(quiet) = session.quiet(now) {
            if std::mem::replace(&mut session.is_bound, false) {
                self.tell(LegOutput::Unbind);
            }
            self.tell(LegOutput::Quiet(quiet));
        }
        if let Some(key) = tone {
            self.tell(LegOutput::Tone(key));
        }
        level_dbov
    }

    /// Says whether the mix takes the frame pulled last. Who goes on speaking while it takes none is told.
    pub fn judge(&mut self, is_heard: bool) {
        let Line::Connected(session) = &mut self.line else {
            return;
        };
        if is_heard {
            session.speech.heard();
        } else if session.speech.unheard() {
            self.tell(LegOutput::SpokeUnheard);
        }
    }

    /// Decodes the frame pulled last, or what stands in for it.
    pub fn decode(&mut self, frame: &mut Frame) {
        match &mut self.line {
            Line::Idle(_) => frame.fill(0),
            Line::Connected(session) => {
                session.incoming.decode(frame);
                // What is a key is not for others' ears.
                if session.tones.is_down() {
                    frame.fill(0);
                }
            }
        }
    }

    /// The rate of what it hears.
    pub(crate) const fn rate(&self) -> Rate {
        match &self.line {
            Line::Idle(_) => Rate::Narrow,
            Line::Connected(session) => session.outgoing.rate(),
        }
    }

    /// Decodes the frame pulled last at its codec's rate, as it goes into a mix: treated, and perhaps louder than samples can
    /// be; how many samples it has. `is_new` says that the frame before was not asked for.
    pub(crate) fn voice(
        &mut self,
        treatment: Treatment,
        suppressor: Option<&mut NoiseSuppressor>,
        is_new: bool,
        voice: &mut [i32; SAMPLES_MAX],
    ) -> usize {
        match &mut self.line {
            Line::Connected(session) => {
                let samples = (session.incoming.native_hz() / 50) as usize;
                let voice = &mut voice[..samples];
                if session.tones.is_down() {
                    // What is a key is not for others' ears, and the voice after it must not go on with what was before.
                    voice.fill(0);
                    suppressor.into_iter().for_each(NoiseSuppressor::resume);
                } else if let Some(noise) = session.treat(treatment, suppressor, is_new, voice) {
                    self.tell(LegOutput::Noisy(noise));
                }
                samples
            }
            Line::Idle(_) => {
                voice[..FRAME_SAMPLES].fill(0);
                FRAME_SAMPLES
            }
        }
    }

    /// Makes the packet of this tick; its octets, or `None` if nothing may be sent.
    pub fn compose(&mut self, downlink: Downlink<'_>, packet: &mut [u8; PACKET_OCTETS]) -> Option<usize> {
        let Line::Connected(session) = &mut self.line else {
            return None;
        };
        if self.overlay.is_idle() {
            return session.send(downlink, packet);
        }
        let samples = session.outgoing.rate().samples();
        let mut room = *SILENCE;
        let frame = &mut room[..samples];
        let shared = match downlink {
            Downlink::Silence => None,
            Downlink::Shared(shared) => {
                frame.copy_from_slice(&shared.frame);
                Some(&*shared)
            }
            Downlink::Own(own, shared) => {
                frame.copy_from_slice(own);
                shared
            }
        };
        let ended = self.overlay.apply(frame);
        let octets = session.send(Downlink::Own(frame, shared), packet);
        if let Some(play) = ended {
            self.tell(LegOutput::PlayEnded(play));
        }
        octets
    }

    /// The leg leaves the mix whose listeners share this.
    pub(crate) fn leave(&mut self, shared: &Shared) {
        if let Line::Connected(session) = &mut self.line {
            session.outgoing.leave(Some(shared));
        }
    }

    /// A whole tick of a leg in no mix: its player, or its echo, or silence.
    pub fn tick_alone(&mut self, now: Instant, packet: &mut [u8; PACKET_OCTETS]) -> Option<usize> {
        let level_dbov = self.pull_frame(now, true);
        self.hear_recording(level_dbov);
        if !self.echoes {
            return self.compose(Downlink::Silence, packet);
        }
        if self.overlay.is_idle()
            && let Line::Connected(session) = &mut self.line
            && let Some(octets) = session.send_back(packet)
        {
            return Some(octets);
        }
        let mut room = *SILENCE;
        let frame = &mut room[..self.rate().samples()];
        self.hear_oneself(frame);
        self.compose(Downlink::Own(frame, None), packet)
    }

    /// What the caller said, at the rate of what they hear.
    fn hear_oneself(&mut self, frame: &mut [i16]) {
        let mut narrow = [0; FRAME_SAMPLES];
        match &mut self.line {
            Line::Connected(session)
                if session.incoming.native_hz() == session.outgoing.rate().hz()
                    && !session.tones.is_down() =>
            {
                frame.copy_from_slice(session.incoming.native());
            }
            Line::Idle(_) | Line::Connected(_) => {
                self.decode(&mut narrow);
                let rate_hz = self.rate().hz();
                if rate_hz == RATE_HZ {
                    frame.copy_from_slice(&narrow);
                } else if let Line::Connected(session) = &mut self.line {
                    // They speak in another codec than they hear: seldom, and made when it is first needed.
                    let new = || Box::new(Resampler::new(RATE_HZ, rate_hz, FRAME_SAMPLES));
                    session.echo.get_or_insert_with(new).process(&narrow, frame);
                }
            }
        }
    }

    /// Takes an RTCP datagram; `wall` is the time of the wall clock. One from elsewhere than the caller's address
    /// is left alone.
    pub fn receive_control(&mut self, now: Instant, wall: NtpTime, source: SocketAddr, datagram: &[u8]) {
        let Line::Connected(session) = &mut self.line else {
            return;
        };
        if source.ip() != session.incoming.destination().ip() {
            return;
        }
        let packet = match &mut session.secrecy {
            None => Some(datagram),
            Some(secrecy) => secrecy.unprotect_control(datagram),
        };
        if let Some(packet) = packet {
            let told = session.control.receive(now, wall, session.outgoing.ssrc(), source, packet);
            if told.has_heard_us {
                session.reach.heard();
            }
            if let Some(ssrc) = told.goodbye {
                session.incoming.reception.handle_goodbye(ssrc);
            }
        }
    }

    /// Makes an RTCP report, to be asked for every five seconds or so: where it goes and its octets, or `None`
    /// before `connect` and where nothing may be sent. A buffer of 160 octets is enough.
    pub fn compose_control(
        &mut self,
        now: Instant,
        wall: NtpTime,
        buffer: &mut [u8],
    ) -> Option<ControlPacket> {
        match &mut self.line {
            Line::Idle(_) => None,
            Line::Connected(session) => session.compose_control(now, wall, false, buffer),
        }
    }

    /// Makes the last RTCP packet of a leg that ends [RFC 3550 §6.3.7]; `None` where none is due.
    pub fn compose_goodbye(
        &mut self,
        now: Instant,
        wall: NtpTime,
        buffer: &mut [u8],
    ) -> Option<ControlPacket> {
        match &mut self.line {
            // Who never sent anything leaves without a word.
            Line::Connected(session) if session.outgoing.packets > 0 => {
                session.compose_control(now, wall, true, buffer)
            }
            Line::Idle(_) | Line::Connected(_) => None,
        }
    }

    /// Passes over frames that could not be ticked in time: sound and time go on without them.
    pub fn skip(&mut self, frames: u32) {
        for _ in 0..frames.min(50) {
            if let Some(play) = self.overlay.skip() {
                self.tell(LegOutput::PlayEnded(play));
            }
        }
        if let Line::Connected(session) = &mut self.line {
            session.outgoing.pause(frames);
            for _ in 0..frames.min(50) {
                session.incoming.skip();
            }
        }
    }

    /// Notes something to be told. What does not fit is dropped and counted.
    pub fn tell(&mut self, output: LegOutput) {
        if self.outputs.len() == OUTPUTS_MAX {
            self.outputs_dropped += 1;
        } else {
            self.outputs.push_back(output);
        }
    }

    /// What is to be told or done next.
    pub fn poll_output(&mut self) -> Option<LegOutput> {
        self.outputs.pop_front()
    }

    /// How many outputs were dropped since this was last asked, because nobody took them.
    pub const fn take_outputs_dropped(&mut self) -> u64 {
        std::mem::replace(&mut self.outputs_dropped, 0)
    }

    /// What the leg has seen.
    #[must_use]
    pub fn report(&self) -> LegReport {
        match &self.line {
            Line::Idle(_) => LegReport::default(),
            Line::Connected(session) => session.report(),
        }
    }
}
