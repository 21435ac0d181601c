//! Who is muted at a mixer is heard by nobody and hears all, and names are announced over the talk; measured in the audio
//! of three telephones.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

#[path = "../../../ports/engine/tests/it/phone.rs"]
#[expect(dead_code, reason = "telephones can do more than these tests ask of them")]
mod phone;

use std::time::{SystemTime, UNIX_EPOCH};

use partyline_conference::{
    AttendanceId, ConfereeId, ConferenceId, Epoch, MixId, MixKind, RecordedName, RoomVersion, Timestamp,
    VoiceCare, VruId,
};
use partyline_engine::Engine;
use partyline_mixer::{Config, Mixer, Phrases};
use partyline_rpc::generated::mixing as wire;
use partyline_rpc::generated::mixing::mixing_client::MixingClient;
use partyline_rpc::mixing::{EnsureMix, JoinMix, LocalLeg, PlaySound, SetLeg, Sound};
use partyline_rpc::{Network, TICKET_LIFE, Ticket, TicketSigner, clients};
use tonic::Code;
use tonic::transport::Channel;

use phone::Call;

const MIX: MixId = MixId::from_bits(1);
const TONES: [f32; 3] = [440.0, 650.0, 1_000.0];
/// The level of a telephone's tone, in dBov.
const TALKING: f32 = -21.3;
/// What counts as not heard, in dBov.
const UNHEARD: f32 = -60.0;

struct Scene {
    engine: Engine,
    signer: TicketSigner,
    client: MixingClient<Channel>,
    calls: Vec<Call>,
    _mixer: Mixer,
}

/// Whether a caller is muted, as a ticket or an order says it.
#[derive(Clone, Copy)]
struct Word {
    is_muted: bool,
    version: u64,
}

const HEARD: Word = Word { is_muted: false, version: 1 };

impl Scene {
    /// Three callers, each with a tone, in no mix yet.
    async fn new() -> Self {
        let engine = phone::engine(2);
        let signer = TicketSigner::from_seed(&[3; 32]);
        let (network, config) = (Network::new(), Config::default());
        let client = clients::mixing(network.channel(&config.address));
        let mixer =
            Mixer::start(config, network, engine.clone(), signer.verifier(), Phrases::default(), Vec::new())
                .await
                .unwrap();
        let calls = TONES.map(|hz| Call::new(&engine, Some(hz))).into();
        let mut scene = Self { engine, signer, client, calls, _mixer: mixer };
        scene.ensure(1).await;
        scene
    }

    async fn ensure(&mut self, epoch: u64) {
        self.ensure_with(epoch, VoiceCare::default(), 1).await;
    }

    /// The room wants this for voices since a version of it.
    async fn ensure_with(&mut self, epoch: u64, voices: VoiceCare, version: u64) {
        let conference = Some(ConferenceId::from_bits(2));
        let kind = MixKind::Conference;
        let order = EnsureMix { mix: MIX, epoch: Epoch(epoch), kind, conference, seats: 1, voices, version };
        self.client.ensure(wire::EnsureRequest::from(order)).await.unwrap();
    }

    async fn join(&mut self, caller: usize, epoch: u64, word: Word) -> Result<(), tonic::Status> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp(i64::try_from(now.as_millis()).unwrap());
        let vru = VruId::new("vru-1").unwrap();
        let leg_name = ConfereeId::from_bits(1000 + caller as u128).into();
        let ticket = Ticket {
            mix: MIX,
            epoch: Epoch(epoch),
            attendance: AttendanceId::from_bits(caller as u128),
            leg_name,
            vru: vru.clone(),
            is_muted: word.is_muted,
            voice_version: RoomVersion(word.version),
            expires_at: now.after(TICKET_LIFE),
        };
        let leg = LocalLeg { engine: self.engine.id().0, leg: self.calls[caller].leg.id().0 };
        let join = JoinMix { ticket: self.signer.sign(&ticket), vru, leg_name, leg };
        self.client.join(wire::JoinRequest::from(join)).await.map(drop)
    }

    async fn set(&mut self, caller: usize, word: Word, is_removed: bool) {
        let order = SetLeg {
            mix: MIX,
            epoch: Epoch(1),
            attendance: AttendanceId::from_bits(caller as u128),
            is_muted: word.is_muted,
            is_removed,
            version: word.version,
        };
        self.client.set(wire::SetRequest::from(order)).await.unwrap();
    }

    /// Each caller hears of the others those who should be heard, at the level at which they talk, and nobody else.
    fn assert_heard(&self, what: &str, talkers: [bool; 3]) {
        for (own, call) in self.calls.iter().enumerate() {
            call.phone.listen_until(what, |sound| {
                TONES.iter().enumerate().all(|(who, &hz)| {
                    let is_heard = who != own && talkers[who];
                    let level = sound.tone(hz);
                    if is_heard { (level - TALKING).abs() < 1.0 } else { level < UNHEARD }
                })
            });
        }
    }
}

