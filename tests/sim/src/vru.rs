//! VRU-like clients: they carry out a journey's wishes, and keep its attendance alive over broken streams.

use std::time::Duration;

use partyline_call::fact::CodeAnswer;
use partyline_call::{Brain, Fact, Wish};
use partyline_conference::{Epoch, Generation, LeaveReason, MixId, Standing};

use crate::calls::{Client, code_match, selected};
use crate::event::{CallIndex, Down, Event, StreamIndex, Up};
use crate::world::World;

impl World {
    pub(crate) fn dial(&mut self, call: CallIndex) {
        if !self.vrus[self.calls[call].plan.vru].is_up {
            self.calls[call].is_over = true;
            return;
        }
        let now = self.instant();
        self.calls[call].begin(now);
        let plan = self.calls[call].plan.clone();
        if !plan.dials_code {
            let mut at = self.now + self.chance.between_ms(300, 4_000);
            let wrong = if plan.errs { "99999#" } else { "" };
            for key in wrong.chars().chain(plan.code().chars()).chain(['#']) {
                self.queue.at(at, Event::Tell(call, Fact::Key(key)));
                // After a wrong code the caller listens first.
                let pause = if key == '#' { (2_000, 3_000) } else { (50, 300) };
                at += self.chance.between_ms(pause.0, pause.1);
            }
        }
        let goes_at = plan.goes_at.max(self.now);
        if plan.by_keys {
            for (nth, key) in "#9#".chars().enumerate() {
                let at = goes_at + Duration::from_millis(150 * nth as u64);
                self.queue.at(at, Event::Tell(call, Fact::Key(key)));
            }
        }
        // Who keyed at a moment when keys mean nothing hangs up after all.
        let patience = if plan.by_keys { Duration::from_secs(8) } else { Duration::ZERO };
        self.queue.at(goes_at + patience, Event::Tell(call, Fact::Ended(LeaveReason::HungUp)));
        self.carry_out(call);
    }

    pub(crate) fn tell_call(&mut self, call: CallIndex, fact: Fact) {
        let now = self.instant();
        if self.calls[call].is_over {
            return;
        }
        if let Some(journey) = &mut self.calls[call].journey {
            journey.handle_fact(now, fact);
            self.carry_out(call);
        }
    }

    pub(crate) fn wake(&mut self, call: CallIndex) {
        let now = self.instant();
        let state = &mut self.calls[call];
        if state.is_over || state.woken_at != Some(now) {
            return;
        }
        state.woken_at = None;
        if let Some(journey) = &mut state.journey {
            journey.handle_timeout(now);
            self.carry_out(call);
        }
    }

    /// Drains the brain's wishes, and sees that it is woken in time.
    fn carry_out(&mut self, call: CallIndex) {
        while let Some(wish) = self.calls[call].journey.as_mut().and_then(Brain::poll_wish) {
            self.wish(call, wish);
        }
        let Some(journey) = &self.calls[call].journey else {
            return;
        };
        if journey.is_over() {
            self.end_call(call);
            return;
        }
        if let Some(due) = journey.poll_timeout() {
            let due = due.max(self.instant());
            self.calls[call].woken_at = Some(due);
            let at = due.saturating_duration_since(self.origin);
            self.queue.at(at, Event::Wake(call));
        }
    }

    fn wish(&mut self, call: CallIndex, wish: Wish) {
        match wish {
            Wish::Answer => self.tell_later(call, (10, 400), Fact::MediaUp),
            Wish::Play(play, script) => {
                if !script.repeats {
                    self.tell_later(call, (200, 3_000), Fact::PlayEnded(play));
                }
            }
            Wish::LookUpCode { code, only_room: _ } => self.look_up(call, &code),
            Wish::Attend { .. } => {
                self.calls[call].client = Some(Client::default());
                self.attend(call);
            }
            Wish::AttendAgain => {
                if let Some(stream) = self.client(call).and_then(|client| client.stream.take()) {
                    self.drop_stream(stream);
                }
                self.attend(call);
            }
            Wish::JoinMix { mix, .. } => {
                self.forget_joined(call);
                self.legs.remove(&call);
                let delay = self.delay();
                let at = self.calls[call].mixer_free_at.max(self.now + delay);
                self.calls[call].mixer_free_at = at;
                self.queue.at(at, Event::Join(call, mix.mixer, mix.mix, mix.epoch));
            }
            Wish::LeaveMix => {
                self.forget_joined(call);
                self.legs.remove(&call);
            }
            Wish::Left(reason) => self.left(call, reason),
            Wish::HangUp(_) | Wish::Reject(_) => self.end_call(call),
            // Nobody presses such keys here; who did would be told that there is no answer.
            Wish::Command { number, .. } => {
                self.tell_later(call, (1, 20), Fact::CommandAnswered { number, answer: None });
            }
            Wish::ReadRoster { number, .. } => {
                self.tell_later(call, (1, 20), Fact::Roster { number, entries: None });
            }
            Wish::ReadWaiting { number, .. } => {
                self.tell_later(call, (1, 20), Fact::Waiting { number, entries: None });
            }
            // No room here announces by name, and none dials out.
            Wish::AttendAsCallee
            | Wish::CallOut(_)
            | Wish::StopCallingOut
            | Wish::RecordName(_)
            | Wish::PlayName(..)
            | Wish::EndRecording
            | Wish::KeepName(_)
            | Wish::StopPlaying
            | Wish::SetVolume(_)
            | Wish::VerifyPin { .. }
            | Wish::ReportRefusal { .. }
            | Wish::StartLineTest
            | Wish::SetEcho(_)
            | Wish::StepDone { .. } => {}
        }
    }

