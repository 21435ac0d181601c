//! What a dialled number means to a trunk.

use crate::number::DialNumber;
use crate::trunk::{Number, Trunk};

/// What a call says of where it goes: user parts, unescaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Called<'a> {
    /// Of the Request-URI.
    pub request: &'a str,
    /// Of To.
    pub to: &'a str,
    /// Of the number that was called first, where the call was diverted since ([RFC 5806], [RFC 7044]).
    pub original: Option<&'a str>,
}

/// What was found for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning<'a> {
    /// The number that was meant, in the plan's international form.
    pub number: DialNumber,
    /// What answers there.
    pub entry: &'a Number,
}

impl Trunk {
    /// What a call through this trunk means: the Request-URI, else To, else the number that was called first, whichever
    /// is one of the trunk's numbers. An entry for all numbers (`*`) is taken where none of them is one by itself.
    /// Providers write the name that we registered into the Request-URI, and the number that was dialled into To.
    #[must_use]
    pub fn meaning(&self, called: &Called<'_>) -> Option<Meaning<'_>> {
        let candidates = [Some(called.request), Some(called.to), called.original];
        let numbers = || candidates.iter().flatten().filter_map(|text| self.read(text));
        let own = numbers().find_map(|(dialled, meant)| {
            let entry = self.entry(&meant).or_else(|| self.entry(&dialled))?;
            Some(Meaning { number: meant, entry })
        });
        own.or_else(|| {
            let entry = self.numbers.iter().find(|number| number.pattern.is_any())?;
            numbers().next().map(|(_, number)| Meaning { number, entry })
        })
    }

    /// A number as it was dialled, and in the plan's international form.
    fn read(&self, text: &str) -> Option<(DialNumber, DialNumber)> {
        let dialled = without_parameters(text)?;
        let meant =
            self.number_plan.as_ref().map_or_else(|| dialled.clone(), |plan| plan.normalise(&dialled));
        Some((dialled, meant))
    }

    /// The entry that fits best, the one for all numbers aside.
    fn entry(&self, number: &DialNumber) -> Option<&Number> {
        let fitting = self.numbers.iter().filter(|entry| !entry.pattern.is_any());
        let fitting = fitting.filter_map(|entry| Some((entry.pattern.fit(number)?, entry)));
        fitting.max_by_key(|(fit, _)| *fit).map(|(_, entry)| entry)
    }
}

/// A number without the parameters of a telephone URI; a context that is a number stands before it
/// ([RFC 3966 §5.1.5]).
fn without_parameters(text: &str) -> Option<DialNumber> {
    let mut parts = text.split(';');
    let number: DialNumber = parts.next()?.parse().ok()?;
    let context = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.eq_ignore_ascii_case("phone-context").then_some(value).filter(|value| value.starts_with('+'))
    });
    match context {
        Some(context) if !number.is_international() => format!("{context}{number}").parse().ok(),
        Some(_) | None => Some(number),
    }
}
