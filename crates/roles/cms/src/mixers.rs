//! Connections to mixers, and what is known of which mixers live.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use partyline_conference::{ConferenceId, Epoch, MixId, MixKind, MixView, MixerId, RoomVersion, VoiceCare};
use partyline_rpc::mixing::{EndMix, EnsureMix, PlaySound, SetLeg};
use partyline_rpc::{Address, Network, clients};
use partyline_store::MixerLease;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// How often a mixer is asked to have a mix before it is given up. Once is not enough: its connection may just be old.
const ENSURE_ATTEMPTS: u32 = 3;
/// Pause between two attempts.
const ENSURE_PAUSE: Duration = Duration::from_millis(100);
/// Placements remembered as known to their mixer; beyond it all are forgotten and asked for again.
const ENSURED_MAX: usize = 65_536;
/// How long a mixer is given nothing after it could not carry a mix. Long enough to look at every other one.
const AVOIDED_FOR: Duration = Duration::from_secs(3);
/// Mixers that are connected to; beyond it all connections are opened anew.
const CHANNELS_MAX: usize = 1024;

/// Why a mixer does not have a mix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnsureError {
    /// It knows a later placement: what was read is old by now.
    #[error("the mixer knows a later placement")]
    Stale,
    /// It lives, and has no seat.
    #[error("the mixer has no seat")]
    NoSeat,
    /// It does not answer.
    #[error("the mixer does not answer")]
    Lost,
}

/// What a mixer knows of a mix: its placement, and what is done to voices there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ensured {
    mixer: MixerId,
    epoch: Epoch,
    voices: VoiceCare,
}

/// Connections to mixers, and the placements that they know of.
pub(crate) struct Mixers {
    network: Network,
    answer_max: Duration,
    channels: Mutex<HashMap<Address, Channel>>,
    ensured: Mutex<HashMap<MixId, Ensured>>,
}

impl Mixers {
    pub(crate) fn new(network: Network, answer_max: Duration) -> Self {
        Self { network, answer_max, channels: Mutex::default(), ensured: Mutex::default() }
    }

    fn channel(&self, address: &Address) -> Channel {
        let mut channels = self.channels.lock();
        if channels.len() >= CHANNELS_MAX {
            channels.clear();
        }
        channels.entry(address.clone()).or_insert_with(|| self.network.channel(address)).clone()
    }

    async fn within<T>(&self, answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        tokio::time::timeout(self.answer_max, answer)
            .await
            .unwrap_or_else(|_| Err(Status::deadline_exceeded("the mixer does not answer")))
    }

    /// Sees that the mixer knows a mix, before anybody is sent there, and what is wanted for voices by a version of the room.
    pub(crate) async fn ensure(
        &self,
        view: &MixView,
        conference: Option<ConferenceId>,
        (version, voices): (RoomVersion, VoiceCare),
    ) -> Result<(), EnsureError> {
        let ensured = Ensured { mixer: view.mixer.clone(), epoch: view.epoch, voices };
        if self.ensured.lock().get(&view.mix) == Some(&ensured) {
            return Ok(());
        }
        let address: Address = view.address.parse().map_err(|_| EnsureError::Lost)?;
        // The seats of a new conference are reserved in the store; its lobby's legs may hold them for a moment still.
        let is_new = view.kind == MixKind::Conference && view.epoch == Epoch(1);
        let seats = u32::from(!is_new);
        let order = EnsureMix {
            mix: view.mix,
            epoch: view.epoch,
            kind: view.kind,
            conference,
            seats,
            voices,
            version: version.0,
        };
        let mut outcome = EnsureError::Lost;
        for attempt in 1..=ENSURE_ATTEMPTS {
            let mut client = clients::mixing(self.channel(&address));
            let Err(status) = self.within(client.ensure(tonic::Request::new(order.into()))).await else {
                self.remember(view.mix, ensured);
                return Ok(());
            };
            if status.code() == Code::FailedPrecondition {
                return Err(EnsureError::Stale);
            }
            tracing::warn!(mixer = %view.mixer, mix = %view.mix, epoch = %view.epoch, attempt, %status, "no mix");
            if status.code() == Code::ResourceExhausted {
                outcome = EnsureError::NoSeat;
                break;
            }
            tokio::time::sleep(ENSURE_PAUSE * attempt).await;
        }
        metrics::counter!("partyline_cms_mixers_given_up_total").increment(1);
        Err(outcome)
    }

    /// Whether the mixer has the mix still is doubtful: it is asked again.
    pub(crate) fn doubt(&self, mix: MixId) {
        self.ensured.lock().remove(&mix);
    }

    fn remember(&self, mix: MixId, ensured: Ensured) {
        let mut known = self.ensured.lock();
        if known.len() >= ENSURED_MAX {
            known.clear();
        }
        known.insert(mix, ensured);
    }

    /// A mixer has started anew: it knows nothing.
    pub(crate) fn forget(&self, mixer: &MixerId) {
        self.ensured.lock().retain(|_, known| known.mixer != *mixer);
    }

    pub(crate) async fn end(&self, address: Address, end: EndMix) -> Result<(), Status> {
        self.ensured.lock().retain(|mix, known| *mix != end.mix || known.epoch > end.epoch);
        let mut client = clients::mixing(self.channel(&address));
        self.within(client.end(tonic::Request::new(end.into()))).await.map(drop)
    }

    pub(crate) async fn play(&self, address: Address, sound: PlaySound) -> Result<(), Status> {
        let mut client = clients::mixing(self.channel(&address));
        self.within(client.play(tonic::Request::new(sound.into()))).await.map(drop)
    }

