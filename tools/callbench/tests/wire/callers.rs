//! Callers against a peer that answers, echoes, drops packets and hangs up.

use std::time::Duration;

use callbench::{Bench, BenchConfig, CallEnd, CallPlan, Codec, TransportKind, WaitError};

use crate::peer::{Habits, Peer};

async fn bench() -> Bench {
    let mut config = BenchConfig::new([127, 0, 0, 1].into());
    config.raises_priority = false;
    Bench::start(config).await.unwrap()
}

#[tokio::test]
async fn a_caller_is_answered_hears_its_echo_and_hangs_up() {
    let (bench, echo) = (bench().await, Peer::start(Habits::default()).await);
    for (plan, hz) in [
        (CallPlan::new(echo.uri("1")).tone(1000.0), 1000.0),
        (CallPlan::new(echo.uri("1")).tone(440.0).codec(Codec::Pcma), 440.0),
        (CallPlan::new(echo.uri("1")).tone(2000.0).transport(TransportKind::Tcp), 2000.0),
        (CallPlan::new(echo.uri("1")).tone(600.0).delays_offer(), 600.0),
    ] {
        let caller = bench.call(plan).await.unwrap();
        caller.wait_answered().await.unwrap();
        caller.wait_hears(hz).await.unwrap();
        let levels = caller.hears_from_now(&[hz, hz + 300.0], Duration::from_millis(300)).await;
        assert!((levels[0] + 15.0).abs() < 1.0 && levels[1] < -55.0, "{hz} Hz: {levels:?}");
        caller.set_tone(None);
        caller.wait_hears_not(hz).await.unwrap();
        caller.hang_up();
        assert_eq!(caller.wait_ended().await.unwrap(), CallEnd::WeHungUp);
    }
    bench.stop().await;
}

#[tokio::test]
async fn a_caller_who_holds_hears_and_says_nothing_and_goes_on_afterwards() {
    let (bench, echo) = (bench().await, Peer::start(Habits::default()).await);
    let caller = bench.call(CallPlan::new(echo.uri("1")).tone(900.0)).await.unwrap();
    caller.wait_answered().await.unwrap();
    caller.wait_hears(900.0).await.unwrap();
    caller.hold().await.unwrap();
    caller.wait_hears_not(900.0).await.unwrap();
    let sent = caller.packets().await.sent;
    caller.resume().await.unwrap();
    caller.wait_hears(900.0).await.unwrap();
    caller.hold_by_address().await.unwrap();
    caller.wait_hears_not(900.0).await.unwrap();
    caller.resume().await.unwrap();
    caller.wait_hears(900.0).await.unwrap();
    assert!(caller.packets().await.sent > sent);
    bench.stop().await;
}

#[tokio::test]
async fn keys_arrive_as_they_were_pressed() {
    let (bench, echo) = (bench().await, Peer::start(Habits::default()).await);
    let caller = bench.call(CallPlan::new(echo.uri("1")).digits("12345678#")).await.unwrap();
    caller.wait_answered().await.unwrap();
    assert!(caller.wait_digits_sent().await.unwrap().is_some());
    caller.send_digits("#9#");
    caller.wait_digits_sent().await.unwrap();
    echo.wait_keys("12345678##9#").await;
}

#[tokio::test]
async fn packets_that_the_peer_keeps_are_lost() {
    let habits = Habits { drops_every: Some(10), ..Habits::default() };
    let (bench, echo) = (bench().await, Peer::start(habits).await);
    let caller = bench.call(CallPlan::new(echo.uri("1")).tone(700.0)).await.unwrap();
    caller.wait_answered().await.unwrap();
    let mut packets = caller.packets().await;
    while packets.received + packets.lost < 50 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        packets = caller.packets().await;
    }
    assert!(packets.lost * 9 >= packets.received.saturating_sub(9), "{packets:?}");
    assert!(packets.lost * 9 <= packets.received + 9, "{packets:?}");
}

#[tokio::test]
async fn a_caller_that_never_sends_rtp_hears_nothing_of_itself() {
    let (bench, echo) = (bench().await, Peer::start(Habits::default()).await);
    let caller = bench.call(CallPlan::new(echo.uri("1")).tone(700.0).without_rtp()).await.unwrap();
    caller.wait_answered().await.unwrap();
    caller.wait_quieter(-80.0, Duration::from_millis(300)).await.unwrap();
    let packets = caller.packets().await;
    assert_eq!((packets.sent, packets.received), (0, 0));
}

#[tokio::test]
async fn a_refusal_is_told_with_its_status_and_a_hang_up_as_theirs() {
    let bench = bench().await;
    let busy = Peer::start(Habits { refuses: Some(486), ..Habits::default() }).await;
    let caller = bench.call(CallPlan::new(busy.uri("1"))).await.unwrap();
    let error = caller.wait_answered().await.unwrap_err();
    assert!(matches!(&error, WaitError::Ended { end: CallEnd::Refused { status: 486 }, .. }), "{error}");

    let rude = Peer::start(Habits { hangs_up_on: Some('9'), ..Habits::default() }).await;
    let caller = bench.call(CallPlan::new(rude.uri("1")).digits("9")).await.unwrap();
    assert!(matches!(caller.wait_ended().await.unwrap(), CallEnd::TheyHungUp(_)));
}

#[tokio::test]
async fn a_wait_in_vain_says_what_was_heard_instead() {
    let mut config = BenchConfig::new([127, 0, 0, 1].into());
    config.patience = Duration::from_millis(300);
    config.raises_priority = false;
    let (bench, echo) = (Bench::start(config).await.unwrap(), Peer::start(Habits::default()).await);
    let caller = bench.call(CallPlan::new(echo.uri("1")).from_user("anna")).await.unwrap();
    caller.wait_answered().await.unwrap();
    let error = caller.wait_hears(1000.0).await.unwrap_err().to_string();
    assert!(error.contains("anna") && error.contains("1000 Hz") && error.contains("dBov"), "{error}");
}

#[tokio::test]
async fn the_peer_learns_of_an_ack_unless_it_is_held_back() {
    let (bench, echo) = (bench().await, Peer::start(Habits::default()).await);
    let polite = bench.call(CallPlan::new(echo.uri("1")).from_user("polite")).await.unwrap();
    let rude = bench.call(CallPlan::new(echo.uri("1")).from_user("rude").without_ack()).await.unwrap();
    polite.wait_answered().await.unwrap();
    rude.wait_answered().await.unwrap();
    echo.wait_confirmed("polite").await;
    assert!(!echo.is_confirmed("rude"));
}

#[tokio::test]
async fn a_stopped_bench_has_hung_up() {
    let (bench, echo) = (bench().await, Peer::start(Habits::default()).await);
    let caller = bench.call(CallPlan::new(echo.uri("1"))).await.unwrap();
    caller.wait_answered().await.unwrap();
    bench.stop().await;
    assert_eq!(caller.ended(), Some(CallEnd::WeHungUp));
}
