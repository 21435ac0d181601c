//! The same by either backend: plain sockets and io_uring.

use partyline_engine::{Attachment, IoChoice, IoKind, MixKey, Treatment, probe_ring};

use crate::phone::{Call, engine_by};

const BOTH: Attachment = Attachment { uplink: true, downlink: true };

/// The backends that can be had here.
pub(crate) fn kinds() -> impl Iterator<Item = IoKind> {
    IoKind::ALL.into_iter().filter(|&kind| kind == IoKind::Plain || probe_ring().is_ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_hear_each_other_by_either_backend_and_lose_nothing_on_their_way_between_threads() {
    for kind in kinds() {
        let engine = engine_by(2, IoChoice::Only(kind));
        assert_eq!((engine.io().kind, engine.io().fallback.is_none()), (kind, true));
        let (one, other) = (Call::new(&engine, Some(500.0)), Call::new(&engine, Some(1_500.0)));
        for round in 0..6 {
            // One after the other is put on the thread with the fewest mixes.
            let mix = MixKey(round);
            engine.open_mix(mix, 2, Treatment::PLAIN).unwrap();
            for call in [&one, &other] {
                assert_eq!(engine.attach(call.leg.id(), mix, BOTH).await, Ok(()));
            }
            one.phone.listen_until("the other", |sound| sound.tone(1_500.0) > -30.0);
            other.phone.listen_until("the one", |sound| sound.tone(500.0) > -30.0);
        }
        for call in [&one, &other] {
            let packets = call.phone.packets();
            let is_next = |two: &[crate::phone::Heard]| two[0].sequence.wrapping_add(1) == two[1].sequence;
            assert!(packets.windows(2).all(is_next), "{kind}: {packets:?}");
            let report = call.leg.report().await.unwrap();
            assert_eq!(report.packets_lost, 0, "{kind}: {report:?}");
        }
        let stats = engine.stats();
        assert_eq!((stats.panics, stats.rings_lost, stats.sends_failed), (0, 0, 0), "{kind}");
        assert_eq!(stats.ring_threads, if kind == IoKind::IoUring { 2 } else { 0 });
    }
}
