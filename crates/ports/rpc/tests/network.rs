//! What roles may rely on when they talk over a [`Network`].

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use partyline_conference::quality::TheirQuality;
use partyline_conference::{
    AttendanceId, CallQuality, CallerIdentity, CodecLabel, Command, CommandId, ConferenceCode, Epoch,
    Generation, LeaveReason, MixId, RecordedName, Refusal, RoomId, VruId,
};
use partyline_rpc::conferencing::{AttendDown, AttendUp, CommandOrder, Hello, JoinedMix, NameToKeep, Placed};
use partyline_rpc::generated::conferencing as wire;
use partyline_rpc::generated::conferencing::leases_server::{Leases, LeasesServer};
use partyline_rpc::leases::VruRenewal;
use partyline_rpc::{Address, ListenError, Network, ParseError, RpcLog, Serving, clients, serve};
use tonic::{Code, Request, Response, Status};

struct OpenLeases;

#[tonic::async_trait]
impl Leases for OpenLeases {
    async fn renew_mixer(
        &self,
        _: Request<wire::RenewMixerRequest>,
    ) -> Result<Response<wire::RenewReply>, Status> {
        Err(Status::unavailable("no mixers here"))
    }

    async fn renew_vru(
        &self,
        request: Request<wire::RenewVruRequest>,
    ) -> Result<Response<wire::RenewReply>, Status> {
        VruRenewal::try_from(request.into_inner())?;
        Ok(Response::new(wire::RenewReply {}))
    }
}

fn start(network: &Network, address: &Address, log: &RpcLog) -> Serving {
    let incoming = network.listen(address).unwrap();
    let service = tonic::service::Routes::new(LeasesServer::new(OpenLeases)).prepare();
    serve(incoming, log.clone(), service)
}

fn renewal() -> wire::RenewVruRequest {
    VruRenewal { id: VruId::new("vru-1").unwrap(), counter: 1, instance: "a".to_owned() }.into()
}

async fn answers_stops_and_answers_again(address: Address) {
    let network = Network::new();
    let log = RpcLog::new("test");
    let serving = start(&network, &address, &log);
    let bound = serving.address().clone();
    let mut client = clients::leases(network.channel(&bound));
    client.renew_vru(renewal()).await.unwrap();

    serving.stop().await;
    assert_eq!(client.renew_vru(renewal()).await.unwrap_err().code(), Code::Unavailable);

    let again = start(&network, &bound, &log);
    client.renew_vru(renewal()).await.unwrap();
    assert_eq!(log.count("Leases/RenewVru"), 2);
    again.stop().await;
}

#[tokio::test]
async fn a_channel_in_memory_finds_a_role_again_after_its_restart() {
    answers_stops_and_answers_again(Address::memory("leases")).await;
}

#[tokio::test]
async fn a_channel_over_tcp_finds_a_role_again_after_its_restart() {
    answers_stops_and_answers_again("http://127.0.0.1:0".parse().unwrap()).await;
}

#[tokio::test]
async fn a_second_listener_of_one_name_is_refused_until_the_first_is_gone() {
    let network = Network::new();
    let address = Address::memory("one");
    let first = network.listen(&address).unwrap();
    assert!(matches!(network.listen(&address), Err(ListenError::InUse(_))));
    drop(first);
    assert!(network.listen(&address).is_ok());
}

#[tokio::test]
async fn stopping_a_role_cuts_the_connections_that_others_hold() {
    use tokio::io::AsyncReadExt;
    let network = Network::new();
    let address = Address::memory("cut");
    let serving = start(&network, &address, &RpcLog::new("test"));
    let mut idle = network.connect(&address).await.unwrap();

    serving.stop().await;

    let mut all = Vec::new();
    // Whatever was sent before, the end follows: a read that never ended would fail the test by its time limit.
    let _ = idle.read_to_end(&mut all).await;
    assert!(network.connect(&address).await.is_err());
}

