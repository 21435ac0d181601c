//! Fingers: keys at random, and then those that should lead out of wherever that has led.

use std::time::Duration;

use partyline_call::{Fact, KeyMap, Menu, Preset};
use partyline_conference::reference::ReferenceRoom;
use partyline_conference::{Attendance, AttendanceState, ConfereeState, Order, Role};

use super::callers::code;
use super::{Keypads, Step, UNMUTE_EVERY, UNMUTES_MAX};

/// Who is heard by nobody, and where they are in the order of entry.
fn muted(room: &ReferenceRoom) -> impl Iterator<Item = (&Attendance, Order)> {
    room.attendances().values().filter_map(|row| match row.state {
        AttendanceState::Seated { order, voice, state: ConfereeState::Joined, .. } if voice.is_muted() => {
            Some((row, order))
        }
        AttendanceState::Seated { .. }
        | AttendanceState::Waiting(_)
        | AttendanceState::Refused(_)
        | AttendanceState::Left(_) => None,
    })
}

impl Keypads {
    /// Presses keys from now on; when the last one is pressed.
    fn press(&mut self, caller: usize, at: Duration, keys: &str) -> Duration {
        let mut at = at;
        for key in keys.chars() {
            at += self.chance.between_ms(60, 300);
            self.report.keys += 1;
            self.at(at, Step::Tell(caller, Fact::Key(key)));
        }
        at
    }

    pub(super) fn fidget(&mut self, caller: usize) {
        if self.callers[caller].is_over {
            return;
        }
        if self.chance.below(400) == 0 {
            return self.hang_up(caller);
        }
        if self.chance.percent(10) {
            self.forge(caller);
        }
        let keys = self.draw_keys();
        let last = self.press(caller, self.now, &keys);
        let next = last + self.chance.between_ms(50, 3_000);
        if next < self.random_until {
            self.at(next, Step::Fidget(caller));
        }
    }

    fn draw_keys(&mut self) -> String {
        let map: KeyMap = Preset::Default.map();
        match self.chance.below(10) {
            0 | 1 => (0..1 + self.chance.below(4)).map(|_| self.draw_key()).collect(),
            2 if self.is_code_known && self.chance.percent(20) => format!("*8{}#", code(Role::Host)),
            2 | 3 => format!("*8{}#", self.chance.below(100_000)),
            4 => format!(
                "*40{}#{}",
                self.chance.below(9),
                self.chance.pick(&["1", "1", "1", "1", "1", "1", "99", "6", "4", "9"])
            ),
            5 => format!("*9{}", self.chance.pick(&["1", "9", "6", "2", ""])),
            _ => {
                let menu = *self.chance.pick(&Menu::ALL);
                let keys: Vec<_> = map.of_menu(menu).map(|binding| binding.keys.as_str()).collect();
                let keys = (*self.chance.pick(&keys)).to_owned();
                // Who leaves is no use any more.
                if keys == "#9#" || (menu == Menu::Ending && self.chance.percent(90)) {
                    "*6".to_owned()
                } else {
                    keys
                }
            }
        }
    }

    fn draw_key(&mut self) -> char {
        *self.chance.pick(&['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#'])
    }

    /// What all do once the random keys are over.
    pub(super) fn leave_menus(&mut self) {
        for caller in 0..self.callers.len() {
            if self.callers[caller].is_over {
                continue;
            }
            // Back, as often as menus are deep; and `#`, which ends what is keyed. Long before a menu ends by itself.
            self.press(caller, self.now, "***");
            self.press(caller, self.now + Duration::from_millis(5_200), "#");
        }
    }

    /// The next one who is muted is heard again by keys: their own, or those of a host, or of one who becomes it.
    pub(super) fn unmute(&mut self, times: u32) {
        let room = self.store.room(self.room).expect("the room is there");
        let all: Vec<_> = muted(room).map(|(row, order)| (row.id, row.role, order)).collect();
        if times == 0 {
            self.report.muted += all.len() as u64;
        }
        let Some((attendance, role, order)) = all.first().copied() else {
            return;
        };
        if times == UNMUTES_MAX {
            return self.fail(format!("still muted: {all:?}"));
        }
        let seated = room.seated();
        let host = seated
            .iter()
            .find(|(_, id)| room.attendances().get(id).is_some_and(|row| row.role == Role::Host));
        let by = match (role, host) {
            (Role::Host, _) => (attendance, "#6".to_owned()),
            (Role::Participant, None) => (attendance, format!("*8{}#", code(Role::Host))),
            (Role::Participant, Some((_, host))) if times == 0 => (*host, "#5".to_owned()),
            // Their own mute is theirs to undo, where nobody else's is beside it.
            (Role::Participant, Some(_)) if times % 2 == 1 => (attendance, "#6".to_owned()),
            (Role::Participant, Some((_, host))) => (*host, format!("*40{}#", order.0)),
        };
        let (who, keys) = by;
        let is_roll_call = keys.starts_with("*40");
        if let Some(caller) = self.callers.iter().position(|caller| caller.attendance == who) {
            let last = self.press(caller, self.now, &keys);
            if is_roll_call {
                self.press(caller, last + Duration::from_millis(500), "1");
                self.press(caller, last + Duration::from_millis(1_500), "#");
            }
        }
        let at = self.now + UNMUTE_EVERY;
        self.at(at, Step::Unmute(times + 1));
    }

    pub(super) fn leave(&mut self) {
        for caller in 0..self.callers.len() {
            if self.callers[caller].is_over {
                continue;
            }
            self.report.left += 1;
            self.press(caller, self.now, "#9#");
        }
    }
}
