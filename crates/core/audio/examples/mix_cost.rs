//! What is done to a talker's voice costs: `cargo run --release -p partyline-audio --example mix_cost`.
//!
//! Time for a frame of 20 ms at 8 kHz, the best of five runs, so that others on the machine disturb least.
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::time::Instant;

use partyline_audio::{Agc, HumFilter, LineWatch};

const RATE_HZ: u32 = 8_000;
const FRAMES: usize = 5_000;

/// A voice, or with `is_music` a tune without a pause, which is looked at most closely.
fn sound(is_music: bool) -> Vec<i16> {
    let sample = |n: usize| {
        let t = n as f32 / RATE_HZ as f32;
        let turn =
            std::f32::consts::TAU * if is_music { 300.0 * t } else { 120.0 * t + 8.0 * (t * 3.0).sin() };
        let loud = if is_music || t % 3.0 < 2.5 { 0.6 + 0.4 * (t * 9.0).sin() } else { 0.0 };
        loud * (1..20).map(|k| (turn * k as f32).sin() / k as f32).sum::<f32>() * 4_000.0
    };
    (0..160 * FRAMES).map(|n| sample(n) as i16).collect()
}

/// Nanoseconds a frame.
fn best(mut run: impl FnMut()) -> f64 {
    let each = || {
        let start = Instant::now();
        run();
        start.elapsed().as_nanos() as f64 / FRAMES as f64
    };
    std::iter::repeat_with(each).take(5).fold(f64::MAX, f64::min)
}

fn main() {
    println!("sound  hum filter  gain control  line watch  (ns a frame of 20 ms)");
    for is_music in [false, true] {
        let samples = sound(is_music);
        let frames = samples.as_chunks::<160>().0;
        let mut filter = HumFilter::new(RATE_HZ);
        let filtered = best(|| {
            for frame in frames {
                let mut frame = frame.map(f32::from);
                filter.filter(&mut frame);
                std::hint::black_box(&frame);
            }
        });
        let mut agc = Agc::new();
        let gained = best(|| {
            for frame in frames {
                let mut frame = frame.map(f32::from);
                agc.adjust(&mut frame, false);
                std::hint::black_box(&frame);
            }
        });
        let mut watch = LineWatch::new(RATE_HZ);
        let watched = best(|| {
            for frame in frames {
                std::hint::black_box(watch.hear(frame));
            }
        });
        let what = if is_music { "music" } else { "voice" };
        println!("{what}  {filtered:>10.0}  {gained:>12.0}  {watched:>10.0}");
    }
}