#[tokio::test]
async fn a_refused_request_is_logged_with_its_status_and_names_the_field() {
    let network = Network::new();
    let address = Address::memory("refusing");
    let log = RpcLog::new("test");
    let _serving = start(&network, &address, &log);
    let mut client = clients::leases(network.channel(&address));

    let wrong = wire::RenewVruRequest { vru_id: "NOT A NAME".to_owned(), ..renewal() };
    let refused = client.renew_vru(wrong).await.unwrap_err();

    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("vru_id"));
    assert_eq!(log.records().last().unwrap().status, Code::InvalidArgument);
}

fn hello() -> Hello {
    Hello {
        attendance: AttendanceId::from_bits(1),
        generation: Generation(2),
        vru: VruId::new("vru-1").unwrap(),
        code: Some(ConferenceCode::parse("48151623").unwrap()),
        host_pin: None,
        caller: CallerIdentity {
            number: "+4930".to_owned(),
            display: "Ännchen".to_owned(),
            call: "c@h".to_owned(),
        },
        joined: Some(JoinedMix { mix: MixId::from_bits(3), epoch: Epoch(4) }),
        left: Some(LeaveReason::Keys),
        quality: Some(quality()),
    }
}

fn quality() -> CallQuality {
    CallQuality {
        codec: CodecLabel::new("PCMU").unwrap(),
        is_secret: true,
        packets_received: 1,
        packets_sent: 2,
        packets_lost: 3,
        packets_late: 4,
        burst_tenths: 15,
        concealed_permyriad: 6,
        jitter_us: 7,
        round_trip_us: None,
        mos_hundredths: Some(432),
        theirs: Some(TheirQuality { packets_lost: 8, jitter_us: 9, mos_hundredths: 410 }),
    }
}

#[test]
fn what_a_vru_says_survives_the_way() {
    let said = [
        AttendUp::Hello(Box::new(hello())),
        AttendUp::Joined(JoinedMix { mix: MixId::from_bits(3), epoch: Epoch(4) }),
        AttendUp::Quality(quality()),
        AttendUp::Left(LeaveReason::HungUp),
    ];
    for message in said {
        assert_eq!(AttendUp::try_from(wire::AttendUp::from(message.clone())), Ok(message));
    }
}

#[test]
fn every_command_survives_the_way() {
    use partyline_conference::{Announce, ConfereeId, DialTarget, Floor, HostPin, OutdialEnd, Timestamp};
    let (conferee, attendance) = (ConfereeId::from_bits(3), AttendanceId::from_bits(4));
    let code = ConferenceCode::parse("48151623").unwrap();
    let commands = [
        Command::SetLock { locked: true },
        Command::End,
        Command::SetMuted { conferee, muted: false },
        Command::SetFloor { floor: Floor::Lecture },
        Command::SetHand { raised: true },
        Command::LowerHand { conferee },
        Command::Delete { conferee },
        Command::DropOthers { stays: None },
        Command::DropOthers { stays: Some(conferee) },
        Command::SetAnnounce { announce: Announce::Silence },
        Command::SetMusic { on: true },
        Command::SetContinue { on: false },
        Command::ExtendTo { until: Timestamp(5) },
        Command::Admit { attendance },
        Command::TurnAway { attendance },
        Command::DialOut { to: DialTarget::number("+4930123").unwrap() },
        Command::CallOperator,
        Command::JoinCallee { callee: attendance },
        Command::DropCallee { callee: attendance, why: OutdialEnd::Busy },
        Command::BecomeHost { code, pin: Some(HostPin::parse("4815").unwrap()) },
    ];
    for (nth, command) in commands.into_iter().enumerate() {
        let by = (nth % 2 == 0).then_some(attendance);
        let order = CommandOrder { id: CommandId::from_bits(1), room: RoomId::from_bits(2), by, command };
        let written = wire::CommandRequest::from(order.clone());
        assert!(!format!("{written:?}").contains("4815"), "a code is shown");
        assert_eq!(CommandOrder::try_from(written), Ok(order));
    }
}

