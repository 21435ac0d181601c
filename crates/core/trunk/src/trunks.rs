//! A set of trunks in which every caller belongs to one at most.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use partyline_conference::TrunkName;

use crate::network::SourceNetwork;
use crate::trunk::{Trunk, User};

/// More trunks than any machine has peers.
const TRUNKS_MAX: usize = 1000;

/// Trunks by who calls.
#[derive(Debug, Clone, Default)]
pub struct Trunks {
    by_name: BTreeMap<TrunkName, Arc<Trunk>>,
    by_network: HashMap<SourceNetwork, TrunkName>,
    by_peer: HashMap<String, TrunkName>,
    by_user: HashMap<String, TrunkName>,
    /// Lengths of prefixes that there are, the longest first.
    prefixes: Vec<u8>,
}

/// Why a trunk can't stand beside the others.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Clash {
    /// Another has its name.
    #[error("there are two trunks \"{0}\"; expected a name of its own")]
    Name(TrunkName),
    /// Another has one of its networks.
    #[error(
        "trunk \"{second}\" has the source {network} of trunk \"{first}\"; a call from there would be of both"
    )]
    Source {
        /// The network.
        network: SourceNetwork,
        /// Whose it is.
        first: TrunkName,
        /// Who wants it too.
        second: TrunkName,
    },
    /// Another has one of its TLS peers.
    #[error(
        "trunk \"{second}\" has the TLS peer \"{peer}\" of trunk \"{first}\"; a call from there would be of both"
    )]
    TlsPeer {
        /// The name in the certificate.
        peer: String,
        /// Whose it is.
        first: TrunkName,
        /// Who wants it too.
        second: TrunkName,
    },
    /// Another has one of its users.
    #[error(
        "trunk \"{second}\" has the user \"{user}\" of trunk \"{first}\"; a call by that user would be of both"
    )]
    User {
        /// The user's name.
        user: String,
        /// Whose it is.
        first: TrunkName,
        /// Who wants it too.
        second: TrunkName,
    },
    /// There are too many.
    #[error("more than {TRUNKS_MAX} trunks; this many belong into a routing proxy")]
    TooMany,
}

impl Trunks {
    /// Adds a trunk.
    ///
    /// # Errors
    /// [`Clash`] where a caller would belong to two; the set stays as it was.
    pub fn add(&mut self, trunk: Trunk) -> Result<(), Clash> {
        self.refuse_clash(&trunk)?;
        let name = &trunk.name;
        self.by_network.extend(trunk.sources.iter().map(|network| (*network, name.clone())));
        self.by_peer.extend(trunk.tls_peers.iter().map(|peer| (peer.clone(), name.clone())));
        self.by_user.extend(trunk.users.iter().map(|user| (user.name.clone(), name.clone())));
        self.prefixes.extend(trunk.sources.iter().map(SourceNetwork::prefix_bits));
        self.prefixes.sort_unstable_by(|one, other| other.cmp(one));
        self.prefixes.dedup();
        self.by_name.insert(name.clone(), Arc::new(trunk));
        Ok(())
    }

    fn refuse_clash(&self, trunk: &Trunk) -> Result<(), Clash> {
        if self.by_name.len() >= TRUNKS_MAX {
            return Err(Clash::TooMany);
        }
        let second = &trunk.name;
        if self.by_name.contains_key(second) {
            return Err(Clash::Name(second.clone()));
        }
        for network in &trunk.sources {
            if let Some(first) = self.by_network.get(network) {
                let (first, second) = (first.clone(), second.clone());
                return Err(Clash::Source { network: *network, first, second });
            }
        }
        for peer in &trunk.tls_peers {
            if let Some(first) = self.by_peer.get(peer) {
                let (first, second) = (first.clone(), second.clone());
                return Err(Clash::TlsPeer { peer: peer.clone(), first, second });
            }
        }
        for user in &trunk.users {
            if let Some(first) = self.by_user.get(&user.name) {
                let (first, second) = (first.clone(), second.clone());
                return Err(Clash::User { user: user.name.clone(), first, second });
            }
        }
        Ok(())
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Trunk>> {
        self.by_name.values()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The one of this name.
    #[must_use]
    pub fn named(&self, name: &TrunkName) -> Option<&Arc<Trunk>> {
        self.by_name.get(name)
    }

    /// The trunk that an address belongs to: of those whose networks hold it the one with the smallest network.
    #[must_use]
    pub fn of_address(&self, address: IpAddr) -> Option<&Arc<Trunk>> {
        let address = address.to_canonical();
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let networks = self.prefixes.iter().filter(|bits| **bits <= bits_max);
        let mut networks = networks.map(|bits| SourceNetwork::around(address, *bits));
        self.by_name.get(networks.find_map(|network| self.by_network.get(&network))?)
    }

    /// The trunk that a TLS peer belongs to, by the names in its certificate.
    #[must_use]
    pub fn of_peer(&self, names: &[String]) -> Option<&Arc<Trunk>> {
        let found = names.iter().find_map(|name| self.by_peer.get(&name.to_ascii_lowercase()));
        self.by_name.get(found?)
    }

    /// A user, and the trunk that it belongs to.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<(&Arc<Trunk>, &User)> {
        let trunk = self.by_name.get(self.by_user.get(name)?)?;
        Some((trunk, trunk.users.iter().find(|user| user.name == name)?))
    }
}
