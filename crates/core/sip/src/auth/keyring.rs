//! A client's answers to what is demanded of it ([RFC 3261 §22.2, §22.3], [RFC 8760 §2.4]).

use super::Credentials;
use super::algorithm::{Digested, Protection};
use super::demand::{Demand, Offers};
use super::fields::Fields;
use crate::message::{HeaderName, Headers, quoted};

/// Most realms on the way of one call.
const REALMS_MAX: usize = 8;

/// Why a refusal is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unanswerable {
    /// No credentials for the realm, or nothing is demanded that we can do.
    NoCredentials,
    /// They were shown and are wrong.
    WrongSecret,
}

/// The credentials of one call or registration, and where they were demanded.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keyring {
    credentials: Vec<Credentials>,
    realms: Vec<Realm>,
}

#[derive(Debug, Clone)]
struct Realm {
    is_proxy: bool,
    demand: Demand,
    /// Which of the credentials.
    which: usize,
    /// How often the nonce was used.
    uses: u32,
    /// Whether a request passed with it.
    is_proven: bool,
    /// Whether the last request was refused as stale.
    was_stale: bool,
}

/// What a request says that credentials vouch for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vouched<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) uri: &'a str,
    pub(crate) body: &'a [u8],
}

impl Keyring {
    pub(crate) fn new(credentials: &[Credentials]) -> Self {
        Self { credentials: credentials.to_vec(), realms: Vec::new() }
    }

    /// Whether anybody has demanded credentials yet.
    pub(crate) fn is_asked(&self) -> bool {
        !self.realms.is_empty()
    }

    /// Takes the challenges of a 401 or 407: afterwards the request can be tried again.
    pub(crate) fn learn(&mut self, headers: &Headers<'_>) -> Result<(), Unanswerable> {
        let mut best: Vec<(bool, Demand)> = Vec::new();
        let sides = [(false, HeaderName::WwwAuthenticate), (true, HeaderName::ProxyAuthenticate)];
        for (is_proxy, name) in sides {
            for demand in headers.all(name).filter_map(|value| Demand::parse(value).ok().flatten()) {
                let same =
                    best.iter_mut().find(|(side, known)| *side == is_proxy && known.realm == demand.realm);
                match same {
                    // Of two for one realm the better hash; the order of the server only decides between like ones.
                    Some((_, known)) if demand.algorithm.hash < known.algorithm.hash => *known = demand,
                    Some(_) => {}
                    None => best.push((is_proxy, demand)),
                }
            }
        }
        if best.is_empty() {
            return Err(Unanswerable::NoCredentials);
        }
        best.into_iter().try_for_each(|(is_proxy, demand)| self.hold(is_proxy, demand))
    }

    fn hold(&mut self, is_proxy: bool, demand: Demand) -> Result<(), Unanswerable> {
        let known = self
            .realms
            .iter_mut()
            .find(|known| known.is_proxy == is_proxy && known.demand.realm == demand.realm);
        if let Some(known) = known {
            // A nonce that was good for earlier requests may be used up, whether or not the server says so.
            let may_retry = (demand.is_stale || known.is_proven) && !known.was_stale;
            if !may_retry {
                return Err(Unanswerable::WrongSecret);
            }
            *known = Realm { demand, uses: 0, is_proven: false, was_stale: true, ..*known };
            return Ok(());
        }
        let fits =
            |credentials: &Credentials| credentials.realm.as_ref().is_none_or(|realm| *realm == demand.realm);
        let which = self.credentials.iter().position(fits).ok_or(Unanswerable::NoCredentials)?;
        if self.realms.len() == REALMS_MAX {
            return Err(Unanswerable::NoCredentials);
        }
        self.realms.push(Realm { is_proxy, demand, which, uses: 0, is_proven: false, was_stale: false });
        Ok(())
    }

