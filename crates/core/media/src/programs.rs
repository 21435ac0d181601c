//! What is played to a whole mix: one program after the other, some with the talk ducked beneath them.

use std::collections::VecDeque;

use partyline_audio::level::factor_of_db;
use partyline_audio::mixing::{GainRamp, add};
use partyline_audio::{Player, Playing};

use crate::frame::FRAME_SAMPLES;

/// Most programs that wait to be played to a mix.
pub const PROGRAMS_MAX: usize = 16;
/// How loud an announcement is, from what it was recorded at: everybody hears it, and it is louder than nobody.
const ANNOUNCED_DB: f32 = -6.0;
/// How far the talk goes down under an announcement: still understood, and well below it.
const DUCKING_DB: f32 = -12.0;
/// How far the talk moves within a frame: all the way in about 80 ms. Faster is heard as a click.
const DUCKING_STEP: f32 = 0.2;

/// How a program is heard in a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Beneath the talk, which stays as it is: a tone.
    Talk,
    /// Above the talk, which goes down meanwhile: an announcement.
    DuckedTalk,
}

/// The programs of one mix.
#[derive(Debug)]
pub(crate) struct Programs {
    waiting: VecDeque<(Player, Over)>,
    ducking: GainRamp,
    ducked_factor: f32,
    announced_factor: f32,
}

impl Programs {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            ducking: GainRamp::at(1.0),
            ducked_factor: factor_of_db(DUCKING_DB),
            announced_factor: factor_of_db(ANNOUNCED_DB),
        }
    }

    /// Plays after what was given before; whether there was room.
    pub(crate) fn play(&mut self, player: Player, over: Over) -> bool {
        let has_room = self.waiting.len() < PROGRAMS_MAX;
        if has_room {
            self.waiting.push_back((player, over));
        }
        has_room
    }

    fn target(&self) -> f32 {
        match self.waiting.front() {
            Some((_, Over::DuckedTalk)) => self.ducked_factor,
            Some((_, Over::Talk)) | None => 1.0,
        }
    }

    /// Makes a frame of the talk as loud as it should be in this tick: each frame in the same way, so that what one says
    /// can be taken out of the sum again.
    pub(crate) fn duck(&self, frame: &mut [i32]) {
        let mut ramp = self.ducking;
        ramp.apply_to_sum(frame, self.target(), DUCKING_STEP);
    }

    /// Adds what is played to a sum at [`RATE_HZ`](crate::RATE_HZ), and goes on to the next tick; whether anything was.
    pub(crate) fn add_to(&mut self, sum: &mut [i32]) -> bool {
        let target = self.target();
        self.ducking.apply(&mut [], target, DUCKING_STEP);
        let Some((player, over)) = self.waiting.front_mut() else { return false };
        let mut frame = [0; FRAME_SAMPLES];
        let playing = player.fill(&mut frame);
        if *over == Over::DuckedTalk {
            GainRamp::at(self.announced_factor).apply(&mut frame, self.announced_factor, 1.0);
        }
        add(sum, &frame);
        if playing == Playing::Ended {
            self.waiting.pop_front();
        }
        true
    }
}
