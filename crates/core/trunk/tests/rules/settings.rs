//! Trunks as they are written.

use partyline_trunk::{Secret, TrunkSettings};
use proptest::prelude::*;

use crate::{no_secret, trunk, written};

const WHOLE: &str = r#"
name = "carrier"
sources = ["203.0.113.0/24", "2001:db8::7"]
tls_peers = ["sbc.example.com"]
users = [{ name = "pbx", password = "open sesame" }]
trusts_identity = true
calls_max = 30
calls_per_second_max = 5
codecs = ["PCMA", "OPUS"]
media_security = "require"
language = "en"
number_plan = { country_code = "1", international_prefix = "011", national_prefix = "1" }
numbers = [{ number = "+1800*", room = "demo", code = "12345678" }, { number = "600", application = "linetest" }]

[dial_out]
hosts = ["sip.example.com", "203.0.113.5:5080"]
transport = "tls"
numbers = [{ prefix = "+1", strip = 2, add = "9" }]
caller_number = "+18005550100"
user = "us"
password = "tell nobody"
follows_redirects = true
priority = 7
ring_max = "45s"

[register]
registrar = "sip.example.com"
user = "4711"
auth_user = "us"
password = "tell nobody"
expires = "30m"
"#;

fn settled(text: &str) -> TrunkSettings {
    written(text).settled(|source| Ok::<Secret, ()>(source.text().unwrap().clone())).unwrap()
}

#[test]
fn whole_trunk_is_kept_and_read_back_with_its_secrets() {
    let settings = settled(WHOLE);
    let kept = TrunkSettings::from_document(&settings.document()).unwrap();
    assert_eq!(kept, settings);
    assert_eq!(kept.check(), settings.check());
    let credentials = kept.check().unwrap().dial_out.unwrap().credentials.unwrap();
    assert_eq!(credentials.password.reveal(), "tell nobody");
    assert!(!settings.document().contains("sesame"), "only hashes of callers' passwords are kept");
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    let settings = settled(WHOLE);
    let hashes = settings.users[0].sha256.clone().unwrap();
    for shown in [settings.shown().to_string(), format!("{settings:?}"), format!("{:?}", settings.check())] {
        for secret in ["sesame", "tell nobody", "12345678", hashes.reveal()] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
    }
}

#[test]
fn trunk_of_one_line_takes_defaults() {
    let trunk = trunk("name = \"a\"\nsources = [\"192.0.2.1\"]");
    assert!(!trunk.trusts_identity && trunk.dial_out.is_none() && trunk.numbers.is_empty());
    assert_eq!(trunk.calls_max, None);
}

#[test]
fn what_does_not_hold_together_is_told_with_its_key() {
    for (text, key, says) in [
        ("", "", "nobody can call"),
        ("sources = [\"192.0.2.1\"]\ncalls_max = 0", "calls_max", "from 1 to"),
        ("tls_peers = [\"a b\"]", "tls_peers[0]", "certificate"),
        ("users = [{ name = \"a\" }]", "users[0].password", "expected a password"),
        (
            "users = [{ name = \"a:b\", md5 = \"00000000000000000000000000000000\" }]",
            "users[0].name",
            "without ':'",
        ),
        (
            "users = [{ name = \"a\", sha256 = \"00000000000000000000000000000000\" }]",
            "users[0].sha256",
            "64",
        ),
        ("sources = [\"192.0.2.1\"]\ncodecs = [\"PCMU\", \"PCMU\"]", "codecs[1]", "twice"),
        (
            "sources = [\"192.0.2.1\"]\nnumbers = [{ number = \"1\" }, { number = \"1\" }]",
            "numbers[1].number",
            "twice",
        ),
        (
            "sources = [\"192.0.2.1\"]\nnumbers = [{ number = \"1\", application = \"linetest\", room = \"x\" }]",
            "numbers[0]",
            "no room",
        ),
        (
            "sources = [\"192.0.2.1\"]\nnumber_plan = { country_code = \"0\" }",
            "number_plan.country_code",
            "digits",
        ),
        ("dial_out = { hosts = [], numbers = [{}] }", "dial_out.hosts", "at least one"),
        ("dial_out = { hosts = [\"a\"], numbers = [] }", "dial_out.numbers", "at least one"),
        (
            "dial_out = { hosts = [\"a\"], numbers = [{ prefix = \"1\", strip = 2 }] }",
            "dial_out.numbers[0].strip",
            "more than the prefix",
        ),
        (
            "dial_out = { hosts = [\"a\"], numbers = [{}], user = \"x\" }",
            "dial_out.password",
            "expected the password",
        ),
        (
            "register = { registrar = \"a\", user = \"x\", password = { env = \"NOT_READ\" } }",
            "register.password",
            "was not read",
        ),
    ] {
        let faults = written(&format!("name = \"t\"\n{text}")).check().unwrap_err();
        let found = faults.iter().any(|fault| fault.key == key && fault.text.contains(says));
        assert!(found, "{text}: {faults:?}");
    }
    assert!(written("name = \"unknown\"\nsources = [\"192.0.2.1\"]").check().is_err());
}

#[test]
fn nonsense_does_not_read() {
    for text in [
        "sources = [\"x\"]",
        "port = 5060",
        "media_security = \"maybe\"",
        "codecs = [\"G729\"]",
        "language = \"tlh\"",
        "numbers = [{ number = \"1\", code = \"12\" }]",
        "numbers = [{ number = \"1\", room = \"A B\" }]",
        "dial_out = { hosts = [\"a b\"], numbers = [{}] }",
        "dial_out = { hosts = [\"a\"], numbers = [{}], ring_max = \"60\" }",
        "users = [{ name = \"a\", md5 = \"x\" }]",
    ] {
        assert!(toml::from_str::<TrunkSettings>(&format!("name = \"t\"\n{text}")).is_err(), "{text}");
    }
    assert!(toml::from_str::<TrunkSettings>("name = \"A B\"").is_err());
}

#[test]
fn password_that_can_t_be_read_is_told() {
    let settings = written("name = \"t\"\nusers = [{ name = \"a\", password = { file = \"/none\" } }]");
    assert_eq!(settings.settled(no_secret), Err("not there".to_owned()));
}

proptest! {
    #[test]
    fn no_document_breaks_anything(text in ".{0,200}") {
        let _ = TrunkSettings::from_document(&text);
    }

    #[test]
    fn password_of_any_characters_is_kept_as_given(password in "\\PC{1,40}") {
        let text = serde_json::json!({
            "name": "t",
            "dial_out": { "hosts": ["a"], "numbers": [{}], "user": "u", "password": password },
        });
        let settings: TrunkSettings = serde_json::from_value(text).unwrap();
        let kept = TrunkSettings::from_document(&settings.document()).unwrap().check().unwrap();
        let credentials = kept.dial_out.unwrap().credentials.unwrap();
        prop_assert_eq!(credentials.password.reveal(), password.as_str());
    }
}
