//! The hold music: four quiet chords, plucked, in a loop without a seam. Made here, so it is ours to give away.

/// Samples per second.
pub(crate) const RATE_HZ: u32 = 16_000;

const CHORD_SECONDS: f64 = 4.0;
const NOTE_SECONDS: f64 = 0.5;
/// C major 7, A minor 7, F major 7, G 6: as MIDI note numbers, lowest first.
const CHORDS: [[i32; 4]; 4] = [[48, 55, 59, 64], [45, 52, 55, 60], [41, 48, 52, 57], [43, 50, 52, 59]];
/// Which note of the chord each half second plucks; the upper ones an octave up.
const PATTERN: [(usize, i32); 8] = [(0, 0), (1, 0), (2, 12), (3, 12), (2, 12), (1, 12), (3, 12), (2, 12)];
/// Peak after rendering: well below speech, so that a prompt stands out.
const PEAK: f64 = 5_000.0;

/// Renders the loop. Tails run over the end into the beginning, so that it repeats without a seam.
pub(crate) fn render() -> Vec<i16> {
    let rate = f64::from(RATE_HZ);
    let length = (CHORD_SECONDS * rate) as usize * CHORDS.len();
    let mut sum = vec![0.0f64; length];
    for (place, chord) in CHORDS.iter().enumerate() {
        for (step, (note, octave)) in PATTERN.iter().enumerate() {
            let starts = ((place as f64 * CHORD_SECONDS + step as f64 * NOTE_SECONDS) * rate) as usize;
            pluck(&mut sum, starts, chord[*note] + octave, if step == 0 { 1.0 } else { 0.6 });
        }
    }
    let loudest = sum.iter().fold(1e-9f64, |peak, sample| peak.max(sample.abs()));
    sum.iter().map(|sample| (sample / loudest * PEAK) as i16).collect()
}

/// One plucked note: a sine with two softer overtones that fade sooner.
fn pluck(sum: &mut [f64], starts: usize, midi_note: i32, strength: f64) {
    let frequency_hz = 440.0 * 2f64.powf(f64::from(midi_note - 69) / 12.0);
    let samples = (3.0 * f64::from(RATE_HZ)) as usize;
    for sample in 0..samples {
        let t = sample as f64 / f64::from(RATE_HZ);
        let attack = (t / 0.012).min(1.0);
        let release = ((3.0 - t) / 0.2).min(1.0);
        let phase = std::f64::consts::TAU * frequency_hz * t;
        let tone = phase.sin() * (-1.6 * t).exp()
            + 0.35 * (2.0 * phase).sin() * (-2.6 * t).exp()
            + 0.12 * (3.0 * phase).sin() * (-4.0 * t).exp();
        let place = (starts + sample) % sum.len();
        sum[place] += strength * attack * release * tone;
    }
}
