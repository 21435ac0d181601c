//! Dialling out of conferences: whom hosts may have called, and what it may cost.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use partyline_conference::{DialHabits, DialOutRules, DialTarget, DiallingHosts, NumberPrefix};
use serde::{Deserialize, Serialize};

use super::Problems;
use super::file::File;
use super::values::{Count, Limit, Misspelled, Span, Spelled, Text};

/// More prefixes, or emergency numbers, than this are a slip.
const NUMBERS_MAX: usize = 1000;
/// The longest that a callee's call may be allowed to last.
const CALL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The longest that an operator may be rung: a call that nobody answers is given up by the rules somewhat later.
const RING_MAX: Duration = Duration::from_secs(3 * 60);

/// Dialling out as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DialOut {
    pub(crate) allowed: Vec<Text<PrefixWord>>,
    pub(crate) denied: Vec<Text<PrefixWord>>,
    pub(crate) emergency: Vec<Text<Digits>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) country_code: Option<Text<Digits>>,
    pub(crate) international_prefix: Text<Digits>,
    pub(crate) national_prefix: String,
    pub(crate) hosts: Text<HostsWord>,
    pub(crate) conference_max: Count<1, 1000>,
    pub(crate) account_max: Count<1, 100_000>,
    pub(crate) day_max: Text<Limit>,
    pub(crate) call_max: Text<Span>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) operator: Option<Text<Operator>>,
    pub(crate) operator_ring_max: Text<Span>,
    pub(crate) operators_max: Count<1, 1000>,
}

impl Default for DialOut {
    fn default() -> Self {
        let habits = DialHabits::default();
        Self {
            allowed: Vec::new(),
            denied: Vec::new(),
            emergency: DialOutRules::EMERGENCY_DEFAULT.map(|number| Text(Digits(number.to_owned()))).to_vec(),
            country_code: None,
            international_prefix: Text(Digits(habits.international_prefix)),
            national_prefix: habits.national_prefix,
            hosts: Text(HostsWord(DiallingHosts::default())),
            conference_max: Count::of::<{ DialOutRules::CONFERENCE_MAX_DEFAULT }>(),
            account_max: Count::of::<{ DialOutRules::ACCOUNT_MAX_DEFAULT }>(),
            day_max: Text(Limit(Some(DialOutRules::DAY_MAX_DEFAULT))),
            call_max: Text(Span(DialOutRules::CALL_MAX_DEFAULT)),
            operator: None,
            operator_ring_max: Text(Span(partyline_vru::Config::OPERATOR_RING_MAX_DEFAULT)),
            operators_max: Count::of::<{ DialOutRules::OPERATORS_MAX_DEFAULT }>(),
        }
    }
}

/// The rules that are in force.
pub(super) fn rules(file: &File, problems: &mut Problems<'_>) -> DialOutRules {
    let file = &file.dial_out;
    for (key, count) in [
        ("dial_out.allowed", file.allowed.len()),
        ("dial_out.denied", file.denied.len()),
        ("dial_out.emergency", file.emergency.len()),
    ] {
        if count > NUMBERS_MAX {
            problems.add(key, format!("{count} numbers; at most {NUMBERS_MAX} are allowed"));
        }
    }
    if let Some(code) =
        file.country_code.as_ref().filter(|code| code.0.0.len() > 3 || code.0.0.starts_with('0'))
    {
        let found = &code.0.0;
        problems.add(
            "dial_out.country_code",
            format!("expected 1 to 3 digits that do not begin with 0, found \"{found}\""),
        );
    }
    let national = &file.national_prefix;
    if national.len() > 8 || !national.bytes().all(|byte| byte.is_ascii_digit()) {
        problems
            .add("dial_out.national_prefix", "expected at most 8 digits, such as \"0\", or an empty text");
    }
    if file.call_max.0.0.is_zero() || file.call_max.0.0 > CALL_MAX {
        problems.add("dial_out.call_max", "expected a time of at most 24h, such as \"2h\"");
    }
    if file.operator_ring_max.0.0.is_zero() || file.operator_ring_max.0.0 > RING_MAX {
        problems.add("dial_out.operator_ring_max", "expected a time of at most 3m, such as \"60s\"");
    }
    let prefixes = |list: &[Text<PrefixWord>]| list.iter().map(|prefix| prefix.0.0.clone()).collect();
    DialOutRules {
        allowed: prefixes(&file.allowed),
        denied: prefixes(&file.denied),
        emergency: file.emergency.iter().map(|number| number.0.0.clone()).collect(),
        habits: DialHabits {
            country_code: file.country_code.as_ref().map(|code| code.0.0.clone()),
            international_prefix: file.international_prefix.0.0.clone(),
            national_prefix: national.clone(),
        },
        hosts: file.hosts.0.0,
        conference_max: file.conference_max.number(),
        account_max: file.account_max.number(),
        day_max: file.day_max.0.0,
        call_max: file.call_max.0.0,
        operator: file.operator.as_ref().map(|operator| operator.0.0.clone()),
        operators_max: file.operators_max.number(),
    }
}

/// What numbers begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrefixWord(pub(crate) NumberPrefix);

impl FromStr for PrefixWord {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        NumberPrefix::new(text).map(Self).map_err(|_| Misspelled)
    }
}

impl fmt::Display for PrefixWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Spelled for PrefixWord {
    const EXPECTED: &'static str = "what numbers begin with, such as \"+49\", \"030\" or \"+\"";
}

/// Digits and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digits(pub(crate) String);

impl FromStr for Digits {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        let is_number = (1..=8).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { Ok(Self(text.to_owned())) } else { Err(Misspelled) }
    }
}

impl fmt::Display for Digits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Spelled for Digits {
    const EXPECTED: &'static str = "1 to 8 digits, in quotes";
}

/// Which hosts may dial out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostsWord(pub(crate) DiallingHosts);

impl FromStr for HostsWord {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        match text {
            "any" => Ok(Self(DiallingHosts::Any)),
            "pin" => Ok(Self(DiallingHosts::Pin)),
            _ => Err(Misspelled),
        }
    }
}

impl fmt::Display for HostsWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            DiallingHosts::Any => "any",
            DiallingHosts::Pin => "pin",
        })
    }
}

impl Spelled for HostsWord {
    const EXPECTED: &'static str = "\"any\" or \"pin\"";
}

/// Whom `*0` calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operator(pub(crate) DialTarget);

impl FromStr for Operator {
    type Err = Misspelled;

    fn from_str(text: &str) -> Result<Self, Misspelled> {
        DialTarget::operator(text).map(Self).map_err(|_| Misspelled)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Spelled for Operator {
    const EXPECTED: &'static str =
        "a number or a SIP address, such as \"+4930100\" or \"sip:desk@example.org\"";
}
