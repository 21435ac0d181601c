//! A mix: a conference's audio.
//!
//! Each tick it takes every leg's frame, decodes only the chosen talkers, adds them up once for each rate that somebody
//! hears, takes each talker's own voice out again for that talker, and encodes once for all who only listen.

use std::time::Instant;

use partyline_audio::mixing::{add, minus_own};
use partyline_audio::{Limiter, Player};

use crate::frame::{FRAME_SAMPLES, PACKET_OCTETS, Rate, SAMPLES_MAX, SILENCE};
use crate::layer::{Fade, Layer};
use crate::leg::{Downlink, Leg, LegOutput};
use crate::programs::{Over, Programs};
use crate::quiet::Quiet;
use crate::suppressors::Suppressors;
use crate::talkers::{Activity, Choice, SeatKey, VOICES_MAX};
use crate::treatment::Treatment;

/// Where a leg stands in a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attachment {
    /// Whether the caller is heard.
    pub uplink: bool,
    /// Whether the caller hears.
    pub downlink: bool,
}

/// The mix has as many legs as it was opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the mix is full")]
pub struct MixFull;

/// Whoever keeps the legs of a mix and sends their packets.
pub trait Legs {
    /// The leg of a seat.
    fn leg(&mut self, seat: SeatKey) -> Option<&mut Leg>;

    /// Sends a packet of that leg.
    fn send(&mut self, seat: SeatKey, packet: &[u8]);
}

/// A conference's audio.
#[derive(Debug)]
pub struct Mix {
    seats: Vec<Seat>,
    seats_max: usize,
    treatment: Treatment,
    suppressors: Option<Suppressors>,
    /// The seats of the voices of this tick.
    voices: Vec<usize>,
    /// By rate; those that somebody has heard.
    layers: [Option<Box<Layer>>; Rate::COUNT],
    quiet: Quiet,
    programs: Programs,
    solo: Option<Player>,
    #[cfg(feature = "faults")]
    broken: crate::fault::Broken,
}

#[derive(Debug)]
struct Seat {
    key: SeatKey,
    attachment: Attachment,
    activity: Activity,
    voice: VoiceState,
    limiter: Limiter,
    awaits_mixed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum VoiceState {
    Unheard,
    FadesIn,
    Heard,
    FadesOut,
}

impl Mix {
    /// A mix for so many legs, which treats sound in this way.
    #[must_use]
    pub fn new(seats_max: usize, treatment: Treatment) -> Self {
        Self {
            seats: Vec::new(),
            seats_max,
            treatment,
            suppressors: None,
            voices: Vec::with_capacity(VOICES_MAX),
            layers: [Some(Box::new(Layer::new(Rate::Narrow, VOICES_MAX))), None, None],
            quiet: Quiet::new(),
            programs: Programs::new(),
            solo: None,
            #[cfg(feature = "faults")]
            broken: crate::fault::Broken::new(treatment.fault),
        }
    }

    /// Treats sound in another way from the next frame on.
    pub const fn treat(&mut self, treatment: Treatment) {
        self.treatment = treatment;
    }

    /// Takes noise from voices by these from the next frame on, or leaves it in them. Gives back what it had, so that whoever
    /// has more time drops it.
    pub const fn suppress_noise(&mut self, suppressors: Option<Suppressors>) -> Option<Suppressors> {
        std::mem::replace(&mut self.suppressors, suppressors)
    }

    /// Puts a leg in, or changes its place.
    ///
    /// # Errors
    /// [`MixFull`] for a leg that is not in yet.
    pub fn attach(&mut self, key: SeatKey, attachment: Attachment) -> Result<(), MixFull> {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.key == key) {
            seat.awaits_mixed |= attachment.downlink && !seat.attachment.downlink;
            seat.attachment = attachment;
            return Ok(());
        }
        if self.seats.len() >= self.seats_max {
            return Err(MixFull);
        }
        self.seats.push(Seat {
            key,
            attachment,
            activity: Activity::silent(),
            voice: VoiceState::Unheard,
            limiter: Limiter::default(),
            awaits_mixed: attachment.downlink,
        });
        Ok(())
    }

    /// Takes a leg out; whether it was in. What it hears from here on goes on from what it heard here.
    pub fn detach(&mut self, key: SeatKey, leg: &mut Leg) -> bool {
        self.release(leg);
        self.forget(key)
    }

