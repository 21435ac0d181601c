//! Who may call: which trunk a call belongs to, and what becomes of one that belongs to none.

use std::net::IpAddr;
use std::sync::Arc;

use crate::trunk::Trunk;
use crate::trunks::Trunks;

/// What becomes of calls that belong to no trunk. None of them may ever dial out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnknownSources {
    /// They are let in to the code prompt.
    #[default]
    Allow,
    /// They are asked for the password of a trunk's user.
    Challenge,
    /// They are refused.
    Refuse,
}

impl UnknownSources {
    /// The word in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Challenge => "challenge",
            Self::Refuse => "refuse",
        }
    }
}

/// Where a call comes from, and who it has shown to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallSource<'a> {
    /// The source address.
    pub address: IpAddr,
    /// The names in the certificate that the other side of its connection has shown.
    pub tls_peers: &'a [String],
    /// The user whose password it has shown; verified already.
    pub user: Option<&'a str>,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission<'a> {
    /// It belongs to this trunk.
    Trunk(&'a Arc<Trunk>),
    /// It belongs to none, and is let in to the code prompt.
    Unknown,
    /// It has to show a password: of a user of this trunk, or of any that has users only.
    Challenge(Option<&'a Arc<Trunk>>),
    /// It is refused.
    Refuse,
}

impl Trunks {
    /// What becomes of a call. The names of a certificate say more than an address, a small network more than a large
    /// one. A trunk that has sources (or TLS peers) and users wants both; one that has users only is found by its user.
    #[must_use]
    pub fn admit(&self, unknown: UnknownSources, source: &CallSource<'_>) -> Admission<'_> {
        let by_place = self.of_peer(source.tls_peers).or_else(|| self.of_address(source.address));
        let shown = source.user.map(|user| self.user(user).map(|(trunk, _)| trunk));
        match (by_place, shown) {
            (Some(trunk), None) if trunk.users.is_empty() => Admission::Trunk(trunk),
            (Some(trunk), None) => Admission::Challenge(Some(trunk)),
            // A trunk that asks for nothing takes what it is shown for more than it needs.
            (Some(trunk), Some(_)) if trunk.users.is_empty() => Admission::Trunk(trunk),
            (Some(trunk), Some(Some(owner))) if owner.name == trunk.name => Admission::Trunk(trunk),
            (None, Some(Some(owner))) if owner.is_found_by_user() => Admission::Trunk(owner),
            (Some(_) | None, Some(_)) => Admission::Refuse,
            (None, None) => match unknown {
                UnknownSources::Allow => Admission::Unknown,
                UnknownSources::Challenge => Admission::Challenge(None),
                UnknownSources::Refuse => Admission::Refuse,
            },
        }
    }
}

impl Trunk {
    fn is_found_by_user(&self) -> bool {
        self.sources.is_empty() && self.tls_peers.is_empty()
    }
}
