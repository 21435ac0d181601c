//! Mixes that are broken on purpose: what shows that a meter sees what it is there for.
//!
//! Nothing of it is built without the feature `faults`, which tests of meters alone ask for.

use std::collections::{HashMap, VecDeque};

/// What is wrong with a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Talkers hear themselves too.
    HearsOneself,
    /// One packet in so many is never sent.
    DropsOneIn(u32),
    /// Voices come so many samples late, to telephones of narrow band.
    DelaysBy(usize),
}

/// What a broken mix has to remember.
#[derive(Debug)]
pub(crate) struct Broken {
    fault: Option<Fault>,
    packets: u32,
    delayed: HashMap<u32, VecDeque<i32>>,
}

impl Broken {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self { fault, packets: 0, delayed: HashMap::new() }
    }

    pub(crate) fn hears_oneself(&self) -> bool {
        self.fault == Some(Fault::HearsOneself)
    }

    /// Whether the next packet is not sent.
    pub(crate) fn drops(&mut self) -> bool {
        let Some(Fault::DropsOneIn(count)) = self.fault else {
            return false;
        };
        self.packets = self.packets.wrapping_add(1);
        self.packets.is_multiple_of(count)
    }

    /// Puts what was said earlier in the place of a voice.
    pub(crate) fn delay(&mut self, seat: u32, frame: &mut [i32]) {
        let Some(Fault::DelaysBy(samples)) = self.fault else {
            return;
        };
        let line = self.delayed.entry(seat).or_insert_with(|| VecDeque::from(vec![0; samples]));
        for sample in frame {
            line.push_back(*sample);
            *sample = line.pop_front().unwrap_or(0);
        }
    }
}