    /// Takes a leg out that is no more; whether it was in.
    pub fn forget(&mut self, key: SeatKey) -> bool {
        let before = self.seats.len();
        self.seats.retain(|seat| seat.key != key);
        if let Some(suppressors) = &mut self.suppressors {
            suppressors.forget(key);
        }
        self.seats.len() < before
    }

    /// Gives a leg what it needs to go on elsewhere: before it is ticked without this mix, or the mix is no more.
    pub fn release(&self, leg: &mut Leg) {
        if let Some(layer) = &self.layers[leg.rate() as usize] {
            leg.leave(&layer.shared);
        }
    }

    /// The seats taken, in order of attachment.
    pub fn seats(&self) -> impl Iterator<Item = SeatKey> + '_ {
        self.seats.iter().map(|seat| seat.key)
    }

    /// Gives all seats new names, in their order: whoever keeps the legs is another one now.
    pub fn rename_seats(&mut self, names: impl IntoIterator<Item = SeatKey>) {
        for (seat, name) in self.seats.iter_mut().zip(names) {
            let before = std::mem::replace(&mut seat.key, name);
            self.suppressors.iter_mut().for_each(|suppressors| suppressors.rename(before, name));
            self.layers.iter_mut().flatten().for_each(|layer| layer.rename(before.0, name.0));
        }
        self.suppressors.iter_mut().for_each(Suppressors::take_new_names);
        self.layers.iter_mut().flatten().for_each(|layer| layer.renamed());
    }

    /// How many legs are in.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.seats.len()
    }

    /// Whether nobody is in.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Who was talking in the last tick.
    pub fn talkers(&self) -> impl Iterator<Item = SeatKey> + '_ {
        self.seats
            .iter()
            .filter(|seat| matches!(seat.voice, VoiceState::FadesIn | VoiceState::Heard))
            .map(|seat| seat.key)
    }

    /// Plays to all, over what they hear, after what was given before; whether there was room.
    #[must_use]
    pub fn play(&mut self, player: Player, over: Over) -> bool {
        self.programs.play(player, over)
    }

    /// What is played while exactly one leg is in; it should repeat.
    pub fn set_solo(&mut self, player: Option<Player>) {
        self.solo = player;
    }

    /// One frame: takes what the callers said, sends what they hear.
    pub fn tick(&mut self, now: Instant, legs: &mut impl Legs) {
        self.layers.iter_mut().flatten().for_each(|layer| layer.is_heard = false);
        self.listen(now, legs);
        self.choose();
        self.decode(legs);
        let has_programs = self.add_programs();
        self.speak(legs, has_programs);
    }

    /// Takes every leg's frame and how loud it is.
    fn listen(&mut self, now: Instant, legs: &mut impl Legs) {
        for seat in &mut self.seats {
            let is_muted = seat.attachment.downlink && !seat.attachment.uplink;
            let level_dbov = legs.leg(seat.key).map_or(partyline_codec::SILENCE_DBOV, |leg| {
                if seat.attachment.downlink {
                    let new = || Box::new(Layer::new(leg.rate(), VOICES_MAX));
                    self.layers[leg.rate() as usize].get_or_insert_with(new).is_heard = true;
                }
                let level_dbov = leg.pull(now);
                leg.judge(!is_muted);
                level_dbov
            });
            if seat.attachment.uplink {
                seat.activity.update(level_dbov);
            } else {
                seat.activity = Activity::silent();
                seat.voice = VoiceState::Unheard;
            }
        }
    }

    /// Chooses the talkers; who is no longer one fades out, but who was muted is gone at once.
    fn choose(&mut self) {
        let mut choice = Choice::new();
        for (index, seat) in self.seats.iter().enumerate() {
            let is_talker = matches!(seat.voice, VoiceState::FadesIn | VoiceState::Heard);
            choice.consider(index, seat.activity, is_talker);
        }
        for seat in &mut self.seats {
            seat.voice = match seat.voice {
                VoiceState::FadesIn | VoiceState::Heard => VoiceState::FadesOut,
                VoiceState::Unheard | VoiceState::FadesOut => VoiceState::Unheard,
            };
        }
        for index in choice.seats() {
            let voice = &mut self.seats[index].voice;
            *voice = if *voice == VoiceState::FadesOut { VoiceState::Heard } else { VoiceState::FadesIn };
        }
    }

    /// Decodes and adds up the voices.
    fn decode(&mut self, legs: &mut impl Legs) {
        self.voices.clear();
        self.layers.iter_mut().flatten().for_each(|layer| layer.begin());
        self.suppressors.iter_mut().for_each(|suppressors| suppressors.begin());
        let mut room = [0; SAMPLES_MAX];
        for (index, seat) in self.seats.iter().enumerate() {
            let fade = match seat.voice {
                VoiceState::Unheard => continue,
                VoiceState::FadesIn => Fade::In,
                VoiceState::Heard => Fade::None,
                VoiceState::FadesOut => Fade::Out,
            };
            if self.voices.len() == VOICES_MAX {
                break;
            }
            let Some(leg) = legs.leg(seat.key) else {
                continue;
            };
            let suppressor = self.suppressors.as_mut().and_then(|suppressors| suppressors.of(seat.key));
            let samples = leg.voice(self.treatment, suppressor, fade == Fade::In, &mut room);
            for layer in self.layers.iter_mut().flatten().filter(|layer| layer.is_heard) {
                let frame = layer.hear(seat.key.0, &room[..samples], fade);
                self.programs.duck(frame);
                #[cfg(feature = "faults")]
                if frame.len() == FRAME_SAMPLES {
                    self.broken.delay(seat.key.0, frame);
                }
                layer.add_last();
            }
            self.voices.push(index);
        }
    }

    /// Adds what is played to all; whether anything is.
    fn add_programs(&mut self) -> bool {
        let (mut has_solo, mut played) = (false, [0; FRAME_SAMPLES]);
        if let (Some(player), 1) = (&mut self.solo, self.seats.len()) {
            let mut frame = [0; FRAME_SAMPLES];
            player.fill(&mut frame);
            add(&mut played, &frame);
            self.programs.duck(&mut played);
            has_solo = true;
        }
        // The last of the tick: what is ducked has been.
        let has_programs = self.programs.add_to(&mut played) || has_solo;
        for layer in self.layers.iter_mut().flatten().filter(|layer| layer.is_heard) {
            layer.add_programs(has_programs.then_some(&played));
        }
        has_programs
    }

    /// Gives each leg what it hears.
    fn speak(&mut self, legs: &mut impl Legs, has_programs: bool) {
        let is_silent = self.voices.is_empty() && !has_programs;
        self.quiet.renew();
        let quiet = if self.treatment.has_comfort_noise { Some(&self.quiet) } else { None };
        let silence = |rate: Rate| quiet.map_or(&SILENCE[..rate.samples()], |quiet| quiet.frame(rate));
        for layer in self.layers.iter_mut().flatten().filter(|layer| layer.is_heard) {
            let silence = is_silent.then(|| silence(layer.rate()));
            layer.finish(silence);
        }
        let mut packet = [0; PACKET_OCTETS];
        for (index, seat) in self.seats.iter_mut().enumerate() {
            let Some(leg) = legs.leg(seat.key) else {
                continue;
            };
            let own = self.voices.iter().position(|&voice| voice == index);
            #[cfg(feature = "faults")]
            let own = own.filter(|_| !self.broken.hears_oneself());
            let rate = leg.rate();
            let layer = &mut self.layers[rate as usize];
            let is_alone = self.voices.len() == 1 && !has_programs;
            let composed = match (layer, own) {
                (Some(layer), None) if seat.attachment.downlink => {
                    leg.compose(Downlink::Shared(&mut layer.shared), &mut packet)
                }
                (Some(layer), Some(_)) if seat.attachment.downlink && is_alone => {
                    leg.compose(Downlink::Own(silence(rate), Some(&layer.shared)), &mut packet)
                }
                (Some(layer), Some(voice)) if seat.attachment.downlink => {
                    let (mut others, mut room) = ([0; SAMPLES_MAX], [0; SAMPLES_MAX]);
                    let (others, frame) = (&mut others[..rate.samples()], &mut room[..rate.samples()]);
                    minus_own(&layer.sum, layer.voice(voice), others);
                    seat.limiter.limit(others, frame);
                    leg.compose(Downlink::Own(frame, Some(&layer.shared)), &mut packet)
                }
                (layer, _) => {
                    let shared = layer.as_ref().map(|layer| &layer.shared);
                    leg.compose(Downlink::Own(&SILENCE[..rate.samples()], shared), &mut packet)
                }
            };
            let hears = seat.attachment.downlink;
            if let Some(octets) = composed {
                if hears && std::mem::replace(&mut seat.awaits_mixed, false) {
                    leg.tell(LegOutput::FirstMixedAudio);
                }
                #[cfg(feature = "faults")]
                if self.broken.drops() {
                    continue;
                }
                legs.send(seat.key, &packet[..octets]);
            }
        }
    }
}