    /// A request passed: what was shown is right. A nonce for the next one may come along ([RFC 7616 §3.5]).
    pub(crate) fn passed(&mut self, headers: &Headers<'_>) {
        let next = |name| {
            let fields = Fields::parse(headers.first(name)?).ok()?;
            fields.text("nextnonce").ok().flatten().map(str::to_owned)
        };
        let (server, proxy) =
            (next(HeaderName::AuthenticationInfo), next(HeaderName::ProxyAuthenticationInfo));
        for known in self.realms.iter_mut().filter(|known| known.uses > 0) {
            (known.is_proven, known.was_stale) = (true, false);
        }
        for (is_proxy, nonce) in [(false, server), (true, proxy)] {
            // The header names no realm: it is clear whose it is only where there is one.
            let mut side = self.realms.iter_mut().filter(|known| known.is_proxy == is_proxy);
            if let (Some(nonce), Some(known), None) = (nonce, side.next(), side.next()) {
                known.demand.nonce = nonce;
                known.uses = 0;
            }
        }
    }

    /// The request goes to another server of the same host, which may not know the nonces of the one before: what was
    /// shown there is not wrong because it is asked for anew here.
    pub(crate) fn moves_on(&mut self) {
        for known in &mut self.realms {
            (known.is_proven, known.was_stale) = (true, false);
        }
    }

    /// The request goes to another host: what the one before demanded is none of its business.
    pub(crate) fn starts_over(&mut self) {
        self.realms.clear();
    }

    /// A request never left: that counts as no use of its nonces, as some servers want the first use that they see to
    /// be the first one.
    pub(crate) fn unsent(&mut self, headers: &Headers<'_>) {
        for (is_proxy, name) in [(false, HeaderName::Authorization), (true, HeaderName::ProxyAuthorization)] {
            for fields in headers.all(name).filter_map(|value| Fields::of_digest(value).ok().flatten()) {
                let shown = |field, value: &str| fields.bytes(field) == Some(value.as_bytes());
                // Only the last use can be taken back.
                let was_last = |known: &&mut Realm| {
                    known.is_proxy == is_proxy
                        && shown("realm", &known.demand.realm)
                        && shown("nonce", &known.demand.nonce)
                        && shown("nc", &counted(known.uses))
                };
                if let Some(known) = self.realms.iter_mut().find(was_last) {
                    known.uses = known.uses.saturating_sub(1);
                }
            }
        }
    }

    /// The header lines that a request needs, line ends included. `client_nonce` is a random token.
    pub(crate) fn lines(&mut self, vouched: Vouched<'_>, client_nonce: &str) -> Vec<u8> {
        let mut lines = Vec::new();
        for known in &mut self.realms {
            if let Some(credentials) = self.credentials.get(known.which) {
                lines.extend_from_slice(known.line(credentials, vouched, client_nonce).as_bytes());
            }
        }
        lines
    }
}

/// The count of uses as it is written.
fn counted(uses: u32) -> String {
    format!("{uses:08x}")
}

impl Realm {
    fn line(&mut self, credentials: &Credentials, vouched: Vouched<'_>, client_nonce: &str) -> String {
        self.uses += 1;
        let Demand { realm, nonce, opaque, algorithm, offers, .. } = &self.demand;
        let protection = Protection {
            count: counted(self.uses),
            client_nonce: client_nonce.to_owned(),
            body_hash: (*offers == Offers::IntegrityOnly).then(|| algorithm.hash.hex(&[vouched.body])),
        };
        let protection = (*offers != Offers::Nothing).then_some(protection);
        let secret_hash = algorithm.hash.secret_hash(&credentials.username, realm, &credentials.password);
        let response = Digested {
            algorithm: *algorithm,
            secret_hash: &secret_hash,
            nonce,
            method: vouched.method,
            uri: vouched.uri.as_bytes(),
            protection: protection.as_ref(),
        }
        .response();
        let name = if self.is_proxy { "Proxy-Authorization" } else { "Authorization" };
        let session = if algorithm.is_session { "-sess" } else { "" };
        let mut line = format!(
            "{name}: Digest username={}, realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{}\", response=\"{response}\", \
             algorithm={}{session}",
            quoted(&credentials.username),
            vouched.uri,
            algorithm.hash.token(),
        );
        if let Some(protection) = &protection {
            let (count, token) = (&protection.count, protection.token());
            line.push_str(&format!(", qop={token}, nc={count}, cnonce=\"{client_nonce}\""));
        }
        if let Some(opaque) = opaque {
            line.push_str(&format!(", opaque=\"{opaque}\""));
        }
        line.push_str("\r\n");
        line
    }
}
