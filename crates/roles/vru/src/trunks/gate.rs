//! The gate: which trunk a call belongs to, and the refusal of who belongs to none where strangers may not call.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use partyline_sip::auth::{DigestCredentials, DigestHash, Secret, Verdict as Judgement};
use partyline_sip::endpoint::{Because, CallKey, IncomingCall};
use partyline_trunk::{Admission, CallSource, Limit, Trunk, Trunks, User};
use tracing::{info, warn};

use super::{LoadPlace, Peers};
use crate::clock::now;
use crate::guard::{Source, Verdict};
use crate::sip::{NewCall, SipCommands};
use crate::sources::TurnedAway;

/// How callers of no trunk are named in metrics.
const UNKNOWN: &str = "unknown";

/// A call that was let in.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// The trunk that it belongs to.
    pub(crate) trunk: Option<Arc<Trunk>>,
    /// Its place there, for as long as it lasts.
    pub(crate) _place: Option<LoadPlace>,
}

/// What credentials were worth.
enum Shown {
    /// None are there.
    Nothing,
    /// The password of this user.
    User(String),
    /// A right password with an old nonce.
    Stale,
    /// A wrong one.
    Wrong,
}

/// Why a call is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    UnknownSource,
    NotItsUser,
    WrongPassword,
    LockedOut,
    Limited(Limit),
}

impl Reason {
    const fn word(self) -> &'static str {
        match self {
            Self::UnknownSource => "unknown_source",
            Self::NotItsUser => "not_its_user",
            Self::WrongPassword => "wrong_password",
            Self::LockedOut => "locked_out",
            Self::Limited(limit) => limit.as_str(),
        }
    }

    /// A trunk that is full is busy, one that calls too fast may try again; who may not call is told no more than that.
    const fn status(self) -> u16 {
        match self {
            Self::UnknownSource | Self::NotItsUser | Self::WrongPassword | Self::LockedOut => 403,
            Self::Limited(Limit::Calls) => 486,
            Self::Limited(Limit::Rate) => 480,
        }
    }
}

/// What becomes of a call at the gate.
enum Fate {
    LetIn(Admitted),
    Challenge { is_stale: bool },
    Refuse { trunk: Option<Arc<Trunk>>, reason: Reason },
}

/// Lets a call in, or answers it: challenged and refused ones are over by that.
pub(crate) async fn admit(peers: &Peers, store_wait: Duration, new: &NewCall) -> Option<Admitted> {
    peers.read_once(store_wait).await;
    let tls_peers = new.peer.as_ref().map(|peer| peer.domains()).unwrap_or_default();
    match peers.fate(&new.incoming, &tls_peers) {
        Fate::LetIn(admitted) => Some(admitted),
        Fate::Challenge { is_stale } => {
            peers.challenge(&new.commands, new.key, new.incoming.source.ip(), is_stale).await;
            None
        }
        Fate::Refuse { trunk, reason } => {
            peers.refuse(new, trunk.as_deref(), reason).await;
            None
        }
    }
}

impl Peers {
    fn fate(&self, incoming: &IncomingCall, tls_peers: &[String]) -> Fate {
        let trunks = self.trunks();
        let address = incoming.source.ip();
        let bare = CallSource { address, tls_peers, user: None };
        // Where we are registered calls come from that are answered for by the registrar.
        let registrar = self.registrations.at(address);
        let by_place = trunks.of_peer(tls_peers).or_else(|| trunks.of_address(address));
        if let Some(trunk) =
            registrar.filter(|_| by_place.is_none()).and_then(|name| trunks.named(&name).cloned())
            && trunk.users.is_empty()
        {
            return self.of_trunk(&trunk);
        }
        let asking = match trunks.admit(self.unknown_sources, &bare) {
            Admission::Trunk(trunk) => return self.of_trunk(trunk),
            Admission::Unknown => return Fate::LetIn(Admitted::default()),
            Admission::Refuse => return Fate::Refuse { trunk: None, reason: Reason::UnknownSource },
            Admission::Challenge(trunk) => trunk.cloned(),
        };
        let source = Source::from(address);
        if self.is_locked_out(&source) {
            return Fate::Refuse { trunk: asking, reason: Reason::LockedOut };
        }
        match self.shown(&trunks, incoming) {
            Shown::Nothing => Fate::Challenge { is_stale: false },
            Shown::Stale => Fate::Challenge { is_stale: true },
            Shown::Wrong => {
                self.sources.note(TurnedAway::WrongPassword, address);
                self.wrong(&source, asking)
            }
            Shown::User(user) => {
                match trunks.admit(self.unknown_sources, &CallSource { user: Some(&user), ..bare }) {
                    Admission::Trunk(trunk) => self.of_trunk(trunk),
                    Admission::Unknown | Admission::Challenge(_) | Admission::Refuse => {
                        Fate::Refuse { trunk: asking, reason: Reason::NotItsUser }
                    }
                }
            }
        }
    }