    pub(crate) async fn set(&self, address: Address, setting: SetLeg) -> Result<(), Status> {
        let mut client = clients::mixing(self.channel(&address));
        self.within(client.set(tonic::Request::new(setting.into()))).await.map(drop)
    }
}

/// The mixers of the store, as this interface server's own watch judges them.
#[derive(Debug, Default)]
pub(crate) struct LiveMixers {
    leases: BTreeMap<MixerId, MixerLease>,
    dead: BTreeSet<MixerId>,
    /// Those that could not carry a mix lately: a room that leaves one must not be given back to it at once.
    avoided_until: BTreeMap<MixerId, Instant>,
}

impl LiveMixers {
    /// Those that may be given something.
    pub(crate) fn ids(&self, now: Instant) -> Vec<MixerId> {
        self.leases
            .values()
            .filter(|lease| !lease.is_draining && !self.dead.contains(&lease.id))
            .filter(|lease| self.avoided_until.get(&lease.id).is_none_or(|until| *until <= now))
            .map(|lease| lease.id.clone())
            .collect()
    }

    /// Takes what the store lists. Answers with those that have started anew since the last time.
    pub(crate) fn list(&mut self, leases: Vec<MixerLease>) -> Vec<MixerId> {
        let is_new = |lease: &MixerLease| {
            self.leases.get(&lease.id).is_some_and(|known| known.instance != lease.instance)
        };
        let anew: Vec<MixerId> =
            leases.iter().filter(|lease| is_new(lease)).map(|lease| lease.id.clone()).collect();
        for mixer in &anew {
            self.dead.remove(mixer);
            self.avoided_until.remove(mixer);
        }
        self.leases = leases.into_iter().map(|lease| (lease.id.clone(), lease)).collect();
        anew
    }

    /// A mixer could not carry a mix: it is given nothing for a while.
    pub(crate) fn avoid(&mut self, now: Instant, mixer: MixerId) {
        self.avoided_until.retain(|_, until| *until > now);
        self.avoided_until.insert(mixer, now + AVOIDED_FOR);
    }

    /// Where a mixer answers.
    pub(crate) fn address(&self, mixer: &MixerId) -> Option<Address> {
        self.leases.get(mixer)?.address.parse().ok()
    }

    /// Whether a mixer is held for lost still: what was seen of it may be old by the time that it is acted upon.
    pub(crate) fn is_lost(&self, now: Instant, mixer: &MixerId) -> bool {
        self.dead.contains(mixer)
            || self.leases.get(mixer).is_none_or(|lease| lease.is_draining)
            || self.avoided_until.get(mixer).is_some_and(|until| *until > now)
    }

    /// Takes the judgement of the watch.
    pub(crate) fn judge(&mut self, dead: &[MixerId]) {
        self.dead = dead.iter().cloned().collect();
    }

    /// Those that are being stopped.
    pub(crate) fn draining(&self) -> Vec<MixerId> {
        self.leases.values().filter(|lease| lease.is_draining).map(|lease| lease.id.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use partyline_conference::MixerClass;

    use super::*;

    fn lease(name: &str, instance: &str, is_draining: bool) -> MixerLease {
        MixerLease {
            id: MixerId::new(name).unwrap(),
            class: MixerClass::new("standard").unwrap(),
            address: format!("mem:{name}"),
            seats_max: 10,
            reserved: 0,
            counter: 1,
            instance: instance.to_owned(),
            is_draining,
        }
    }

    #[test]
    fn dead_and_draining_mixers_are_given_nothing() {
        let mut live = LiveMixers::default();
        live.list(vec![lease("a", "1", false), lease("b", "1", true), lease("c", "1", false)]);
        live.judge(&[MixerId::new("c").unwrap()]);
        assert_eq!(live.ids(Instant::now()), [MixerId::new("a").unwrap()]);
        assert_eq!(live.draining(), [MixerId::new("b").unwrap()]);
    }

    #[test]
    fn a_mixer_that_could_not_carry_a_mix_is_given_nothing_for_a_while() {
        let (mut live, now) = (LiveMixers::default(), Instant::now());
        live.list(vec![lease("a", "1", false), lease("b", "1", false)]);
        live.avoid(now, MixerId::new("a").unwrap());
        assert_eq!(live.ids(now), [MixerId::new("b").unwrap()]);
        assert_eq!(live.ids(now + AVOIDED_FOR).len(), 2);
    }

    #[test]
    fn a_mixer_that_lives_again_is_no_longer_lost() {
        let (mut live, now, a) = (LiveMixers::default(), Instant::now(), MixerId::new("a").unwrap());
        assert!(live.is_lost(now, &a));
        live.list(vec![lease("a", "1", false)]);
        assert!(!live.is_lost(now, &a));
        live.judge(std::slice::from_ref(&a));
        assert!(live.is_lost(now, &a));
        live.judge(&[]);
        live.avoid(now, a.clone());
        assert!(live.is_lost(now, &a));
        assert!(!live.is_lost(now + AVOIDED_FOR, &a));
        live.list(vec![lease("a", "1", true)]);
        assert!(live.is_lost(now + AVOIDED_FOR, &a));
    }

    #[test]
    fn a_mixer_that_started_anew_is_told_once_and_is_alive() {
        let mut live = LiveMixers::default();
        assert!(live.list(vec![lease("a", "1", false)]).is_empty());
        live.judge(&[MixerId::new("a").unwrap()]);
        assert_eq!(live.list(vec![lease("a", "2", false)]), [MixerId::new("a").unwrap()]);
        assert_eq!(live.ids(Instant::now()), [MixerId::new("a").unwrap()]);
        assert!(live.list(vec![lease("a", "2", false)]).is_empty());
    }
}
