//! New conference codes: drawn from the system's randomness, eight digits, none likelier than another.

use partyline_conference::ConferenceCode;
use rand::TryRng as _;
use rand::rngs::{SysError, SysRng};

/// Digits of a drawn code: one in a hundred million, so that a locked-out guesser has no hope.
const DIGITS: usize = 8;
const CODES: u32 = 100_000_000;

/// Draws a code.
pub(crate) fn draw() -> Result<ConferenceCode, SysError> {
    // The numbers above the last whole multiple would make low codes likelier.
    const FAIR: u32 = u32::MAX - u32::MAX % CODES;
    loop {
        let number = SysRng.try_next_u32()?;
        if number < FAIR {
            let digits = format!("{:0DIGITS$}", number % CODES);
            return Ok(ConferenceCode::parse(&digits).expect("eight digits are a code"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn drawn_codes_have_eight_digits_and_do_not_repeat() {
        let codes: HashSet<String> = (0..200).map(|_| draw().unwrap().reveal().to_owned()).collect();
        assert_eq!(codes.len(), 200);
        assert!(codes.iter().all(|code| code.len() == 8 && code.bytes().all(|byte| byte.is_ascii_digit())));
    }
}