#[test]
fn every_answer_to_a_command_survives_the_way() {
    use partyline_conference::CommandRefusal;
    use partyline_rpc::conferencing::{command_answer, command_reply};
    for answer in CommandRefusal::ALL.map(Err).into_iter().chain([Ok(())]) {
        assert_eq!(command_answer(&command_reply(answer)), Ok(answer));
    }
}

#[test]
fn what_an_interface_server_says_survives_the_way() {
    use partyline_conference::{
        Announce, AsideView, ConfereeId, ConferenceId, Controls, DialTarget, Floor, LineNoise, MixerId, Mute,
        NoisyLine, Order, OutdialKind, Role, Timestamp,
    };
    let mix = partyline_rpc::conferencing::MixTicket {
        mix: MixId::from_bits(3),
        mixer: MixerId::new("mixer-1").unwrap(),
        address: Address::memory("mixer-1"),
        epoch: Epoch(1),
        ticket: vec![1, 2, 3],
    };
    let placed = Placed {
        conference: ConferenceId::from_bits(5),
        conferee: ConfereeId::from_bits(6),
        order: Order(7),
        role: Role::Host,
        is_alone: true,
        music: false,
        is_locked: true,
        controls: Controls {
            mute: Mute::ByFloor,
            may_unmute: false,
            may_roll_call: true,
            hand_raised: true,
            floor: Floor::Lecture,
            announce: Announce::Name,
            continues: true,
            ends_at: Some(Timestamp(9)),
            hands: 2,
            waiting: 3,
            noisy: Some(NoisyLine {
                conferee: ConfereeId::from_bits(9),
                attendance: AttendanceId::from_bits(10),
                order: Order(11),
                has_name: true,
                noise: LineNoise::Howl,
                at: Timestamp(12),
                is_muted: true,
            }),
        },
        mix: mix.clone(),
        called: Some(AsideView {
            callee: AttendanceId::from_bits(8),
            kind: OutdialKind::Operator,
            to: DialTarget::operator("sip:desk@example.org").unwrap(),
            has_answered: true,
        }),
    };
    let said = [
        AttendDown::Held,
        AttendDown::InWaitingRoom,
        AttendDown::ConnectedForNow(mix.clone()),
        AttendDown::Aside(mix),
        AttendDown::Placed(Box::new(placed)),
        AttendDown::Refused(Refusal::Full),
        AttendDown::Removed(LeaveReason::ConferenceEnded),
    ];
    for message in said {
        assert_eq!(AttendDown::try_from(wire::AttendDown::from(message.clone())), Ok(message));
    }
}

#[test]
fn a_name_comes_back_from_the_wire_and_is_shown_by_no_debug_output() {
    let attendance = AttendanceId::from_bits(7);
    let name = RecordedName::new(vec![-77; RecordedName::SAMPLES_MAX]).unwrap();
    let written = wire::KeepNameRequest::from(NameToKeep { attendance, name: name.clone() });
    assert!(!format!("{written:?}").contains("77, "), "{written:?}");
    assert_eq!(NameToKeep::try_from(written.clone()), Ok(NameToKeep { attendance, name }));
    for octets in [0, 1, 2 * RecordedName::SAMPLES_MAX + 2] {
        let wrong = wire::KeepNameRequest { samples: vec![0; octets], ..written.clone() };
        assert_eq!(NameToKeep::try_from(wrong), Err(ParseError::Malformed("samples")));
    }
}

#[test]
fn a_code_is_shown_by_no_debug_output() {
    let message = wire::AttendUp::from(AttendUp::Hello(Box::new(hello())));
    for shown in [format!("{message:?}"), format!("{:?}", hello())] {
        assert!(!shown.contains("48151623"), "{shown}");
    }
}

#[test]
fn overlong_text_is_refused_when_read_and_cut_when_written() {
    let mut long = hello();
    long.caller.display = "ä".repeat(500);
    let written = wire::Hello::from(long);
    assert!(Hello::try_from(written.clone()).is_ok());

    let overlong = wire::Hello { caller_number: "1".repeat(500), ..written };
    assert!(matches!(Hello::try_from(overlong), Err(ParseError::TooLong { field: "caller_number", .. })));
}
