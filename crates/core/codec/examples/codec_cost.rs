//! What each codec costs: `cargo run --release -p partyline-codec --example codec_cost`.
//!
//! Time for a frame of 20 ms, the best of five runs, so that others on the machine disturb least.
#![expect(clippy::disallowed_methods, reason = "it measures time")]
#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::time::Instant;

use partyline_codec::{Codec, Decoder, Encoder, OpusSettings};

const FRAMES: usize = 2_000;

fn voice(rate_hz: u32, frames: usize) -> Vec<i16> {
    let sample = |n: usize| {
        let t = n as f32 / rate_hz as f32;
        let turn = std::f32::consts::TAU * (120.0 * t + 8.0 * (t * 3.0).sin());
        let loud = 0.5 + 0.5 * (t * 9.0).sin();
        loud * (1..20).map(|k| (turn * k as f32).sin() / k as f32).sum::<f32>() * 4_000.0
    };
    (0..rate_hz as usize / 50 * frames).map(|n| sample(n) as i16).collect()
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
    let cases = [
        (Codec::Pcmu, 8_000),
        (Codec::Pcma, 8_000),
        (Codec::G722, 16_000),
        (Codec::Opus, 8_000),
        (Codec::Opus, 16_000),
        (Codec::Opus, 48_000),
    ];
    println!("codec   rate   encode  decode  conceal  (ns a frame of 20 ms)");
    for (codec, rate_hz) in cases {
        let said = voice(rate_hz, FRAMES);
        let frame = rate_hz as usize / 50;
        let mut payloads = vec![[0_u8; 512]; FRAMES];
        let mut octets = vec![0; FRAMES];
        let wishes = OpusSettings { has_fec: true, ..OpusSettings::default() };
        let encode = best(|| {
            let mut encoder = Encoder::at_rate(codec, rate_hz, &wishes);
            for ((frame, payload), octets) in said.chunks(frame).zip(&mut payloads).zip(&mut octets) {
                *octets = encoder.encode(frame, &mut payload[..codec.frame_octets_max()]);
            }
        });
        let mut out = vec![0; 6 * frame];
        let decode = best(|| {
            let mut decoder = Decoder::at_rate(codec, rate_hz);
            for (payload, &octets) in payloads.iter().zip(&octets) {
                decoder.decode(&payload[..octets], &mut out);
            }
        });
        let conceal = best(|| {
            let mut decoder = Decoder::at_rate(codec, rate_hz);
            for (index, (payload, &octets)) in payloads.iter().zip(&octets).enumerate() {
                if index % 2 == 0 {
                    decoder.decode(&payload[..octets], &mut out);
                } else {
                    decoder.conceal(&mut out[..frame]);
                }
            }
        });
        println!(
            "{:6} {rate_hz:6} {encode:8.0} {decode:7.0} {:8.0}",
            codec.name(),
            (2.0 * conceal - decode).max(0.0)
        );
    }
}
