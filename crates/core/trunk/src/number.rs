//! Numbers as people dial them, in one form: E.164 with `+` where it is clear what was meant, as dialled where not.

use std::fmt;
use std::str::FromStr;

/// The longest number or name that is looked at.
const CHARS_MAX: usize = 64;
/// Digits of the longest international number ([ITU-T E.164 §6]), and some for a prefix.
const PREFIX_DIGITS_MAX: usize = 8;
/// What separates digits for the eye ([RFC 3966 §5.1.1]).
const SEPARATORS: [char; 5] = ['-', '.', '(', ')', ' '];

/// A number or name that can be dialled: digits with at most a leading `+`, `*` and `#`, or a plain name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DialNumber(String);

/// A text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number such as \"+18005551234\" or a name of at most 64 characters")]
pub struct NotNumber;

impl DialNumber {
    /// The number as text, without what separates it for the eye.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an international number with its `+`.
    #[must_use]
    pub fn is_international(&self) -> bool {
        self.0.starts_with('+')
    }
}

impl FromStr for DialNumber {
    type Err = NotNumber;

    fn from_str(text: &str) -> Result<Self, NotNumber> {
        if text.len() > CHARS_MAX {
            return Err(NotNumber);
        }
        let bare: String = text.chars().filter(|char| !SEPARATORS.contains(char)).collect();
        let digits = bare.strip_prefix('+').unwrap_or(&bare);
        let is_number = digits.bytes().any(|byte| byte.is_ascii_digit())
            && digits.bytes().all(|byte| byte.is_ascii_digit() || b"*#".contains(&byte));
        if is_number {
            return Ok(Self(bare));
        }
        let is_name = text.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.!~*'()+".contains(&byte))
            && !text.starts_with('+');
        if is_name { Ok(Self(text.to_owned())) } else { Err(NotNumber) }
    }
}

impl fmt::Display for DialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for DialNumber {
    type Error = NotNumber;

    fn try_from(text: String) -> Result<Self, NotNumber> {
        text.parse()
    }
}

impl From<DialNumber> for String {
    fn from(number: DialNumber) -> Self {
        number.0
    }
}

/// How numbers are dialled where a trunk is: what makes them E.164.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NumberPlan {
    /// The country's code: `49`.
    pub country_code: String,
    /// What is dialled before a number of another country.
    #[serde(default = "international_prefix")]
    pub international_prefix: String,
    /// What is dialled before a number of another area; empty where there is no such thing.
    #[serde(default = "national_prefix")]
    pub national_prefix: String,
}

fn international_prefix() -> String {
    "00".to_owned()
}

fn national_prefix() -> String {
    "0".to_owned()
}

impl NumberPlan {
    /// What is wrong with it, if anything.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let is_digits =
            |text: &str, most: usize| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
        let code = &self.country_code;
        if code.is_empty() || !is_digits(code, 3) || code.starts_with('0') {
            return Some(("country_code", "expected 1 to 3 digits that do not begin with 0, such as \"49\""));
        }
        if self.international_prefix.is_empty() || !is_digits(&self.international_prefix, PREFIX_DIGITS_MAX) {
            return Some(("international_prefix", "expected 1 to 8 digits, such as \"00\""));
        }
        if !is_digits(&self.national_prefix, PREFIX_DIGITS_MAX) {
            return Some(("national_prefix", "expected at most 8 digits, such as \"0\", or an empty text"));
        }
        None
    }

    /// The number in its international form where its prefix says how; else as it is.
    #[must_use]
    pub fn normalise(&self, number: &DialNumber) -> DialNumber {
        let text = number.as_str();
        if number.is_international() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return number.clone();
        }
        if let Some(rest) = text.strip_prefix(&self.international_prefix).filter(|rest| !rest.is_empty()) {
            return DialNumber(format!("+{rest}"));
        }
        match text.strip_prefix(&self.national_prefix).filter(|rest| !rest.is_empty()) {
            Some(rest) if !self.national_prefix.is_empty() => {
                DialNumber(format!("+{}{rest}", self.country_code))
            }
            Some(_) | None => number.clone(),
        }
    }
}

