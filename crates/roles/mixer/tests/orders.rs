//! A mixer on a real engine, ordered over gRPC.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::{SystemTime, UNIX_EPOCH};

use partyline_conference::{
    AttendanceId, ConfereeId, ConferenceId, Epoch, MixId, MixKind, RoomVersion, Timestamp, VoiceCare, VruId,
};
use partyline_engine::{Engine, EngineConfig, IoChoice};
use partyline_mixer::{Config, Mixer, Phrases};
use partyline_rpc::generated::mixing as wire;
use partyline_rpc::generated::mixing::mixing_client::MixingClient;
use partyline_rpc::mixing::{EndMix, EnsureMix, JoinMix, LeaveMix, LocalLeg};
use partyline_rpc::{Network, TICKET_LIFE, Ticket, TicketSigner, clients};
use tonic::Code;
use tonic::transport::Channel;

const MIX: MixId = MixId::from_bits(1);

struct Scene {
    engine: Engine,
    signer: TicketSigner,
    mixer: Mixer,
    client: MixingClient<Channel>,
}

async fn started(seats_max: u32) -> Scene {
    let engine = Engine::start(&EngineConfig {
        threads: Some(1),
        rtp_ports: (20_000, 28_000),
        legs_max: 16,
        io: IoChoice::Auto,
    })
    .unwrap();
    let signer = TicketSigner::from_seed(&[3; 32]);
    let network = Network::new();
    let config = Config { seats_max, ..Config::default() };
    let client = clients::mixing(network.channel(&config.address));
    let mixer =
        Mixer::start(config, network, engine.clone(), signer.verifier(), Phrases::default(), Vec::new())
            .await
            .unwrap();
    Scene { engine, signer, mixer, client }
}

fn ensure() -> wire::EnsureRequest {
    let conference = Some(ConferenceId::from_bits(2));
    EnsureMix {
        mix: MIX,
        epoch: Epoch(1),
        kind: MixKind::Conference,
        conference,
        seats: 1,
        voices: VoiceCare::default(),
        version: 1,
    }
    .into()
}

fn conferee(caller: u128) -> ConfereeId {
    ConfereeId::from_bits(1000 + caller)
}

impl Scene {
    fn join(&self, caller: u128, leg: u64) -> JoinMix {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Timestamp(i64::try_from(now.as_millis()).unwrap());
        let vru = VruId::new("vru-1").unwrap();
        let ticket = Ticket {
            mix: MIX,
            epoch: Epoch(1),
            attendance: AttendanceId::from_bits(caller),
            leg_name: conferee(caller).into(),
            vru: vru.clone(),
            is_muted: false,
            voice_version: RoomVersion(0),
            expires_at: now.after(TICKET_LIFE),
        };
        let leg = LocalLeg { engine: self.engine.id().0, leg };
        JoinMix { ticket: self.signer.sign(&ticket), vru, leg_name: conferee(caller).into(), leg }
    }
}

fn leave(caller: u128) -> wire::LeaveRequest {
    LeaveMix { mix: MIX, epoch: Epoch(1), leg_name: conferee(caller).into() }.into()
}

#[tokio::test]
async fn a_leg_joins_by_its_ticket_and_the_last_seat_is_free_again_when_it_leaves() {
    let mut scene = started(1).await;
    let (one, _events) = scene.engine.open_leg(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    let (two, _events) = scene.engine.open_leg(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    scene.client.ensure(ensure()).await.unwrap();
    scene.client.ensure(ensure()).await.unwrap();

    let (first, second) = (scene.join(1, one.id().0), scene.join(2, two.id().0));
    scene.client.join(wire::JoinRequest::from(first.clone())).await.unwrap();
    scene.client.join(wire::JoinRequest::from(first)).await.unwrap();
    let full = scene.client.join(wire::JoinRequest::from(second.clone())).await.unwrap_err();
    assert_eq!(full.code(), Code::ResourceExhausted);

    scene.client.leave(leave(99)).await.unwrap();
    scene.client.leave(leave(1)).await.unwrap();
    scene.client.leave(leave(1)).await.unwrap();
    scene.client.join(wire::JoinRequest::from(second)).await.unwrap();
    scene.mixer.stop().await;
}

#[tokio::test]
async fn nobody_is_let_in_without_a_valid_ticket_of_their_own() {
    let mut scene = started(10).await;
    let (leg, _events) = scene.engine.open_leg(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    scene.client.ensure(ensure()).await.unwrap();
    let good = scene.join(1, leg.id().0);

    let mut forged = good.clone();
    forged.ticket[20] ^= 1;
    let other_vru = JoinMix { vru: VruId::new("vru-2").unwrap(), ..good.clone() };
    let other_caller = JoinMix { leg_name: conferee(2).into(), ..good.clone() };
    let none = JoinMix { ticket: Vec::new(), ..good.clone() };
    for wrong in [forged, other_vru, other_caller, none] {
        let refused = scene.client.join(wire::JoinRequest::from(wrong)).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied);
    }
    let elsewhere = JoinMix { leg: LocalLeg { engine: good.leg.engine.wrapping_add(1), ..good.leg }, ..good };
    let refused = scene.client.join(wire::JoinRequest::from(elsewhere)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_leg_that_the_engine_does_not_know_takes_no_seat() {
    let mut scene = started(1).await;
    let (leg, _events) = scene.engine.open_leg(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    scene.client.ensure(ensure()).await.unwrap();
    let ghost = scene.join(1, 999_999);
    assert_eq!(scene.client.join(wire::JoinRequest::from(ghost)).await.unwrap_err().code(), Code::NotFound);
    let real = scene.join(2, leg.id().0);
    scene.client.join(wire::JoinRequest::from(real)).await.unwrap();
}

#[tokio::test]
async fn an_unknown_mix_and_a_mix_that_has_ended_take_nobody() {
    let mut scene = started(10).await;
    let (leg, _events) = scene.engine.open_leg(IpAddr::V4(Ipv4Addr::LOCALHOST)).unwrap();
    let join = wire::JoinRequest::from(scene.join(1, leg.id().0));
    assert_eq!(scene.client.join(join.clone()).await.unwrap_err().code(), Code::NotFound);
    scene.client.ensure(ensure()).await.unwrap();
    scene.client.end(wire::EndRequest::from(EndMix { mix: MIX, epoch: Epoch(1) })).await.unwrap();
    assert_eq!(scene.client.join(join).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(scene.client.ensure(ensure()).await.unwrap_err().code(), Code::FailedPrecondition);
}
