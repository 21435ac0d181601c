//! Numbers that hosts may have called: how they are written, which are allowed, and what dialling may cost.
//!
//! A number is judged in every form that it may have on its way out: as it was keyed, and in its international form.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The longest number: an international one, and some digits of a prefix.
const DIGITS_MAX: usize = 24;
/// The longest address of an operator.
const ADDRESS_CHARS_MAX: usize = 128;
/// Digits of the longest country code.
const COUNTRY_CODE_MAX: usize = 3;

/// A text is nothing that can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of 1 to {DIGITS_MAX} digits, perhaps with a leading +")]
pub struct NotDialled;

/// Whom to call: a number, or for operators a SIP address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialTarget(Arc<str>);

impl DialTarget {
    /// Takes a number: 1 to 24 digits, perhaps with a leading `+`.
    ///
    /// # Errors
    /// [`NotDialled`] for any other text.
    pub fn number(text: &str) -> Result<Self, NotDialled> {
        if is_number(text) { Ok(Self(Arc::from(text))) } else { Err(NotDialled) }
    }

    /// Takes a number or a SIP address, as an operator has.
    ///
    /// # Errors
    /// [`NotDialled`] for any other text.
    pub fn operator(text: &str) -> Result<Self, NotDialled> {
        let is_plain = text.len() <= ADDRESS_CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_number(text) || (is_plain && is_address(text)) {
            Ok(Self(Arc::from(text)))
        } else {
            Err(NotDialled)
        }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a SIP address and no number.
    #[must_use]
    pub fn is_address(&self) -> bool {
        is_address(&self.0)
    }
}

impl fmt::Display for DialTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (1..=DIGITS_MAX).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_address(text: &str) -> bool {
    let scheme = text.split_once(':').map(|(scheme, rest)| (scheme.to_ascii_lowercase(), rest));
    scheme.is_some_and(|(scheme, rest)| matches!(scheme.as_str(), "sip" | "sips") && !rest.is_empty())
}

/// What numbers may begin with: digits, perhaps with a leading `+`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberPrefix(Box<str>);

impl NumberPrefix {
    /// Takes a prefix as it is written.
    ///
    /// # Errors
    /// [`NotDialled`] for a text that begins no number.
    pub fn new(text: &str) -> Result<Self, NotDialled> {
        if text == "+" || is_number(text) { Ok(Self(Box::from(text))) } else { Err(NotDialled) }
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NumberPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How numbers are dialled where the service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialHabits {
    /// The country's code, such as `49`; without it national numbers are judged as they are keyed.
    pub country_code: Option<String>,
    /// What is dialled before a number of another country.
    pub international_prefix: String,
    /// What is dialled before a number of another area; empty where there is no such thing.
    pub national_prefix: String,
}

impl Default for DialHabits {
    fn default() -> Self {
        Self { country_code: None, international_prefix: "00".to_owned(), national_prefix: "0".to_owned() }
    }
}

impl DialHabits {
    /// The number in its international form, where its prefix says how; else as it is.
    fn international(&self, number: &str) -> String {
        if number.starts_with('+') {
            return number.to_owned();
        }
        if let Some(rest) = rest_of(number, &self.international_prefix) {
            return format!("+{rest}");
        }
        match (rest_of(number, &self.national_prefix), &self.country_code) {
            (Some(rest), Some(country)) => format!("+{country}{rest}"),
            _ => number.to_owned(),
        }
    }

    /// Whether the number begins so, in the form in which it was keyed or in its international one.
    fn has_prefix(&self, number: &str, prefix: &NumberPrefix) -> bool {
        let international = self.international(number);
        let wanted = self.international(prefix.as_str());
        number.starts_with(prefix.as_str()) || international.starts_with(&wanted)
    }
}

fn rest_of<'n>(number: &'n str, prefix: &str) -> Option<&'n str> {
    if prefix.is_empty() {
        return None;
    }
    number.strip_prefix(prefix).filter(|rest| !rest.is_empty())
}

/// Which hosts may dial out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DiallingHosts {
    /// Each.
    #[default]
    Any,
    /// Those of rooms that ask for a host PIN besides the code: nobody is a host there without it.
    Pin,
}

/// Why a number is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberFault {
    /// It is an emergency number, in whichever form.
    Emergency,
    /// It is denied, or not among those that are allowed.
    Denied,
}

/// What holds for dialling out in all rooms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialOutRules {
    /// What numbers may begin with; empty leaves all but the denied ones.
    pub allowed: Vec<NumberPrefix>,
    /// What numbers may not begin with.
    pub denied: Vec<NumberPrefix>,
    /// Numbers for emergencies, which nobody is called in from.
    pub emergency: Vec<String>,
    /// How numbers are dialled here.
    pub habits: DialHabits,
    /// Which hosts may.
    pub hosts: DiallingHosts,
    /// Most callees of one conference at once.
    pub conference_max: u32,
    /// Most callees of one account at once.
    pub account_max: u32,
    /// Most time that callees of one account may take within 24 hours; `None` where there is no limit.
    pub day_max: Option<Duration>,
    /// The longest call of one callee.
    pub call_max: Duration,
    /// The operator, where a room names none.
    pub operator: Option<DialTarget>,
    /// Most calls of one conference to the operator at once.
    pub operators_max: u32,
}

