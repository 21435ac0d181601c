//! What a mix adds up at one rate: the voices of its talkers as those hear them whose telephones have that rate.
//!
//! Every rate that somebody hears has a sum of its own, made of the voices themselves: what telephones hear is made of
//! wideband voices by a low-pass, and nobody's sound changes when somebody with another rate comes or goes.
//! **Invariant:** a layer is made when the first listener of its rate is seen, and what it needs for talkers of other rates
//! when they first speak; nothing allocates after that.

use partyline_audio::mixing::{GainRamp, add};
use partyline_audio::{Limiter, Resampler};

use crate::frame::{RATE_HZ, Rate, SAMPLES_MAX};
use crate::shared::Shared;

/// How much of a frame a new talker fades in for, as one of so many parts: 2.5 ms, enough not to click and too short to be
/// missed.
const FADE_IN_PART: usize = 8;

/// How a voice is in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fade {
    In,
    None,
    Out,
}

/// One rate of a mix.
#[derive(Debug)]
pub(crate) struct Layer {
    rate: Rate,
    /// Somebody hears it in this tick.
    pub(crate) is_heard: bool,
    pub(crate) sum: Box<[i32]>,
    /// The voices of this tick, one after the other.
    voices: Vec<i32>,
    voices_max: usize,
    carriers: Vec<Carrier>,
    programs: Option<Resampler>,
    has_tail: bool,
    limiter: Limiter,
    pub(crate) shared: Shared,
}

/// What takes one talker's voice to a layer's rate.
#[derive(Debug)]
struct Carrier {
    seat: u32,
    next_seat: Option<u32>,
    is_busy: bool,
    /// It was in the tick before: its talker may be yet to come in this one.
    was_busy: bool,
    resampler: Resampler,
}

impl Layer {
    pub(crate) fn new(rate: Rate, voices_max: usize) -> Self {
        let samples = rate.samples();
        Self {
            rate,
            is_heard: false,
            sum: vec![0; samples].into_boxed_slice(),
            voices: Vec::with_capacity(voices_max * samples),
            voices_max,
            carriers: Vec::new(),
            programs: (rate != Rate::Narrow).then(|| Resampler::new(RATE_HZ, rate.hz(), SAMPLES_MAX)),
            has_tail: false,
            limiter: Limiter::default(),
            shared: Shared::at(rate),
        }
    }

    pub(crate) const fn rate(&self) -> Rate {
        self.rate
    }

    /// A tick has come: nobody has spoken yet.
    pub(crate) fn begin(&mut self) {
        self.sum.fill(0);
        self.voices.clear();
        for carrier in &mut self.carriers {
            carrier.was_busy = std::mem::replace(&mut carrier.is_busy, false);
        }
    }

    /// Takes a talker's voice, a frame at their codec's rate, and gives it at this one to be changed before
    /// [`Self::add_last`] adds it up.
    pub(crate) fn hear(&mut self, seat: u32, voice: &[i32], fade: Fade) -> &mut [i32] {
        let (samples, from) = (self.rate.samples(), self.voices.len());
        self.voices.resize(from + samples, 0);
        if voice.len() == samples {
            self.voices[from..].copy_from_slice(voice);
        } else {
            let from_hz = voice.len() as u32 * 50;
            let mut voices = std::mem::take(&mut self.voices);
            if let Some(resampler) = self.carrier(seat, from_hz) {
                resampler.process_sums(voice, &mut voices[from..]);
            }
            self.voices = voices;
        }
        let frame = &mut self.voices[from..];
        match fade {
            Fade::In => GainRamp::at(0.0).apply_to_sum(&mut frame[..samples / FADE_IN_PART], 1.0, 1.0),
            Fade::Out => GainRamp::at(1.0).apply_to_sum(frame, 0.0, 1.0),
            Fade::None => {}
        }
        frame
    }

    /// Adds up the voice that was heard last.
    pub(crate) fn add_last(&mut self) {
        let from = self.voices.len().saturating_sub(self.rate.samples());
        add(&mut self.sum, &self.voices[from..]);
    }

    /// The voice that was heard as the nth.
    pub(crate) fn voice(&self, nth: usize) -> &[i32] {
        let samples = self.rate.samples();
        &self.voices[nth * samples..(nth + 1) * samples]
    }

    /// A talker gets another name, which holds once [`Self::renamed`] says that all have theirs.
    pub(crate) fn rename(&mut self, before: u32, name: u32) {
        for carrier in self.carriers.iter_mut().filter(|carrier| carrier.seat == before) {
            carrier.next_seat = Some(name);
        }
    }

    /// All talkers have their new names.
    pub(crate) fn renamed(&mut self) {
        for carrier in &mut self.carriers {
            carrier.seat = carrier.next_seat.take().unwrap_or(carrier.seat);
        }
    }

    /// The carrier that a talker had in the tick before, or one of nobody, which begins: a talker fades in, so that it is
    /// not heard.
    fn carrier(&mut self, seat: u32, from_hz: u32) -> Option<&mut Resampler> {
        let own = self.carriers.iter().position(|carrier| {
            carrier.seat == seat && carrier.was_busy && carrier.resampler.from_hz() == from_hz
        });
        let is_new = own.is_none();
        let free = || self.carriers.iter().position(|carrier| !carrier.is_busy && !carrier.was_busy);
        let nth = match own.or_else(free) {
            Some(nth) => nth,
            None if self.carriers.len() < 2 * self.voices_max => {
                let resampler = Resampler::new(Rate::Full.hz(), self.rate.hz(), SAMPLES_MAX);
                self.carriers.push(Carrier {
                    seat,
                    next_seat: None,
                    is_busy: true,
                    was_busy: false,
                    resampler,
                });
                self.carriers.len() - 1
            }
            None => return None,
        };
        let carrier = &mut self.carriers[nth];
        (carrier.seat, carrier.is_busy) = (seat, true);
        if is_new {
            carrier.resampler.begin_from(from_hz);
        }
        Some(&mut carrier.resampler)
    }

    /// Adds what is played to all, at [`RATE_HZ`]; nothing where nothing is.
    pub(crate) fn add_programs(&mut self, played: Option<&[i32]>) {
        let has_tail = std::mem::replace(&mut self.has_tail, played.is_some());
        if played.is_none() && !has_tail {
            return;
        }
        let silence = [0; Rate::Narrow.samples()];
        let played = played.unwrap_or(&silence);
        match &mut self.programs {
            None => add(&mut self.sum, played),
            Some(resampler) => {
                let mut room = [0; SAMPLES_MAX];
                let count = resampler.process_sums(played, &mut room[..self.sum.len()]);
                add(&mut self.sum, &room[..count]);
            }
        }
    }

    /// Makes what listeners hear: the sum, or what stands for silence.
    pub(crate) fn finish(&mut self, silence: Option<&[i16]>) {
        self.limiter.limit(&self.sum, self.shared.renew());
        if let Some(silence) = silence {
            self.shared.frame.copy_from_slice(silence);
        }
    }
}
