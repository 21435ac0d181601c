//! What we can do, in one table: from it come Allow, Supported and Accept, and the refusals of all else.

use crate::message::{HeaderName, Headers, Method, split_commas};
use crate::rules::{DialogRules, Referrals, Reliability};
use crate::subscription::REFER;

/// The one body type of session descriptions.
pub(super) const SDP: &str = "application/sdp";
/// Bodies that a session description is read from: by itself, or as a part among others.
pub(super) const DESCRIBING: [&str; 2] = [SDP, "multipart/mixed"];
/// Bodies that are read, in INVITE and the like, and in INFO.
pub(super) const BODIES: [&str; 4] = [SDP, "multipart/mixed", "application/dtmf-relay", "application/dtmf"];

/// Reliable provisional responses ([RFC 3262]).
pub(super) const RELIABLE: &str = "100rel";

/// REFER without its subscription ([RFC 4488]).
const NO_REFER_SUBSCRIPTION: &str = "norefersub";

/// Session timers ([RFC 4028]).
pub(super) const TIMER: &str = "timer";

/// Whether one of these headers lists an extension.
pub(super) fn lists(headers: &Headers<'_>, name: HeaderName<'static>, extension: &str) -> bool {
    let mut listed = headers.all(name).flat_map(split_commas);
    listed.any(|listed| listed.eq_ignore_ascii_case(extension.as_bytes()))
}

/// What this endpoint can do, by its rules.
#[derive(Debug)]
pub(super) struct Abilities {
    methods: Vec<Method<'static>>,
    extensions: Vec<&'static str>,
    /// Those of them that callers and callees have to have too.
    required: Vec<&'static str>,
    /// The value of Allow.
    pub(super) allow: String,
    /// The value of Supported.
    pub(super) supported: String,
    /// The value of Accept.
    pub(super) accept: String,
    /// The value of Allow-Events; empty for none.
    pub(super) allow_events: String,
}

impl Abilities {
    pub(super) fn of(rules: &DialogRules) -> Self {
        let mut methods = vec![
            Method::Invite,
            Method::Ack,
            Method::Cancel,
            Method::Bye,
            Method::Options,
            Method::Info,
            Method::Update,
        ];
        let (mut extensions, mut required) = (Vec::new(), Vec::new());
        if rules.reliability == Reliability::Always {
            required.push(RELIABLE);
        }
        if rules.session.is_some_and(|session| session.is_required) {
            required.push(TIMER);
        }
        if rules.reliability != Reliability::Never {
            methods.push(Method::Prack);
            extensions.push(RELIABLE);
        }
        if rules.session.is_some() {
            extensions.push(TIMER);
        }
        let mut events: Vec<_> =
            rules.subscriptions.packages.iter().map(|package| package.name.as_str()).collect();
        if !events.is_empty() {
            methods.push(Method::Subscribe);
        }
        if rules.referrals == Referrals::Asked {
            methods.push(Method::Refer);
            extensions.push(NO_REFER_SUBSCRIPTION);
            events.push(REFER);
        }
        let names: Vec<_> = methods.iter().map(|method| String::from_utf8_lossy(method.as_bytes())).collect();
        Self {
            allow: names.join(", "),
            supported: extensions.join(", "),
            accept: BODIES.join(", "),
            allow_events: events.join(", "),
            methods,
            extensions,
            required,
        }
    }

    /// The value of Allow in what makes a subscription of ours: who is subscribed takes NOTIFY too.
    pub(super) fn allow_with_notify(&self) -> String {
        format!("{}, NOTIFY", self.allow)
    }

    /// Whether requests of this method are worked on.
    pub(super) fn allows(&self, method: Method<'_>) -> bool {
        self.methods.contains(&method)
    }

    /// What has to be supported by the other side of a call and is not, by what a request of it says; the value of
    /// Require.
    pub(super) fn lacking(&self, headers: &Headers<'_>) -> Option<String> {
        let supports = |wanted: &str| {
            [HeaderName::Supported, HeaderName::Require].iter().any(|name| lists(headers, *name, wanted))
        };
        let lacking: Vec<_> = self.required.iter().copied().filter(|wanted| !supports(wanted)).collect();
        (!lacking.is_empty()).then(|| lacking.join(", "))
    }

    /// The line by which a call of ours asks for what is required; empty for nothing.
    pub(super) fn require_line(&self) -> String {
        if self.required.is_empty() {
            String::new()
        } else {
            format!("Require: {}\r\n", self.required.join(", "))
        }
    }

    /// Whether an extension may be required of us.
    pub(super) fn supports(&self, extension: &[u8]) -> bool {
        self.extensions.iter().any(|known| extension.eq_ignore_ascii_case(known.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_rules_forbid_is_neither_said_nor_done() {
        let mut rules = DialogRules::default();
        let usual = Abilities::of(&rules);
        assert_eq!(usual.allow, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK");
        assert_eq!(usual.supported, "100rel, timer");
        rules.reliability = Reliability::Never;
        rules.session = None;
        let plain = Abilities::of(&rules);
        assert!(!plain.allows(Method::Prack) && !plain.supports(b"100rel") && !plain.supports(b"timer"));
    }
}
