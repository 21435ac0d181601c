//! English numbers. American style: no "and" behind the hundreds.

use crate::prompt::Prompt;

const LARGEST: u32 = 999_999;

/// 0 to 20.
const SMALL: [Prompt; 21] = [
    Prompt::Number0,
    Prompt::Number1,
    Prompt::Number2,
    Prompt::Number3,
    Prompt::Number4,
    Prompt::Number5,
    Prompt::Number6,
    Prompt::Number7,
    Prompt::Number8,
    Prompt::Number9,
    Prompt::Number10,
    Prompt::Number11,
    Prompt::Number12,
    Prompt::Number13,
    Prompt::Number14,
    Prompt::Number15,
    Prompt::Number16,
    Prompt::Number17,
    Prompt::Number18,
    Prompt::Number19,
    Prompt::Number20,
];

/// 20 to 90.
const TENS: [Prompt; 8] = [
    Prompt::Number20,
    Prompt::Number30,
    Prompt::Number40,
    Prompt::Number50,
    Prompt::Number60,
    Prompt::Number70,
    Prompt::Number80,
    Prompt::Number90,
];

/// 1st to 20th.
const SMALL_ORDINALS: [Prompt; 20] = [
    Prompt::Ordinal1,
    Prompt::Ordinal2,
    Prompt::Ordinal3,
    Prompt::Ordinal4,
    Prompt::Ordinal5,
    Prompt::Ordinal6,
    Prompt::Ordinal7,
    Prompt::Ordinal8,
    Prompt::Ordinal9,
    Prompt::Ordinal10,
    Prompt::Ordinal11,
    Prompt::Ordinal12,
    Prompt::Ordinal13,
    Prompt::Ordinal14,
    Prompt::Ordinal15,
    Prompt::Ordinal16,
    Prompt::Ordinal17,
    Prompt::Ordinal18,
    Prompt::Ordinal19,
    Prompt::Ordinal20,
];

/// 20th to 90th.
const TENS_ORDINALS: [Prompt; 8] = [
    Prompt::Ordinal20,
    Prompt::Ordinal30,
    Prompt::Ordinal40,
    Prompt::Ordinal50,
    Prompt::Ordinal60,
    Prompt::Ordinal70,
    Prompt::Ordinal80,
    Prompt::Ordinal90,
];

pub(crate) fn digits(text: &str) -> Vec<Prompt> {
    text.chars()
        .filter_map(|character| match character {
            '+' => Some(Prompt::DigitPlus),
            '*' => Some(Prompt::DigitStar),
            '#' => Some(Prompt::DigitPound),
            _ => character.to_digit(10).map(|digit| SMALL[digit as usize]),
        })
        .collect()
}

pub(crate) fn cardinal(number: u32) -> Vec<Prompt> {
    if number > LARGEST {
        return digits(&number.to_string());
    }
    if number == 0 {
        return vec![Prompt::Number0];
    }
    let mut spoken = thousands(number);
    spoken.extend(below_thousand(number % 1000));
    spoken
}

pub(crate) fn ordinal(number: u32) -> Vec<Prompt> {
    if number == 0 || number > LARGEST {
        return cardinal(number);
    }
    if number.is_multiple_of(1000) {
        let mut spoken = below_thousand(number / 1000);
        spoken.push(Prompt::OrdinalThousand);
        return spoken;
    }
    let mut spoken = thousands(number);
    let rest = number % 1000;
    if rest.is_multiple_of(100) {
        spoken.push(SMALL[(rest / 100) as usize]);
        spoken.push(Prompt::OrdinalHundred);
        return spoken;
    }
    spoken.extend(hundreds(rest));
    match rest % 100 {
        few @ 1..=20 => spoken.push(SMALL_ORDINALS[few as usize - 1]),
        even if even % 10 == 0 => spoken.push(TENS_ORDINALS[even as usize / 10 - 2]),
        odd => {
            spoken.push(TENS[odd as usize / 10 - 2]);
            spoken.push(SMALL_ORDINALS[odd as usize % 10 - 1]);
        }
    }
    spoken
}

fn thousands(number: u32) -> Vec<Prompt> {
    let mut spoken = below_thousand(number / 1000);
    if !spoken.is_empty() {
        spoken.push(Prompt::NumberThousand);
    }
    spoken
}

fn hundreds(number: u32) -> Vec<Prompt> {
    if number < 100 { Vec::new() } else { vec![SMALL[(number / 100) as usize], Prompt::NumberHundred] }
}

/// Nothing for zero.
fn below_thousand(number: u32) -> Vec<Prompt> {
    let mut spoken = hundreds(number);
    match number % 100 {
        0 => {}
        few @ 1..=20 => spoken.push(SMALL[few as usize]),
        more => {
            spoken.push(TENS[more as usize / 10 - 2]);
            if more % 10 != 0 {
                spoken.push(SMALL[more as usize % 10]);
            }
        }
    }
    spoken
}
