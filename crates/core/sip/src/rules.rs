//! What an endpoint grants to others and asks of them: settings with the values that suit most.
//!
//! It holds numbers and lists only; who carries them out is the endpoint.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use crate::message::decimal;

/// When provisional responses of ours are sent reliably ([RFC 3262]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reliability {
    /// Never; who requires it is refused with 420.
    Never,
    /// Where the caller requires it.
    #[default]
    WhenRequired,
    /// Where the caller supports it.
    WhenSupported,
    /// Always; who does not support it is refused with 421, and calls of ours ask it of the callee.
    Always,
}

/// How long a call stays up without a sign of life ([RFC 4028]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRules {
    /// What we ask for.
    pub expires: Duration,
    /// The least that we accept: less would be a flood of refreshes. The RFC wants 90 s or more; tests take less.
    pub min: Duration,
    /// Whether a caller who knows no session timers is refused with 421; without, we refresh for both sides. Calls of
    /// ours ask it of the callee.
    pub is_required: bool,
}

impl Default for SessionRules {
    fn default() -> Self {
        Self { expires: Duration::from_secs(1_800), min: Duration::from_secs(90), is_required: false }
    }
}

/// What becomes of a REFER.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Referrals {
    /// 403: nobody may. Allow does not list the method then, so that a telephone offers no transfer that must fail; who
    /// sends it all the same is told that it is forbidden, not that it is unknown.
    #[default]
    Refused,
    /// The user is asked each time.
    Asked,
}

/// A kind of state that others may subscribe to ([RFC 6665 §7.2]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPackage {
    /// Its name in Event: a token.
    pub name: String,
    /// The type of its bodies.
    pub content_type: String,
    /// How long a subscription lasts whose sender does not say.
    pub expires: Duration,
}

/// Packages and bounds of subscriptions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionRules {
    /// What can be subscribed to. Without any SUBSCRIBE is refused with 489, and Allow-Events is left out, as by its
    /// grammar it can't be empty.
    pub packages: Vec<EventPackage>,
    /// Less than this is refused with 423, where it is under an hour too: more than that is never too brief.
    pub expires_min: Duration,
    /// More than this is shortened to it.
    pub expires_max: Duration,
    /// Most subscriptions and referrals at once.
    pub max: usize,
    /// Most of them from one source that is not trusted.
    pub per_source_max: usize,
}

impl Default for SubscriptionRules {
    fn default() -> Self {
        Self {
            packages: Vec::new(),
            expires_min: Duration::from_secs(60),
            expires_max: Duration::from_secs(3_600),
            max: 1_000,
            per_source_max: 50,
        }
    }
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogRules {
    /// Reliable provisional responses.
    pub reliability: Reliability,
    /// Session timers; `None` for none.
    pub session: Option<SessionRules>,
    /// Who may say who calls, and is bound by the total of half-open calls only: one's own trunks and proxies.
    pub trusted: Vec<Network>,
    /// What becomes of a REFER.
    pub referrals: Referrals,
    /// What others may subscribe to.
    pub subscriptions: SubscriptionRules,
}

impl Default for DialogRules {
    fn default() -> Self {
        Self {
            reliability: Reliability::default(),
            session: Some(SessionRules::default()),
            trusted: Vec::new(),
            referrals: Referrals::default(),
            subscriptions: SubscriptionRules::default(),
        }
    }
}

/// A range of addresses: `192.0.2.0/24`, `2001:db8::/32`, or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// Not a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an address or a network such as 192.0.2.0/24")]
pub struct NotANetwork;

impl Network {
    /// The network that an address lies in; a prefix that is too long for it means the address alone.
    #[must_use]
    pub fn new(address: IpAddr, prefix: u8) -> Self {
        Self { address, prefix: prefix.min(if address.is_ipv4() { 32 } else { 128 }) }
    }

    /// Whether an address lies in it; an IPv4 address written as IPv6 is what it stands for.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                masked(own.to_bits().into(), 32, self.prefix)
                    == masked(other.to_bits().into(), 32, self.prefix)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                masked(own.to_bits(), 128, self.prefix) == masked(other.to_bits(), 128, self.prefix)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn masked(bits: u128, width: u32, prefix: u8) -> u128 {
    bits.checked_shr(width - u32::from(prefix)).unwrap_or(0)
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self { address, prefix: if address.is_ipv4() { 32 } else { 128 } }
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let Some((address, prefix)) = text.split_once('/') else {
            return text.parse::<IpAddr>().map(Self::from).map_err(|_| NotANetwork);
        };
        let address: IpAddr = address.parse().map_err(|_| NotANetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = decimal(prefix.as_bytes()).and_then(|prefix| u8::try_from(prefix).ok());
        let prefix = prefix.filter(|prefix| *prefix <= most).ok_or(NotANetwork)?;
        Ok(Self { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("192.0.2.0/24", "192.0.2.255"));
        assert!(holds("192.0.2.0/24", "::ffff:192.0.2.1"));
        assert!(!holds("192.0.2.0/24", "192.0.3.0"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(holds("::/0", "2001:db8:1::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for bad in ["", "192.0.2.0/33", "192.0.2.0/", "192.0.2/24", "::/129", "host/8", "192.0.2.0/-1"] {
            assert_eq!(bad.parse::<Network>(), Err(NotANetwork), "{bad}");
        }
    }
}
