//! From a trunk as it is written to one that holds together.

use std::collections::BTreeSet;

use crate::host::HostName;
use crate::number::NumberPattern;
use crate::secret::SecretSource;
use crate::service::{Application, NumberSettings};
use crate::settings::{Codec, DialOutSettings, DialRule, RegisterSettings, TrunkSettings, UserSettings};
use crate::trunk::{Credentials, DialOut, Number, Registration, Trunk, User};

/// Most entries of each list of a trunk; numbers excepted.
const LIST_MAX: usize = 256;
/// Most numbers of a trunk: ten thousand is a block of numbers that a pattern says in one line.
const NUMBERS_MAX: usize = 10_000;
/// Characters of names and prefixes.
const TEXT_CHARS_MAX: usize = 64;
/// More calls than any VRU carries.
const CALLS_MAX: u32 = 100_000;

/// What is wrong with a trunk, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {text}")]
pub struct Fault {
    /// The key within the trunk: `dial_out.hosts`, `numbers[2].code`; empty for the trunk itself.
    pub key: String,
    /// What is wrong and what was expected.
    pub text: String,
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.0.push(Fault { key: key.into(), text: text.into() });
    }

    fn limit(&mut self, key: &str, items: usize, most: usize) {
        if items > most {
            self.add(key, format!("{items} entries; at most {most} are allowed"));
        }
    }
}

impl TrunkSettings {
    /// The trunk, once its secrets are settled.
    ///
    /// # Errors
    /// All that is wrong with it; never an empty list.
    pub fn check(&self) -> Result<Trunk, Vec<Fault>> {
        let mut faults = Faults::default();
        if self.name.as_str() == UNKNOWN {
            faults.add("name", "\"unknown\" stands for callers of no trunk; expected another name");
        }
        faults.limit("sources", self.sources.len(), LIST_MAX);
        check_caps(self, &mut faults);
        if let Some((key, text)) = self.number_plan.as_ref().and_then(|plan| plan.fault()) {
            faults.add(format!("number_plan.{key}"), text);
        }
        let trunk = Trunk {
            name: self.name.clone(),
            sources: self.sources.clone(),
            tls_peers: tls_peers(&self.tls_peers, &mut faults),
            users: users(&self.users, &mut faults),
            trusts_identity: self.trusts_identity,
            calls_max: self.calls_max,
            calls_per_second_max: self.calls_per_second_max,
            codecs: codecs(&self.codecs, &mut faults),
            media_security: self.media_security,
            language: self.language,
            number_plan: self.number_plan.clone(),
            numbers: numbers(self, &mut faults),
            dial_out: self.dial_out.as_ref().map(|out| dial_out(out, &mut faults)),
            registration: self.register.as_ref().map(|register| registration(register, &mut faults)),
        };
        let is_reachable = !trunk.sources.is_empty()
            || !trunk.tls_peers.is_empty()
            || !trunk.users.is_empty()
            || trunk.dial_out.is_some()
            || trunk.registration.is_some();
        if !is_reachable {
            faults
                .add("", "nobody can call: expected one of sources, tls_peers, users, dial_out or register");
        }
        if faults.0.is_empty() { Ok(trunk) } else { Err(faults.0) }
    }
}

/// How callers of no trunk are named in metrics.
const UNKNOWN: &str = "unknown";

fn check_caps(settings: &TrunkSettings, faults: &mut Faults) {
    for (key, cap) in
        [("calls_max", settings.calls_max), ("calls_per_second_max", settings.calls_per_second_max)]
    {
        if cap.is_some_and(|cap| !(1..=CALLS_MAX).contains(&cap)) {
            faults.add(key, format!("expected a whole number from 1 to {CALLS_MAX}"));
        }
    }
}

fn tls_peers(written: &[String], faults: &mut Faults) -> Vec<String> {
    faults.limit("tls_peers", written.len(), LIST_MAX);
    let mut peers = Vec::new();
    for (place, name) in written.iter().enumerate() {
        let bare = name.strip_prefix("sip:").unwrap_or(name);
        match HostName::parse_name(bare) {
            Some(bare) => peers.push(bare),
            None => faults.add(
                format!("tls_peers[{place}]"),
                "expected a name in a certificate, such as \"sbc.example.com\"",
            ),
        }
    }
    peers
}

fn users(written: &[UserSettings], faults: &mut Faults) -> Vec<User> {
    faults.limit("users", written.len(), LIST_MAX);
    let mut names = BTreeSet::new();
    for (place, user) in written.iter().enumerate() {
        let key = |key: &str| format!("users[{place}].{key}");
        if !is_text(&user.name) || user.name.contains(':') {
            faults.add(key("name"), "expected 1 to 64 characters without ':', '\"' and '\\'");
        }
        if !names.insert(user.name.as_str()) {
            faults.add(key("name"), format!("\"{}\" is there twice", user.name));
        }
        if user.password.is_some() {
            faults.add(key("password"), "the password was not read");
        } else if user.md5.is_none() && user.sha256.is_none() {
            faults.add(key("password"), "expected a password, or its hash as md5 or sha256");
        }
        for (name, hash, digits) in [("md5", &user.md5, 32), ("sha256", &user.sha256, 64)] {
            if hash.as_ref().is_some_and(|hash| hash.digits() != digits) {
                faults.add(key(name), format!("expected {digits} hexadecimal digits"));
            }
        }
    }
    let user = |user: &UserSettings| User {
        name: user.name.clone(),
        md5: user.md5.clone(),
        sha256: user.sha256.clone(),
    };
    written.iter().map(user).collect()
}