impl DialOutRules {
    /// Emergency numbers where the settings say nothing: those of most countries.
    pub const EMERGENCY_DEFAULT: [&'static str; 12] =
        ["112", "911", "999", "110", "000", "111", "113", "115", "117", "118", "119", "122"];
    /// Most callees of one conference where the settings say nothing.
    pub const CONFERENCE_MAX_DEFAULT: u32 = 5;
    /// Most callees of one account where the settings say nothing.
    pub const ACCOUNT_MAX_DEFAULT: u32 = 20;
    /// Most time within 24 hours where the settings say nothing: what a stolen code may cost.
    pub const DAY_MAX_DEFAULT: Duration = Duration::from_secs(10 * 60 * 60);
    /// The longest call where the settings say nothing.
    pub const CALL_MAX_DEFAULT: Duration = Duration::from_secs(2 * 60 * 60);
    /// Most calls to the operator where the settings say nothing.
    pub const OPERATORS_MAX_DEFAULT: u32 = 2;

    /// What speaks against calling this number from a room that allows these prefixes; an empty list leaves it to the rules.
    #[must_use]
    pub fn fault_of(&self, number: &DialTarget, of_room: &[NumberPrefix]) -> Option<NumberFault> {
        let number = number.as_str();
        if self.is_emergency(number) {
            return Some(NumberFault::Emergency);
        }
        let is_in = |list: &[NumberPrefix]| list.iter().any(|prefix| self.habits.has_prefix(number, prefix));
        let is_allowed = |list: &[NumberPrefix]| list.is_empty() || is_in(list);
        let may = !is_in(&self.denied) && is_allowed(&self.allowed) && is_allowed(of_room);
        (!may).then_some(NumberFault::Denied)
    }

    /// Whether this is an emergency number: bare, behind zeros, a digit for an outside line or a country's code, as
    /// exchanges on the way may take these off.
    fn is_emergency(&self, number: &str) -> bool {
        let is_one = |text: &str| self.emergency.iter().any(|known| known == text);
        let international = self.habits.international(number);
        let of_country = international.strip_prefix('+').unwrap_or(&international);
        let codes = (1..=COUNTRY_CODE_MAX).filter_map(|digits| of_country.get(digits..));
        let bare = number.trim_start_matches('0');
        let zeros = (0..=number.len() - bare.len()).filter_map(|nth| number.get(nth..));
        let outside = number.get(1..);
        zeros.chain(outside).any(is_one) || (international.starts_with('+') && codes.into_iter().any(is_one))
    }
}

impl Default for DialOutRules {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            denied: Vec::new(),
            emergency: Self::EMERGENCY_DEFAULT.map(str::to_owned).to_vec(),
            habits: DialHabits::default(),
            hosts: DiallingHosts::default(),
            conference_max: Self::CONFERENCE_MAX_DEFAULT,
            account_max: Self::ACCOUNT_MAX_DEFAULT,
            day_max: Some(Self::DAY_MAX_DEFAULT),
            call_max: Self::CALL_MAX_DEFAULT,
            operator: None,
            operators_max: Self::OPERATORS_MAX_DEFAULT,
        }
    }
}

/// How much of its limits an account's dialling uses now, as a snapshot shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DialOutUse {
    /// Callees of all its rooms; 0 where the room may not dial out, as nobody counts them then.
    pub callees: u32,
    /// What its callees took in the last 24 hours; nothing where the room may not dial out.
    pub spent: Duration,
}

impl DialOutUse {
    /// How far back calls count.
    pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(allowed: &[&str], denied: &[&str]) -> DialOutRules {
        let list = |texts: &[&str]| texts.iter().map(|text| NumberPrefix::new(text).unwrap()).collect();
        let habits = DialHabits { country_code: Some("49".to_owned()), ..DialHabits::default() };
        DialOutRules { allowed: list(allowed), denied: list(denied), habits, ..DialOutRules::default() }
    }

    fn fault(rules: &DialOutRules, number: &str) -> Option<NumberFault> {
        rules.fault_of(&DialTarget::number(number).unwrap(), &[])
    }

    #[test]
    fn an_emergency_number_is_known_in_every_form_that_an_exchange_may_undress() {
        let rules = rules(&[], &[]);
        for number in ["112", "0112", "00112", "000112", "9911", "0911", "+49112", "0049112", "+1911", "110"]
        {
            assert_eq!(fault(&rules, number), Some(NumberFault::Emergency), "{number}");
        }
        for number in ["1121", "030112", "+4930112", "11", "5112345", "0030211234"] {
            assert_eq!(fault(&rules, number), None, "{number}");
        }
    }

    #[test]
    fn prefixes_hold_for_every_form_of_a_number() {
        let only_germany = rules(&["+49"], &["+49900", "0190"]);
        for number in ["030123456", "004930123456", "+4930123456"] {
            assert_eq!(fault(&only_germany, number), None, "{number}");
        }
        for number in ["0900123", "0049900123", "+49900123", "0190123", "+49190123", "0044123", "123456"] {
            assert_eq!(fault(&only_germany, number), Some(NumberFault::Denied), "{number}");
        }
    }

    #[test]
    fn a_room_narrows_what_the_settings_allow() {
        let rules = rules(&["+49"], &[]);
        let berlin = [NumberPrefix::new("030").unwrap()];
        let number = |text: &str| DialTarget::number(text).unwrap();
        assert_eq!(rules.fault_of(&number("+4930123"), &berlin), None);
        assert_eq!(rules.fault_of(&number("+4989123"), &berlin), Some(NumberFault::Denied));
    }

    #[test]
    fn only_operators_have_addresses() {
        assert!(DialTarget::number("sip:desk@example.org").is_err());
        assert!(DialTarget::operator("sip:desk@example.org").unwrap().is_address());
        assert!(!DialTarget::operator("+4930100").unwrap().is_address());
        for wrong in ["", "+", "12*3", "sip:", "http://x", "sip:a b", &"1".repeat(25)] {
            assert_eq!(DialTarget::operator(wrong), Err(NotDialled), "{wrong:?}");
        }
    }
}
