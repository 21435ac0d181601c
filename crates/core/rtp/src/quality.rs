//! How good a call sounds, estimated from what the network did to it [ITU-T G.107].
//!
//! The E-model's narrow-band scale is used for all codecs, so that calls can be compared; where nothing is measured
//! (echo, noise, handsets) its defaults hold. It is a pure function: it measures nothing itself.

use std::time::Duration;

/// What a codec costs, and how well it bears loss [ITU-T G.113, appendix I].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CodecImpairment {
    /// Equipment impairment Ie, without loss.
    pub equipment: f32,
    /// Robustness Bpl against packet loss: higher bears more.
    pub loss_robustness: f32,
}

impl CodecImpairment {
    /// G.711, loss not concealed.
    pub const G711_BARE: Self = Self { equipment: 0.0, loss_robustness: 4.3 };
    /// G.711, loss concealed.
    pub const G711: Self = Self { equipment: 0.0, loss_robustness: 25.1 };
    /// G.722, loss concealed. An estimate: on the narrow-band scale it is no worse than G.711, and its predictor takes
    /// longer to recover.
    pub const G722: Self = Self { equipment: 0.0, loss_robustness: 20.0 };
    /// Opus with its own concealment and repair. An estimate: G.113 does not list it.
    pub const OPUS: Self = Self { equipment: 0.0, loss_robustness: 30.0 };
}

/// What happened to a stream, on its way to whoever hears it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conditions {
    /// The codec.
    pub codec: CodecImpairment,
    /// Share of packets that were not heard: lost, or too late; 0 to 1.
    pub loss_share: f32,
    /// Packets lost in a row, in the mean; 1 or less where that is not known.
    pub burst_packets: f32,
    /// From mouth to ear.
    pub delay: Duration,
}

/// An estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rating {
    /// The transmission rating R: 0 to 100, 93.2 at best.
    pub factor: f32,
    /// The mean opinion score that goes with it: 1 to 4.5.
    pub mos: f32,
}

impl Rating {
    /// What these conditions sound like.
    #[must_use]
    pub fn of(conditions: &Conditions) -> Self {
        let equipment = equipment_impairment(conditions);
        let factor =
            (f64::from(NO_IMPAIRMENT) - delay_impairment(conditions.delay) - equipment).clamp(0.0, 100.0);
        Self { factor: factor as f32, mos: opinion(factor) as f32 }
    }
}

/// Ro − Is with the defaults of G.107: basic ratio less simultaneous impairments.
const NO_IMPAIRMENT: f32 = 93.355;

/// Ie,eff [G.107 §3.5]: loss in bursts is heard more.
fn equipment_impairment(conditions: &Conditions) -> f64 {
    let CodecImpairment { equipment, loss_robustness } = conditions.codec;
    let (equipment, robustness) = (f64::from(equipment), f64::from(loss_robustness));
    let share = f64::from(conditions.loss_share.clamp(0.0, 1.0));
    let percent = share * 100.0;
    // Lost at random, runs are 1 ÷ (1 − share) long.
    let burst_ratio = (f64::from(conditions.burst_packets) * (1.0 - share)).max(1.0);
    let through_loss = percent / (percent / burst_ratio + robustness);
    equipment + (95.0 - equipment) * through_loss
}

/// Id [G.107 §3.4] with the defaults: talker echo, listener echo, and delay itself.
fn delay_impairment(delay: Duration) -> f64 {
    let one_way_ms = delay.as_secs_f64().min(10.0) * 1_000.0;
    talker_echo(one_way_ms) + listener_echo(2.0 * one_way_ms) + too_long(one_way_ms)
}

fn talker_echo(one_way_ms: f64) -> f64 {
    /// Roe by the default noise of −61.18 dBm0p.
    const RATIO: f64 = 94.769;
    /// TELR, the loss of the talker's echo.
    const LOSS_DB: f64 = 65.0;
    let squared = one_way_ms * one_way_ms;
    let terv = LOSS_DB - 40.0 * ((1.0 + one_way_ms / 10.0) / (1.0 + one_way_ms / 150.0)).log10()
        + 6.0 * (-0.3 * squared).exp();
    let echo = 80.0 + 2.5 * (terv - 14.0);
    let half = (RATIO - echo) / 2.0;
    (half + (half * half + 100.0).sqrt() - 1.0) * (1.0 - (-one_way_ms).exp())
}

