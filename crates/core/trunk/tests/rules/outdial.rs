//! Dialling out.

use partyline_trunk::{DialNumber, DialRight, NoRight, Outcome, Trunks};
use proptest::prelude::*;

use crate::{name, trunk, trunks};

fn scene() -> Trunks {
    trunks(&[
        "name = \"cheap\"\ndial_out = { hosts = [\"a.example\"], numbers = [{ prefix = \"+\", strip = 1, add = \"00\" }] }",
        "name = \"backup\"\ndial_out = { hosts = [\"b.example\"], numbers = [{ prefix = \"\" }], priority = 1 }",
        "name = \"berlin\"\ndial_out = { hosts = [\"c.example\"], numbers = [{ prefix = \"+4930\", strip = 5 }], priority = 500 }\nnumber_plan = { country_code = \"49\" }",
        "name = \"also\"\ndial_out = { hosts = [\"d.example\"], numbers = [{ prefix = \"+\" }] }",
        "name = \"in-only\"\nsources = [\"203.0.113.1\"]",
    ])
}

fn ways(number: &str) -> Vec<String> {
    let ways = scene().ways(DialRight::Operator, &number.parse().unwrap(), None).unwrap();
    ways.iter().map(|way| format!("{} {}", way.trunk.name, way.number)).collect()
}

#[test]
fn longest_prefix_goes_first_then_the_lowest_priority_then_the_name() {
    assert_eq!(ways("+4930123"), ["berlin 123", "also +4930123", "cheap 004930123", "backup +4930123"]);
    assert_eq!(ways("+1800"), ["also +1800", "cheap 001800", "backup +1800"]);
    assert_eq!(ways("110"), ["backup 110"]);
}

#[test]
fn number_is_read_in_the_plan_of_each_trunk() {
    assert_eq!(ways("030123"), ["berlin 123", "backup 030123"]);
}

#[test]
fn wanted_trunk_is_the_only_one_and_one_without_a_way_out_is_none() {
    let number: DialNumber = "+1800".parse().unwrap();
    let ways = |wanted| scene().ways(DialRight::Operator, &number, Some(&name(wanted))).unwrap();
    assert_eq!(ways("cheap").len(), 1);
    assert!(ways("in-only").is_empty() && ways("nobody").is_empty());
}

#[test]
fn next_trunk_is_tried_where_this_one_failed_and_not_where_the_callee_said_no() {
    for outcome in [Outcome::Unreachable, Outcome::Refused(503), Outcome::Refused(500), Outcome::Refused(401)]
    {
        assert!(outcome.is_the_trunks(), "{outcome:?}");
    }
    for outcome in [Outcome::NoAnswer, Outcome::Refused(486), Outcome::Refused(404), Outcome::Refused(603)] {
        assert!(!outcome.is_the_trunks(), "{outcome:?}");
    }
}

proptest! {
    #[test]
    fn caller_never_finds_a_way_out(number in "[+0-9a-z*#]{1,20}", rules in prop::collection::vec("[+0-9]{0,4}", 0..4)) {
        let mut set = scene();
        for (place, prefix) in rules.iter().enumerate() {
            let text = format!("name = \"x{place}\"\ndial_out = {{ hosts = [\"e.example\"], numbers = [{{ prefix = \"{prefix}\" }}] }}");
            set.add(trunk(&text)).unwrap();
        }
        if let Ok(number) = number.parse::<DialNumber>() {
            prop_assert_eq!(set.ways(DialRight::Caller, &number, None), Err(NoRight));
            // The operator finds every trunk at most once, and those with longer prefixes first.
            let ways = set.ways(DialRight::Operator, &number, None).unwrap();
            let mut names: Vec<_> = ways.iter().map(|way| way.trunk.name.clone()).collect();
            names.sort();
            names.dedup();
            prop_assert_eq!(names.len(), ways.len());
        }
    }
}
