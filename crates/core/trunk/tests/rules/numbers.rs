//! What a dialled number means.

use partyline_trunk::{Application, Called, DialNumber, NumberPattern, NumberPlan};
use proptest::prelude::*;

use crate::trunk;

const TRUNK: &str = r#"
name = "carrier"
sources = ["203.0.113.0/24"]
number_plan = { country_code = "49" }
numbers = [
    { number = "+4930*", room = "berlin" },
    { number = "030 600", application = "linetest" },
    { number = "+493012*", room = "mitte" },
    { number = "echo", application = "linetest" },
    { number = "*", room = "reception" },
]
"#;

/// The number that was meant and what it leads to: a room, or the line test.
fn meaning(called: Called<'_>) -> Option<(String, String)> {
    let trunk = trunk(TRUNK);
    let meaning = trunk.meaning(&called)?;
    let leads_to = match (&meaning.entry.application, &meaning.entry.room) {
        (Application::Conferencing, Some(room)) => room.to_string(),
        (application, _) => format!("{application:?}").to_lowercase(),
    };
    Some((meaning.number.to_string(), leads_to))
}

fn dialled(request: &str) -> Option<(String, String)> {
    meaning(Called { request, ..Called::default() })
}

fn found(number: &str, leads_to: &str) -> Option<(String, String)> {
    Some((number.to_owned(), leads_to.to_owned()))
}

#[test]
fn longest_pattern_that_fits_decides_in_whatever_form_the_number_comes() {
    assert_eq!(dialled("+49 (30) 99"), found("+493099", "berlin"));
    assert_eq!(dialled("00493012345"), found("+493012345", "mitte"));
    assert_eq!(dialled("03012"), found("+493012", "mitte"));
    assert_eq!(dialled("+4930600"), found("+4930600", "linetest"));
    assert_eq!(dialled("030600"), found("+4930600", "linetest"));
    assert_eq!(dialled("echo"), found("echo", "linetest"));
    assert_eq!(dialled("+18005551234"), found("+18005551234", "reception"));
}

/// Shows RFC 3966 §5.1.5: a local number belongs to the context that stands beside it.
#[test]
fn local_number_is_read_in_its_context() {
    assert_eq!(dialled("600;phone-context=+4930"), found("+4930600", "linetest"));
    assert_eq!(dialled("+493099;ext=5"), found("+493099", "berlin"));
}

#[test]
fn to_decides_where_the_request_names_only_our_registration() {
    let called = Called { request: "our-account", to: "+493099", original: None };
    assert_eq!(meaning(called), found("+493099", "berlin"));
}

/// Shows RFC 5806 §4: a diverted call is known by the number that was called first, where the others say nothing.
#[test]
fn number_that_was_called_first_decides_where_the_others_are_none_of_ours() {
    let called = Called { request: "777", to: "778", original: Some("+493012") };
    assert_eq!(meaning(called), found("+493012", "mitte"));
    let ours = Called { request: "+493099", to: "+493099", original: Some("+493012") };
    assert_eq!(meaning(ours), found("+493099", "berlin"));
}

#[test]
fn call_without_any_number_means_nothing() {
    assert_eq!(meaning(Called::default()), None);
    assert_eq!(dialled("\u{e9}\r\n"), None);
}

proptest! {
    #[test]
    fn nothing_that_is_dialled_breaks_anything(request in ".{0,80}", to in ".{0,80}", original in ".{0,80}") {
        let trunk = trunk(TRUNK);
        let _ = trunk.meaning(&Called { request: &request, to: &to, original: Some(&original) });
        let _ = request.parse::<NumberPattern>();
    }

    #[test]
    fn number_that_parses_reads_back_and_stays_what_it_is(text in "[+0-9*#a-z(). -]{1,20}") {
        if let Ok(number) = text.parse::<DialNumber>() {
            prop_assert_eq!(number.as_str().parse::<DialNumber>().unwrap(), number.clone());
            let plan = NumberPlan { country_code: "49".into(), international_prefix: "00".into(), national_prefix: "0".into() };
            let meant = plan.normalise(&number);
            prop_assert_eq!(plan.normalise(&meant), meant);
        }
    }
}
