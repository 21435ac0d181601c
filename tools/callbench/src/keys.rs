//! The ways in which telephones tell keys, and what may happen to the packets that do.

use std::str::FromStr;

use partyline_sip::endpoint::KeyBody;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// How a telephone tells its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyWay {
    /// As telephone-events (RFC 4733).
    #[default]
    Events,
    /// By SIP INFO with `application/dtmf-relay`.
    InfoRelay,
    /// By SIP INFO with `application/dtmf`.
    Info,
    /// As tones in the sound.
    Tones,
}

impl KeyWay {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Events, Self::InfoRelay, Self::Info, Self::Tones];

    /// The form in which INFO carries a key; `None` for a way that needs no signalling.
    pub(crate) const fn body(self) -> Option<KeyBody> {
        match self {
            Self::InfoRelay => Some(KeyBody::Relay),
            Self::Info => Some(KeyBody::Plain),
            Self::Events | Self::Tones => None,
        }
    }

    /// The word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::InfoRelay => "info-relay",
            Self::Info => "info",
            Self::Tones => "tones",
        }
    }
}

impl FromStr for KeyWay {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|way| way.word() == word);
        known.ok_or("expected events, info-relay, info or tones")
    }
}

/// What happens on its way to each packet of a telephone-event (and to each INFO, where it is doubled).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Damage {
    /// Nothing.
    #[default]
    None,
    /// So many of the first packets of each key are lost.
    FirstLost(usize),
    /// All that a key leaves is the last one of its three end packets.
    OnlyLastEnd,
    /// Of the three end packets the last two are lost.
    LastEndsLost,
    /// Each comes twice.
    Doubled,
    /// Each pair of packets comes the wrong way round.
    Reordered,
    /// Anything of this, as a seed has it; a packet of each key gets through.
    Random {
        /// The seed.
        seed: u64,
    },
}

/// Where in a key a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which packet of the key, from 0.
    pub(crate) nth: usize,
    /// Which end packet, from 1; 0 for one that is none.
    pub(crate) end: u8,
}

impl Place {
    /// Whether no packet of the key follows.
    const fn is_last(self) -> bool {
        self.end == ENDS
    }
}

/// End packets of a key [RFC 4733 §2.5.1.4].
pub(crate) const ENDS: u8 = 3;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    Once,
    Twice,
    /// After the next one.
    Later,
}

/// A way on which packets of keys come to harm.
#[derive(Debug)]
pub(crate) struct BadWay {
    damage: Damage,
    random: StdRng,
    /// Whether anything of this key has got through.
    got_through: bool,
}

impl BadWay {
    pub(crate) fn new(damage: Damage) -> Self {
        let seed = if let Damage::Random { seed } = damage { seed } else { 0 };
        Self { damage, random: StdRng::seed_from_u64(seed), got_through: false }
    }

    pub(crate) fn fate(&mut self, place: Place) -> Fate {
        self.got_through &= place.nth != 0;
        let fate = match self.damage {
            Damage::None => Fate::Once,
            Damage::FirstLost(count) if place.nth < count => Fate::Lost,
            Damage::OnlyLastEnd if !place.is_last() => Fate::Lost,
            Damage::LastEndsLost if place.end > 1 => Fate::Lost,
            Damage::FirstLost(_) | Damage::OnlyLastEnd | Damage::LastEndsLost => Fate::Once,
            Damage::Doubled => Fate::Twice,
            Damage::Reordered if place.nth.is_multiple_of(2) && !place.is_last() => Fate::Later,
            Damage::Reordered => Fate::Once,
            Damage::Random { .. } => match self.random.random_range(0..10) {
                0..4 => Fate::Lost,
                4..6 => Fate::Twice,
                6..8 if !place.is_last() => Fate::Later,
                _ => Fate::Once,
            },
        };
        let fate = if fate == Fate::Lost && place.is_last() && !self.got_through { Fate::Once } else { fate };
        self.got_through |= fate != Fate::Lost;
        fate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places of a key of 80 ms: three packets, and its end three times.
    fn key() -> impl Iterator<Item = Place> {
        (0..6).map(|nth| Place { nth, end: (nth as u8).saturating_sub(2) })
    }

    fn fates(damage: Damage) -> Vec<Fate> {
        let mut way = BadWay::new(damage);
        key().map(|place| way.fate(place)).collect()
    }

    #[test]
    fn each_damage_is_what_it_says() {
        use Fate::{Later, Lost, Once, Twice};
        assert_eq!(fates(Damage::None), [Once; 6]);
        assert_eq!(fates(Damage::FirstLost(2)), [Lost, Lost, Once, Once, Once, Once]);
        assert_eq!(fates(Damage::OnlyLastEnd), [Lost, Lost, Lost, Lost, Lost, Once]);
        assert_eq!(fates(Damage::LastEndsLost), [Once, Once, Once, Once, Lost, Lost]);
        assert_eq!(fates(Damage::Doubled), [Twice; 6]);
        assert_eq!(fates(Damage::Reordered), [Later, Once, Later, Once, Later, Once]);
    }

    #[test]
    fn whatever_happens_something_of_each_key_gets_through() {
        for seed in 0..200 {
            let mut way = BadWay::new(Damage::Random { seed });
            for _ in 0..20 {
                let fates: Vec<_> = key().map(|place| way.fate(place)).collect();
                assert!(fates.iter().any(|fate| *fate != Fate::Lost), "seed {seed}: {fates:?}");
            }
        }
        let mut way = BadWay::new(Damage::FirstLost(100));
        assert_eq!(key().map(|place| way.fate(place)).filter(|fate| *fate == Fate::Once).count(), 1);
    }

    #[test]
    fn a_run_of_damage_is_a_function_of_its_seed() {
        assert_eq!(fates(Damage::Random { seed: 7 }), fates(Damage::Random { seed: 7 }));
    }

    #[test]
    fn ways_are_read_by_their_words() {
        for way in KeyWay::ALL {
            assert_eq!(way.word().parse(), Ok(way));
        }
        assert!("rtp".parse::<KeyWay>().is_err());
    }
}