fn listener_echo(round_trip_ms: f64) -> f64 {
    /// Ro.
    const RATIO: f64 = 94.769;
    /// WEPL, the loss around the loop.
    const LOSS_DB: f64 = 110.0;
    let echo = 10.5 * (LOSS_DB + 7.0) * (round_trip_ms + 1.0).powf(-0.25);
    let half = (RATIO - echo) / 2.0;
    half + (half * half + 169.0).sqrt()
}

fn too_long(one_way_ms: f64) -> f64 {
    if one_way_ms <= 100.0 {
        return 0.0;
    }
    let doublings = (one_way_ms / 100.0).log2();
    let root = |value: f64| (1.0 + value.powi(6)).powf(1.0 / 6.0);
    25.0 * (root(doublings) - 3.0 * root(doublings / 3.0) + 2.0)
}

/// MOS from R [G.107 annex B].
fn opinion(factor: f64) -> f64 {
    if factor <= 0.0 {
        1.0
    } else if factor >= 100.0 {
        4.5
    } else {
        (1.0 + 0.035 * factor + factor * (factor - 60.0) * (100.0 - factor) * 7e-6).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rating(codec: CodecImpairment, loss_percent: f32, burst_packets: f32, delay_ms: u64) -> Rating {
        Rating::of(&Conditions {
            codec,
            loss_share: loss_percent / 100.0,
            burst_packets,
            delay: Duration::from_millis(delay_ms),
        })
    }

    fn assert_near(value: f32, expected: f32, by: f32) {
        assert!((value - expected).abs() <= by, "{value} is not {expected}");
    }

    #[test]
    fn without_impairment_the_rating_is_the_default_of_the_recommendation() {
        let best = rating(CodecImpairment::G711, 0.0, 1.0, 0);
        assert_near(best.factor, 93.2, 0.05);
        assert_near(best.mos, 4.41, 0.01);
    }

    #[test]
    fn opinions_are_those_of_the_table_of_annex_b() {
        for (factor, mos) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert_near(opinion(factor) as f32, mos, 0.01);
        }
        assert_near(opinion(0.0) as f32, 1.0, 0.0);
        assert_near(opinion(100.0) as f32, 4.5, 0.0);
    }

    #[test]
    fn loss_costs_what_the_formula_gives() {
        // Ie,eff = 95 × 4.3 ÷ (4.3 + 4.3) at 4.3 % and no concealment: half of all there is.
        assert_near(rating(CodecImpairment::G711_BARE, 4.3, 1.0, 0).factor, 93.2 - 47.5, 0.1);
        // Concealed: 95 × 5 ÷ 30.1.
        assert_near(rating(CodecImpairment::G711, 5.0, 1.0, 0).factor, 93.2 - 15.78, 0.1);
        let (scattered, bursty) =
            (rating(CodecImpairment::G711, 5.0, 1.0, 0), rating(CodecImpairment::G711, 5.0, 4.0, 0));
        assert!(bursty.factor < scattered.factor, "bursts are heard more");
    }

    #[test]
    fn delay_hardly_costs_up_to_150_ms_and_then_more_and_more() {
        let at = |delay_ms| rating(CodecImpairment::G711, 0.0, 1.0, delay_ms).factor;
        // The simplification of Cole and Rosenbluth for these defaults: 0.024·d, and 0.11 more for each ms over 177.3.
        for (delay_ms, expected) in
            [(50, 92.0), (100, 90.8), (150, 89.6), (200, 85.9), (300, 72.5), (400, 59.1)]
        {
            assert_near(at(delay_ms), expected, 3.5);
        }
        assert!(at(150) > 86.0 && at(400) < 64.0);
    }

    proptest! {
        #[test]
        fn every_rating_is_on_the_scale(loss in -1.0f32..200.0, burst in -5.0f32..1000.0, delay in 0u64..1_000_000) {
            let Rating { factor, mos } = rating(CodecImpairment::OPUS, loss, burst, delay);
            prop_assert!((0.0..=93.3).contains(&factor) && (1.0..=4.5).contains(&mos), "{factor} {mos}");
        }
    }
}