    fn is_locked_out(&self, source: &Source) -> bool {
        let mut guard = self.guard.lock();
        let is_locked_out = guard.tries(now(), source).is_none();
        // Who has guessed nothing takes no room.
        guard.settled(source);
        is_locked_out
    }

    fn of_trunk(&self, trunk: &Arc<Trunk>) -> Fate {
        match self.loads.take(trunk, "in") {
            Ok(place) => Fate::LetIn(Admitted { trunk: Some(Arc::clone(trunk)), _place: Some(place) }),
            Err(limit) => Fate::Refuse { trunk: Some(Arc::clone(trunk)), reason: Reason::Limited(limit) },
        }
    }

    /// A wrong password is counted against its source; while that has tries left it is asked again.
    fn wrong(&self, source: &Source, trunk: Option<Arc<Trunk>>) -> Fate {
        let verdict = self.guard.lock().wrong(now(), source);
        let name = trunk.as_deref().map_or(UNKNOWN, |trunk| trunk.name.as_str()).to_owned();
        let reason = Reason::WrongPassword.word();
        metrics::counter!("partyline_vru_trunk_refusals_total", "trunk" => name, "reason" => reason)
            .increment(1);
        match verdict {
            Verdict::Delay(_) => {
                info!(%source, "a wrong password");
                Fate::Challenge { is_stale: false }
            }
            Verdict::LockedOut => {
                warn!(%source, "too many wrong passwords: locked out");
                Fate::Refuse { trunk, reason: Reason::LockedOut }
            }
        }
    }

    fn shown(&self, trunks: &Trunks, incoming: &IncomingCall) -> Shown {
        let mut verifier = self.verifier.lock();
        let Some(given) = verifier.ours(&incoming.credentials) else { return Shown::Nothing };
        let secret = trunks.user(&given.username).map_or_else(Secret::nobody, |(_, user)| secret(user));
        match verifier.verify(now(), given, incoming.source.ip(), &secret) {
            Judgement::Right => Shown::User(name_of(given)),
            Judgement::Stale | Judgement::Replay => Shown::Stale,
            Judgement::WrongSecret | Judgement::Malformed => Shown::Wrong,
        }
    }

    async fn challenge(&self, commands: &SipCommands, call: CallKey, source: IpAddr, is_stale: bool) {
        let challenge = self.verifier.lock().challenge(now(), source, is_stale);
        metrics::counter!("partyline_vru_challenges_total").increment(1);
        commands.challenge(call, challenge).await;
    }

    async fn refuse(&self, new: &NewCall, trunk: Option<&Trunk>, reason: Reason) {
        let (name, word) = (trunk.map_or(UNKNOWN, |trunk| trunk.name.as_str()), reason.word());
        let source = new.incoming.source.ip();
        metrics::counter!("partyline_vru_trunk_refusals_total", "trunk" => name.to_owned(), "reason" => word)
            .increment(1);
        let what = match reason {
            Reason::Limited(_) => TurnedAway::Crowded,
            Reason::WrongPassword => TurnedAway::WrongPassword,
            Reason::UnknownSource | Reason::NotItsUser | Reason::LockedOut => TurnedAway::Refused,
        };
        if let Some(times) = self.sources.count(what, source) {
            info!(%source, trunk = name, reason = word, times, "calls are refused");
        }
        let status = reason.status();
        let because = Because { text: String::new(), cause: status, retry_after: None };
        new.commands.reject(new.key, status, because).await;
    }
}

fn name_of(given: &DigestCredentials) -> String {
    given.username.clone()
}

fn secret(user: &User) -> Secret {
    let hashes = [(DigestHash::Md5, &user.md5), (DigestHash::Sha256, &user.sha256)];
    let known =
        hashes.into_iter().filter_map(|(hash, kept)| Some((hash, kept.as_ref()?.reveal().to_owned())));
    Secret::hashed(known)
}