fn codecs(written: &[Codec], faults: &mut Faults) -> Vec<Codec> {
    for (place, codec) in written.iter().enumerate() {
        if written[..place].contains(codec) {
            faults.add(format!("codecs[{place}]"), format!("{} is there twice", codec.encoding()));
        }
    }
    written.to_vec()
}

fn numbers(settings: &TrunkSettings, faults: &mut Faults) -> Vec<Number> {
    faults.limit("numbers", settings.numbers.len(), NUMBERS_MAX);
    let mut patterns: BTreeSet<NumberPattern> = BTreeSet::new();
    let mut numbers = Vec::new();
    for (place, written) in settings.numbers.iter().enumerate() {
        let NumberSettings { number, application, language, room, code } = written;
        let pattern = match &settings.number_plan {
            Some(plan) => number.normalised(plan),
            None => number.clone(),
        };
        if !patterns.insert(pattern.clone()) {
            faults.add(format!("numbers[{place}].number"), format!("{number} is there twice"));
        }
        if *application == Application::Linetest && (room.is_some() || code.is_some()) {
            faults.add(
                format!("numbers[{place}]"),
                "a line test has no room; expected room and code only with \"conferencing\"",
            );
        }
        numbers.push(Number {
            pattern,
            application: *application,
            language: language.or(settings.language),
            room: room.clone(),
            code: code.as_ref().map(|code| code.0.clone()),
        });
    }
    numbers
}

fn dial_out(written: &DialOutSettings, faults: &mut Faults) -> DialOut {
    if written.hosts.is_empty() {
        faults.add("dial_out.hosts", "expected at least one host, such as \"sip.example.com\"");
    }
    if written.numbers.is_empty() {
        faults.add(
            "dial_out.numbers",
            "expected at least one rule; { prefix = \"\" } lets every number through",
        );
    }
    faults.limit("dial_out.hosts", written.hosts.len(), LIST_MAX);
    faults.limit("dial_out.numbers", written.numbers.len(), LIST_MAX);
    for (place, rule) in written.numbers.iter().enumerate() {
        let key = |key: &str| format!("dial_out.numbers[{place}].{key}");
        for (name, text) in [("prefix", &rule.prefix), ("add", &rule.add)] {
            if !is_dialled(text) {
                faults.add(
                    key(name),
                    "expected at most 64 characters of 0-9, a-z, '+', '*', '#', '-', '_' and '.'",
                );
            }
        }
        if usize::from(rule.strip) > rule.prefix.len() {
            faults.add(key("strip"), "it takes off more than the prefix; expected at most its length");
        }
        if written.numbers[..place].iter().any(|earlier| earlier.prefix == rule.prefix) {
            faults.add(key("prefix"), format!("\"{}\" is there twice", rule.prefix));
        }
    }
    DialOut {
        hosts: written.hosts.clone(),
        transport: written.transport,
        rules: written.numbers.clone(),
        caller_number: written.caller_number.clone(),
        credentials: credentials("dial_out", written.user.as_deref(), written.password.as_ref(), faults),
        follows_redirects: written.follows_redirects,
        priority: written.priority,
        ring_max: written.ring_max.duration(),
    }
}

fn registration(written: &RegisterSettings, faults: &mut Faults) -> Registration {
    if !is_text(&written.user) {
        faults.add("register.user", "expected the number or name to register, 1 to 64 characters");
    }
    let user = written.auth_user.as_deref().unwrap_or(&written.user);
    let credentials = match &written.password {
        Some(password) => credentials("register", Some(user), Some(password), faults),
        None => None,
    };
    Registration {
        registrar: written.registrar.clone(),
        transport: written.transport,
        user: written.user.clone(),
        credentials,
        expires: written.expires.duration(),
    }
}

fn credentials(
    section: &str,
    user: Option<&str>,
    password: Option<&SecretSource>,
    faults: &mut Faults,
) -> Option<Credentials> {
    let password = match password {
        Some(SecretSource::Text(secret)) => Some(secret.clone()),
        Some(SecretSource::Environment(_) | SecretSource::File(_)) => {
            faults.add(format!("{section}.password"), "the password was not read");
            None
        }
        None => None,
    };
    match (user, password) {
        (Some(user), Some(password)) => {
            if !is_text(user) {
                faults.add(format!("{section}.user"), "expected 1 to 64 characters without '\"' and '\\'");
            }
            Some(Credentials { user: user.to_owned(), password })
        }
        (Some(_), None) => {
            faults.add(format!("{section}.password"), "expected the password of the user");
            None
        }
        (None, Some(_)) => {
            faults.add(format!("{section}.user"), "expected the user whose password this is");
            None
        }
        (None, None) => None,
    }
}

/// What may stand in a quoted text of SIP as it is.
fn is_text(text: &str) -> bool {
    (1..=TEXT_CHARS_MAX).contains(&text.len())
        && text.chars().all(|char| !char.is_control() && char != '"' && char != '\\')
}

fn is_dialled(text: &str) -> bool {
    text.len() <= TEXT_CHARS_MAX
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+*#-_.".contains(&byte))
}

impl DialRule {
    /// The number as this rule sends it; `None` where the number is another, or nothing of it is left.
    pub(crate) fn apply(&self, number: &str) -> Option<String> {
        let rest = number.strip_prefix(&self.prefix)?;
        let kept = self.prefix.get(usize::from(self.strip)..)?;
        let sent = format!("{}{kept}{rest}", self.add);
        (!sent.is_empty()).then_some(sent)
    }
}