/// Which numbers are meant: one, or all that begin with something (`+1800*`), or all (`*`).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NumberPattern {
    /// What they begin with.
    start: String,
    /// Whether more may follow.
    is_open: bool,
}

impl NumberPattern {
    /// How well a number fits: the more characters are fixed the better, and the whole number best. `None` where it
    /// does not.
    #[must_use]
    pub fn fit(&self, number: &DialNumber) -> Option<usize> {
        let text = number.as_str();
        if text == self.start {
            return Some(usize::MAX);
        }
        (self.is_open && text.starts_with(&self.start)).then_some(self.start.len())
    }

    /// Whether every number fits.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.is_open && self.start.is_empty()
    }

    /// The same in a plan's international form. What is open stays as it is written, unless it begins like one.
    pub(crate) fn normalised(&self, plan: &NumberPlan) -> Self {
        match self.start.parse::<DialNumber>() {
            Ok(number) if !self.is_open => Self { start: plan.normalise(&number).0, is_open: false },
            Ok(_) | Err(_) => self.clone(),
        }
    }
}

impl FromStr for NumberPattern {
    type Err = NotNumber;

    fn from_str(text: &str) -> Result<Self, NotNumber> {
        let (start, is_open) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        if is_open && (start.is_empty() || start == "+" || start == "*" || start == "#") {
            return Ok(Self { start: start.to_owned(), is_open });
        }
        let number: DialNumber = start.parse()?;
        Ok(Self { start: number.0, is_open })
    }
}

impl fmt::Display for NumberPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.start, if self.is_open { "*" } else { "" })
    }
}

impl TryFrom<String> for NumberPattern {
    type Error = NotNumber;

    fn try_from(text: String) -> Result<Self, NotNumber> {
        text.parse()
    }
}

impl From<NumberPattern> for String {
    fn from(pattern: NumberPattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> DialNumber {
        text.parse().unwrap()
    }

    /// Shows RFC 3966 §5.1.1: separators are for the eye, and not part of a number.
    #[test]
    fn number_is_the_same_however_it_is_separated() {
        for text in ["+1 (800) 555-1234", "+1.800.555.1234", "+18005551234"] {
            assert_eq!(number(text).as_str(), "+18005551234");
        }
        assert_eq!(number("*98#").as_str(), "*98#");
        assert_eq!(number("line-test").as_str(), "line-test");
    }

    #[test]
    fn what_nobody_can_dial_is_no_number() {
        let long = "1".repeat(65);
        for text in ["", "+", "-", "+1+2", "a b", "a@b", "\u{e9}t\u{e9}", "1\r\n", "+alice", long.as_str()] {
            assert_eq!(text.parse::<DialNumber>(), Err(NotNumber), "{text:?}");
        }
    }

    #[test]
    fn plan_makes_numbers_international_where_their_prefix_says_how() {
        let plan = NumberPlan {
            country_code: "49".into(),
            international_prefix: "00".into(),
            national_prefix: "0".into(),
        };
        for (dialled, meant) in [
            ("+49301234", "+49301234"),
            ("0049301234", "+49301234"),
            ("0301234", "+49301234"),
            ("301234", "301234"),
            ("alice", "alice"),
            ("*98", "*98"),
            ("00", "+490"),
        ] {
            assert_eq!(plan.normalise(&number(dialled)).as_str(), meant, "{dialled}");
        }
    }

    #[test]
    fn pattern_fits_one_number_or_all_that_begin_like_it() {
        let fit = |pattern: &str, text: &str| pattern.parse::<NumberPattern>().unwrap().fit(&number(text));
        assert_eq!(fit("+1800*", "+18005551234"), Some(5));
        assert_eq!(fit("+1800*", "+1900"), None);
        assert_eq!(fit("600", "6001"), None);
        assert_eq!(fit("600", "600"), Some(usize::MAX));
        assert_eq!(fit("*", "anything"), Some(0));
        assert_eq!(fit("*98", "*98"), Some(usize::MAX));
        assert_eq!(fit("+1 800*", "+1800"), Some(usize::MAX));
        for wrong in ["", "+1*800*2x y", "a b*"] {
            assert!(wrong.parse::<NumberPattern>().is_err(), "{wrong}");
        }
    }
}
