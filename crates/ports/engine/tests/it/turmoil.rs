//! Legs and mixes that come and go in any order, on several threads.

use std::net::UdpSocket;

use partyline_audio::{Program, Step};
use partyline_codec::Codec;
use partyline_engine::{
    Attachment, Engine, FormatDetails, IoChoice, LegControl, LegId, LegMedia, MediaTransport, MixKey, Over,
    PlayId, Treatment,
};

use crate::phone::{LOCAL, engine_by, eventually};

const MIXES: u64 = 6;
const STEPS: usize = 3_000;

/// A row of numbers that is the same each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn program() -> Program {
    let step =
        Step::Tone { frequency_hz: 440.0, duration: std::time::Duration::from_millis(30), level_dbov: -20.0 };
    Program { steps: vec![step], repeats: false }
}

/// One random step; an attachment is asked for and not waited for.
fn step(engine: &Engine, dice: &mut Dice, legs: &mut Vec<LegControl>, sink: &UdpSocket) {
    let mix = MixKey(u128::from(dice.throw(MIXES)));
    let chosen = legs.get(dice.throw(legs.len().max(1) as u64) as usize);
    let id = chosen.map_or(LegId(0), LegControl::id);
    let attachment = Attachment { uplink: dice.throw(2) == 0, downlink: dice.throw(2) == 0 };
    match dice.throw(12) {
        0..=2 => {
            if let Ok((leg, _events)) = engine.open_leg(LOCAL) {
                legs.push(leg);
            }
        }
        3 if legs.len() > 20 => drop(legs.swap_remove(0)),
        4 => drop(engine.open_mix(mix, 8, Treatment::FULL)),
        5 if dice.throw(4) == 0 => engine.close_mix(mix),
        6 => engine.detach(id, mix),
        7 => engine.play_to_mix(mix, program(), Over::DuckedTalk),
        8 => engine.set_solo_program(mix, (dice.throw(2) == 0).then(program)),
        9 => {
            if let Some(leg) = chosen {
                leg.play(PlayId(dice.throw(100)), program());
                leg.connect(LegMedia {
                    remote: sink.local_addr().unwrap(),
                    codec: Codec::ALL[dice.throw(4) as usize],
                    payload_type: 0,
                    event_payload_type: None,
                    sends: dice.throw(4) > 0,
                    receives: dice.throw(4) > 0,
                    transport: MediaTransport::default(),
                    details: FormatDetails::default(),
                });
            }
        }
        10 if dice.throw(4) == 0 => drop(engine.balance()),
        _ => {
            let engine = engine.clone();
            tokio::spawn(async move { engine.attach(id, mix, attachment).await });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_panics_or_is_left_over_whatever_comes_and_goes() {
    for kind in crate::io::kinds() {
        stir(engine_by(4, IoChoice::Only(kind))).await;
    }
}

async fn stir(engine: Engine) {
    let sink = UdpSocket::bind((LOCAL, 0)).unwrap();
    let mut dice = Dice(2_026);
    let mut legs = Vec::new();
    for turn in 0..STEPS {
        step(&engine, &mut dice, &mut legs, &sink);
        if turn % 20 == 0 {
            // An answer takes a tick: steps are spread over ticks.
            if let Some(leg) = legs.last() {
                assert!(leg.report().await.is_some());
            }
        }
    }
    let ports: Vec<u16> = legs.iter().map(LegControl::local_port).collect();
    assert!(!ports.is_empty());
    legs.clear();
    (0..MIXES).for_each(|mix| engine.close_mix(MixKey(u128::from(mix))));
    for port in ports {
        eventually("the port is free", || UdpSocket::bind((LOCAL, port)).ok());
    }
    let stats = engine.stats();
    assert_eq!((stats.panics, stats.legs, stats.mixes, stats.rings_lost), (0, 0, 0, 0));
}
