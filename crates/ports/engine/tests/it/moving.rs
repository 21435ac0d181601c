//! Conferences that change threads while people talk.

use partyline_engine::{Attachment, IoChoice, LegControl, MixKey, Over, Treatment};

use crate::hearing::tone;
use crate::io::kinds;
use crate::phone::{Call, Heard, LOCAL, engine_by, eventually};

const BOTH: Attachment = Attachment { uplink: true, downlink: true };

#[tokio::test(flavor = "multi_thread")]
async fn a_conference_moves_to_the_idler_thread_and_nobody_hears_it() {
    for kind in kinds() {
        let engine = engine_by(2, IoChoice::Only(kind));
        // One after the other on the thread with the fewest mixes: the first and the third share one.
        let (small, other, large) = (MixKey(1), MixKey(2), MixKey(3));
        for mix in [small, other, large] {
            engine.open_mix(mix, 20, Treatment::PLAIN).unwrap();
        }
        let tones = [500.0, 1_000.0, 1_500.0];
        let calls = tones.map(|hz| Call::new(&engine, Some(hz)));
        for call in &calls {
            assert_eq!(engine.attach(call.leg.id(), small, BOTH).await, Ok(()));
        }
        let mut silent: Vec<LegControl> = Vec::new();
        for _ in 0..15 {
            let (leg, _events) = engine.open_leg(LOCAL).unwrap();
            assert_eq!(engine.attach(leg.id(), large, BOTH).await, Ok(()));
            silent.push(leg);
        }
        let all_hear_all = || {
            for (own, call) in calls.iter().enumerate() {
                let others = (0..3).filter(|&nth| nth != own);
                call.phone.listen_until("the others and not oneself", |sound| {
                    others.clone().all(|nth| sound.tone(tones[nth]) > -30.0) && sound.tone(tones[own]) < -50.0
                });
            }
        };
        all_hear_all();
        eventually("the small conference has moved", || {
            engine.balance();
            (engine.stats().mixes_moved > 0).then_some(())
        });
        all_hear_all();
        assert!(!engine.balance(), "the large one would turn the scales");

        // It is found where it is now.
        let late = Call::new(&engine, Some(2_000.0));
        assert_eq!(engine.attach(late.leg.id(), small, BOTH).await, Ok(()));
        calls[0].phone.listen_until("who came late", |sound| sound.tone(2_000.0) > -30.0);
        engine.play_to_mix(small, tone(2_500.0, 2_000), Over::DuckedTalk);
        calls[1].phone.listen_until("a tone to all", |sound| sound.tone(2_500.0) > -40.0);

        for call in &calls {
            let packets = call.phone.packets();
            let is_next = |two: &[Heard]| two[0].sequence.wrapping_add(1) == two[1].sequence;
            assert!(packets.windows(2).all(is_next), "{kind}: {packets:?}");
            // A thread that comes too late on a busy machine lets time pass.
            let is_timely = |two: &[Heard]| two[0].timestamp.wrapping_add(160) == two[1].timestamp;
            assert!(
                engine.stats().frames_skipped > 0 || packets.windows(2).all(is_timely),
                "{kind}: {packets:?}"
            );
            let report = call.leg.report().await.unwrap();
            assert_eq!(report.packets_lost, 0, "{kind}: {report:?}");
        }
        engine.close_mix(small);
        calls[2].phone.listen_until("nothing", |sound| sound.level() < -60.0);
        let stats = engine.stats();
        assert_eq!((stats.panics, stats.mixes_moved, stats.mixes), (0, 1, 2), "{kind}");
    }
}