/// A name of five seconds: a tone that nobody else has.
fn name(hz: f32) -> RecordedName {
    let samples = (0..RecordedName::SAMPLES_MAX)
        .map(|nth| (4_000.0 * (std::f32::consts::TAU * hz * nth as f32 / 8_000.0).sin()) as i16);
    RecordedName::new(samples.collect::<Vec<_>>()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_announced_to_all_six_db_down_while_the_talk_is_twelve_db_down() {
    let mut scene = Scene::new().await;
    for caller in 0..3 {
        scene.join(caller, 1, HEARD).await.unwrap();
    }
    scene.assert_heard("all three", [true; 3]);
    let who = Some(ConfereeId::from_bits(1000));
    let order =
        PlaySound { mix: MIX, epoch: Epoch(1), play: 1, sound: Sound::Entry, who, name: Some(name(1_500.0)) };
    scene.client.play(wire::PlayRequest::from(order.clone())).await.unwrap();
    // A sine of this peak, six dB down.
    let announced = -21.3 - 6.0;
    scene.calls[2].phone.listen_until("the name over the talk", |sound| {
        (sound.tone(1_500.0) - announced).abs() < 1.0
            && (sound.tone(TONES[0]) - (TALKING - 12.0)).abs() < 1.0
            && (sound.tone(TONES[1]) - (TALKING - 12.0)).abs() < 1.0
    });
    scene.calls[0].phone.listen_until("one's own name", |sound| {
        (sound.tone(1_500.0) - announced).abs() < 1.0 && sound.tone(TONES[0]) < UNHEARD
    });
    scene.assert_heard("all three as before", [true; 3]);
    // The same once more is a repeat, and one that names nobody is not understood.
    scene.client.play(wire::PlayRequest::from(order.clone())).await.unwrap();
    let nobody = wire::PlayRequest { conferee_id: String::new(), ..wire::PlayRequest::from(order) };
    assert_eq!(scene.client.play(nobody).await.unwrap_err().code(), Code::InvalidArgument);
    scene.assert_heard("nothing but the talk", [true; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_muted_leg_is_silent_to_all_the_others_are_as_before_and_an_older_word_changes_nothing() {
    let mut scene = Scene::new().await;
    for caller in 0..3 {
        scene.join(caller, 1, HEARD).await.unwrap();
    }
    scene.assert_heard("all three", [true; 3]);
    scene.set(1, Word { is_muted: true, version: 5 }, false).await;
    scene.assert_heard("the second is muted", [true, false, true]);
    scene.set(1, Word { is_muted: false, version: 4 }, false).await;
    // A join by an old ticket is an older word too.
    scene.join(1, 1, HEARD).await.unwrap();
    scene.assert_heard("the second is still muted", [true, false, true]);
    scene.set(1, Word { is_muted: false, version: 6 }, false).await;
    scene.assert_heard("all three again", [true; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mute_comes_with_the_ticket_also_to_another_placement() {
    let mut scene = Scene::new().await;
    let muted = Word { is_muted: true, version: 5 };
    for (caller, word) in [HEARD, muted, HEARD].into_iter().enumerate() {
        scene.join(caller, 1, word).await.unwrap();
    }
    scene.assert_heard("the second came muted", [true, false, true]);
    scene.ensure(2).await;
    for (caller, word) in [HEARD, muted, HEARD].into_iter().enumerate() {
        scene.join(caller, 2, word).await.unwrap();
    }
    scene.assert_heard("the second is muted there too", [true, false, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_is_out_at_once_and_comes_in_by_no_ticket() {
    let mut scene = Scene::new().await;
    for caller in 0..3 {
        scene.join(caller, 1, HEARD).await.unwrap();
    }
    scene.assert_heard("all three", [true; 3]);
    scene.set(2, Word { is_muted: false, version: 7 }, true).await;
    let (first, gone) = (&scene.calls[0].phone, &scene.calls[2].phone);
    first.listen_until("the third is gone", |sound| {
        sound.tone(TONES[2]) < UNHEARD && (sound.tone(TONES[1]) - TALKING).abs() < 1.0
    });
    gone.listen_until("nobody", |sound| sound.level() < UNHEARD);
    let newer = Word { is_muted: false, version: 9 };
    assert_eq!(scene.join(2, 1, newer).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_orders_that_come_at_once_the_newest_holds() {
    let mut scene = Scene::new().await;
    for caller in 0..3 {
        scene.join(caller, 1, HEARD).await.unwrap();
    }
    for round in 0..20 {
        let orders = (0..8).map(|nth| {
            let mut client = scene.client.clone();
            let version = 10 + round * 8 + nth;
            let order = SetLeg {
                mix: MIX,
                epoch: Epoch(1),
                attendance: AttendanceId::from_bits(0),
                is_muted: nth % 2 == 1,
                is_removed: false,
                version,
            };
            tokio::spawn(async move { client.set(wire::SetRequest::from(order)).await.unwrap() })
        });
        for order in orders.collect::<Vec<_>>() {
            order.await.unwrap();
        }
    }
    scene.assert_heard("the last word was mute", [false, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_is_taken_from_voices_while_the_room_wants_it_and_an_older_word_changes_nothing() {
    let mut scene = Scene::new().await;
    for caller in 0..3 {
        scene.join(caller, 1, HEARD).await.unwrap();
    }
    scene.assert_heard("all three", [true; 3]);
    let (off, on) = (VoiceCare::default(), VoiceCare { noise_suppression: true, ..VoiceCare::default() });
    scene.ensure_with(1, on, 5).await;
    // A tone that never ends is noise, and softer by what may be taken of it.
    let is_taken = |scene: &Scene, what: &str| {
        scene.calls[0].phone.listen_until(what, |sound| {
            TONES[1..].iter().all(|&hz| (TALKING - 22.0..TALKING - 12.0).contains(&sound.tone(hz)))
        });
    };
    is_taken(&scene, "the noise is taken away");
    scene.ensure_with(1, off, 4).await;
    is_taken(&scene, "as the newest word says");
    scene.ensure_with(1, off, 6).await;
    scene.assert_heard("all three as they are", [true; 3]);
    // A placement elsewhere is as the room wants it from the start.
    scene.ensure_with(2, on, 7).await;
    for caller in 0..3 {
        scene.join(caller, 2, HEARD).await.unwrap();
    }
    is_taken(&scene, "in another placement");
}
