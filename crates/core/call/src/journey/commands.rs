//! Keys of a caller who waits or confers.

use std::time::Instant;

use partyline_conference::LeaveReason;

use super::{Journey, help};
use crate::keypad::{KeyCommand, Menu, Pressed};
use crate::prompt::Prompt;
use crate::script::Script;

impl Journey {
    pub(super) fn key_of_command(&mut self, now: Instant, key: char) {
        if self.player.speaks() {
            self.stop_playing();
            self.prompt_over_mix_ended();
        }
        let map = self.keys.clone();
        let Some(attending) = self.attending() else {
            return;
        };
        let role = attending.role();
        let pressed = attending.keypad.press(now, key, &map, Menu::Conference, role);
        self.pressed(now, pressed);
    }

    pub(super) fn pressed(&mut self, now: Instant, pressed: Pressed) {
        let is_placed = self.attending().is_some_and(|attending| attending.is_placed());
        match pressed {
            Pressed::Nothing => {}
            Pressed::Command(KeyCommand::Leave) => self.leave(now, LeaveReason::Keys),
            Pressed::Command(KeyCommand::Help) => self.say_keys(),
            Pressed::Command(_) | Pressed::Forbidden(_) if !is_placed => {
                self.play(Script::say([Prompt::NotYet]));
            }
            Pressed::Command(_) => self.play(Script::say([Prompt::NotAvailable])),
            Pressed::Forbidden(_) => self.play(Script::say([Prompt::HostsOnly])),
            Pressed::Unknown => self.play(Script::say([Prompt::KeyUnknown])),
            Pressed::Unfinished => self.play(Script::say([Prompt::NotRecognised])),
        }
    }

    fn say_keys(&mut self) {
        let (map, language) = (self.keys.clone(), self.language);
        let Some(attending) = self.attending() else {
            return;
        };
        let script = if attending.is_placed() {
            help::keys_of_menu(&map, Menu::Conference, attending.role(), language)
        } else {
            help::keys_of_waiting(&map, language)
        };
        self.play(script);
    }
}