    fn look_up(&mut self, call: CallIndex, code: &partyline_conference::ConferenceCode) {
        let found = selected(code, self.rooms.len()).map(|(room, role)| {
            let room = &self.store.room(room).expect("codes are of rooms").room;
            CodeAnswer::Known(code_match(room, role))
        });
        let answer = found.unwrap_or(CodeAnswer::Unknown { delay: Duration::ZERO });
        self.tell_later(call, (1, 20), Fact::CodeChecked(answer));
    }

    fn tell_later(&mut self, call: CallIndex, (from_ms, to_ms): (u64, u64), fact: Fact) {
        let at = self.now + self.chance.between_ms(from_ms, to_ms);
        self.queue.at(at, Event::Tell(call, fact));
    }

    fn end_call(&mut self, call: CallIndex) {
        self.calls[call].is_over = true;
        self.legs.remove(&call);
    }

    pub(crate) fn client(&mut self, call: CallIndex) -> Option<&mut Client> {
        self.calls[call].client.as_mut()
    }

    fn forget_joined(&mut self, call: CallIndex) {
        if let Some(client) = self.client(call) {
            client.joined = None;
        }
    }

    /// Attends, with the next generation.
    fn attend(&mut self, call: CallIndex) {
        let Some(client) = self.client(call).filter(|client| !client.is_done) else {
            return;
        };
        client.generation = client.generation.next();
        let (generation, joined, left) = (client.generation, client.joined, client.left);
        let stream = self.open_stream(call, generation, Up::Hello { generation, joined, left });
        if let Some(client) = self.client(call) {
            client.stream = Some(stream);
        }
    }

    /// A leg is in its mix: the brain is told, and the CMS.
    pub(crate) fn leg_is_in(&mut self, call: CallIndex, mix: MixId, epoch: Epoch) {
        let Some(client) = self.client(call) else {
            return;
        };
        client.joined = Some((mix, epoch));
        if let Some(stream) = client.stream {
            self.send_up(stream, Up::Joined(mix, epoch));
        }
        self.tell_call(call, Fact::Joined { mix, epoch });
    }

    fn left(&mut self, call: CallIndex, reason: LeaveReason) {
        let Some(client) = self.client(call).filter(|client| !client.is_done) else {
            return;
        };
        client.left = Some(reason);
        if let Some(stream) = client.stream {
            self.send_up(stream, Up::Left(reason));
        }
        self.stir(self.calls[call].plan.room);
    }

    pub(crate) fn broken(&mut self, stream: StreamIndex) {
        let call = self.streams[stream].call;
        if !self.vrus[self.calls[call].plan.vru].is_up {
            return;
        }
        let is_current = |client: &&mut Client| client.stream == Some(stream) && !client.is_done;
        let Some(client) = self.client(call).filter(is_current) else {
            return;
        };
        client.stream = None;
        let generation = client.generation;
        let at = self.now + self.chance.between_ms(20, 1_000);
        self.queue.at(at, Event::Reattend(call, generation));
    }

    pub(crate) fn reattend(&mut self, call: CallIndex, generation: Generation) {
        let is_up = self.vrus[self.calls[call].plan.vru].is_up;
        let is_due = |client: &&mut Client| client.stream.is_none() && client.generation == generation;
        if is_up && self.client(call).filter(is_due).is_some() {
            self.attend(call);
        }
    }

    pub(crate) fn heard(&mut self, stream: StreamIndex, down: Down) {
        let call = self.streams[stream].call;
        if !self.vrus[self.calls[call].plan.vru].is_up {
            return;
        }
        let Some(client) = self.client(call).filter(|client| client.stream == Some(stream)) else {
            return;
        };
        match down {
            Down::End => client.is_done = true,
            Down::Standing(standing) => {
                if matches!(*standing, Standing::Refused(_) | Standing::Removed(_)) {
                    client.is_done = true;
                }
                self.tell_call(call, Fact::Standing(*standing));
            }
        }
    }
}
