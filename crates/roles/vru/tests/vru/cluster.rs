//! The other roles, scripted: a CMS that answers as it is told, a mixer that writes down who comes and goes.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use partyline_conference::{ConfereeId, ConferenceId, Controls, Epoch, MixId, MixerId, Order, Role};
use partyline_engine::{Engine, EngineConfig, IoChoice};
use partyline_rpc::conferencing::{AttemptReport, AttendDown, AttendUp, Hello, MixTicket, Placed};
use partyline_rpc::generated::conferencing as wire;
use partyline_rpc::generated::conferencing::conferencing_server::{Conferencing, ConferencingServer};
use partyline_rpc::generated::conferencing::leases_server::{Leases, LeasesServer};
use partyline_rpc::generated::linetest as test_wire;
use partyline_rpc::generated::linetest::line_test_server::{LineTest, LineTestServer};
use partyline_rpc::generated::mixing as mix_wire;
use partyline_rpc::generated::mixing::mixing_server::{Mixing, MixingServer};
use partyline_rpc::mixing::{JoinMix, LeaveMix};
use partyline_rpc::{Address, Network, RpcLog, Serving, serve};
use partyline_vru::{Config, PromptLibrary, Vru};
use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

use crate::store::Codes;

/// Ten times and more what anything here takes.
pub(crate) const CEILING: Duration = Duration::from_secs(20);

/// What the roles have heard, and how they answer.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) decision: Option<AttendDown>,
    pub(crate) hellos: Vec<Hello>,
    pub(crate) ups: Vec<AttendUp>,
    pub(crate) reports: Vec<AttemptReport>,
    pub(crate) joins: Vec<JoinMix>,
    pub(crate) leaves: Vec<LeaveMix>,
    pub(crate) refuses_joins: usize,
    pub(crate) steps_done: Vec<test_wire::StepDone>,
    pub(crate) renewals: u64,
    pub(crate) refuses_renewals: bool,
    streams: Vec<mpsc::Sender<Result<wire::AttendDown, Status>>>,
}

#[derive(Debug, Clone)]
pub(crate) struct Roles {
    script: Arc<Mutex<Script>>,
    changed: Arc<watch::Sender<u64>>,
}

impl Roles {
    fn new() -> Self {
        let script = Script { decision: Some(placed(1)), ..Script::default() };
        Self { script: Arc::new(Mutex::new(script)), changed: Arc::new(watch::Sender::new(0)) }
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        let result = change(&mut self.script.lock());
        self.changed.send_modify(|count| *count += 1);
        result
    }

    pub(crate) fn decide(&self, decision: AttendDown) {
        self.change(|script| script.decision = Some(decision));
    }

    /// Waits until something is so.
    pub(crate) async fn until<T>(&self, what: &str, found: impl Fn(&Script) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        let waiting = async {
            loop {
                let now = found(&self.script.lock());
                if let Some(now) = now {
                    return now;
                }
                changed.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(CEILING, waiting).await;
        waited.unwrap_or_else(|_| panic!("never so: {what}\n{:#?}", self.script.lock()))
    }

    /// Tells every attending caller something.
    pub(crate) fn tell(&self, down: &AttendDown) {
        let streams = self.change(|script| std::mem::take(&mut script.streams));
        for stream in &streams {
            let _ = stream.try_send(Ok(down.clone().into()));
        }
        self.change(|script| script.streams = streams);
    }

    /// Breaks every Attend stream.
    pub(crate) fn break_streams(&self) {
        for stream in self.change(|script| std::mem::take(&mut script.streams)) {
            let _ = stream.try_send(Err(Status::unavailable("gone")));
        }
    }
}

pub(crate) fn ticket(mix: u128) -> MixTicket {
    MixTicket {
        mix: MixId::from_bits(mix),
        mixer: MixerId::new("mixer-1").unwrap(),
        address: Address::memory("mixer-1"),
        epoch: Epoch(1),
        ticket: vec![1, 2, 3],
    }
}

pub(crate) fn placed(mix: u128) -> AttendDown {
    AttendDown::Placed(Box::new(Placed {
        conference: ConferenceId::from_bits(mix),
        conferee: ConfereeId::from_bits(55),
        order: Order(1),
        role: Role::Participant,
        is_alone: false,
        music: false,
        is_locked: false,
        controls: Controls::default(),
        mix: ticket(mix),
        called: None,
    }))
}

#[tonic::async_trait]
impl Conferencing for Roles {
    type AttendStream = ReceiverStream<Result<wire::AttendDown, Status>>;

    async fn attend(
        &self,
        request: Request<Streaming<wire::AttendUp>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        let mut ups = request.into_inner();
        let Some(Ok(first)) = ups.next().await else {
            return Err(Status::invalid_argument("no hello"));
        };
        let AttendUp::Hello(hello) = AttendUp::try_from(first)? else {
            return Err(Status::invalid_argument("not a hello"));
        };
        let (sender, receiver) = mpsc::channel(16);
        let has_left = hello.left.is_some();
        let decision = self.change(|script| {
            script.hellos.push(*hello);
            script.decision.clone()
        });
        if has_left {
            return Ok(Response::new(ReceiverStream::new(receiver)));
        }
        let Some(decision) = decision else {
            return Err(Status::unavailable("not now"));
        };
        sender.try_send(Ok(decision.into())).unwrap();
        self.change(|script| script.streams.push(sender));
        let roles = self.clone();
        tokio::spawn(async move {
            while let Some(Ok(up)) = ups.next().await {
                let up = AttendUp::try_from(up).unwrap();
                let is_left = matches!(up, AttendUp::Left(_));
                roles.change(|script| {
                    script.ups.push(up);
                    if is_left {
                        script.streams.clear();
                    }
                });
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn command(
        &self,
        _: Request<wire::CommandRequest>,
    ) -> Result<Response<wire::CommandReply>, Status> {
        Err(Status::unimplemented("no commands here"))
    }

    async fn keep_name(
        &self,
        _: Request<wire::KeepNameRequest>,
    ) -> Result<Response<wire::KeepNameReply>, Status> {
        Err(Status::unimplemented("no names here"))
    }

    async fn report_attempts(
        &self,
        request: Request<wire::ReportAttemptsRequest>,
    ) -> Result<Response<wire::ReportAttemptsReply>, Status> {
        let report = AttemptReport::try_from(request.into_inner())?;
        self.change(|script| script.reports.push(report));
        Ok(Response::new(wire::ReportAttemptsReply {}))
    }
}

#[tonic::async_trait]
impl Leases for Roles {
    async fn renew_mixer(
        &self,
        _: Request<wire::RenewMixerRequest>,
    ) -> Result<Response<wire::RenewReply>, Status> {
        Err(Status::unimplemented("no mixers here"))
    }

    async fn renew_vru(
        &self,
        _: Request<wire::RenewVruRequest>,
    ) -> Result<Response<wire::RenewReply>, Status> {
        let is_refused = self.change(|script| {
            script.renewals += 1;
            script.refuses_renewals
        });
        if is_refused {
            return Err(Status::unavailable("not now"));
        }
        Ok(Response::new(wire::RenewReply {}))
    }
}

#[tonic::async_trait]
impl Mixing for Roles {
    async fn ensure(&self, _: Request<mix_wire::EnsureRequest>) -> Result<Response<mix_wire::Done>, Status> {
        Err(Status::unimplemented("of the CMS"))
    }

    async fn end(&self, _: Request<mix_wire::EndRequest>) -> Result<Response<mix_wire::Done>, Status> {
        Err(Status::unimplemented("of the CMS"))
    }

    async fn set(&self, _: Request<mix_wire::SetRequest>) -> Result<Response<mix_wire::Done>, Status> {
        Err(Status::unimplemented("of the CMS"))
    }

    async fn play(&self, _: Request<mix_wire::PlayRequest>) -> Result<Response<mix_wire::Done>, Status> {
        Err(Status::unimplemented("of the CMS"))
    }

    async fn join(
        &self,
        request: Request<mix_wire::JoinRequest>,
    ) -> Result<Response<mix_wire::Done>, Status> {
        let join = JoinMix::try_from(request.into_inner())?;
        let is_refused = self.change(|script| {
            script.joins.push(join);
            let is_refused = script.refuses_joins > 0;
            script.refuses_joins = script.refuses_joins.saturating_sub(1);
            is_refused
        });
        if is_refused {
            Err(Status::permission_denied("ticket"))
        } else {
            Ok(Response::new(mix_wire::Done {}))
        }
    }

    async fn leave(
        &self,
        request: Request<mix_wire::LeaveRequest>,
    ) -> Result<Response<mix_wire::Done>, Status> {
        let leave = LeaveMix::try_from(request.into_inner())?;
        self.change(|script| script.leaves.push(leave));
        Ok(Response::new(mix_wire::Done {}))
    }
}

#[tonic::async_trait]
impl LineTest for Roles {
    type RunStream = ReceiverStream<Result<test_wire::RunDown, Status>>;

    async fn run(
        &self,
        request: Request<Streaming<test_wire::RunUp>>,
    ) -> Result<Response<Self::RunStream>, Status> {
        use test_wire::run_down::Action;
        let mut ups = request.into_inner();
        let (sender, receiver) = mpsc::channel(4);
        let roles = self.clone();
        tokio::spawn(async move {
            let steps = [
                Action::SayDigits(test_wire::SayDigits { digits: "12".to_owned() }),
                Action::Echo(test_wire::Echo { duration_ms: 50 }),
                Action::Finish(true),
            ];
            let _ = ups.next().await;
            for (number, action) in (0..).zip(steps) {
                let _ = sender.send(Ok(test_wire::RunDown { step: number, action: Some(action) })).await;
                let Some(Ok(test_wire::RunUp { up: Some(test_wire::run_up::Up::Done(done)) })) =
                    ups.next().await
                else {
                    return;
                };
                roles.change(|script| script.steps_done.push(done));
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }
}

/// A VRU among scripted roles.
pub(crate) struct Cluster {
    pub(crate) vru: Vru,
    pub(crate) roles: Roles,
    pub(crate) engine: Engine,
    pub(crate) store: Arc<Codes>,
    _serving: Vec<Serving>,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// Takes calls from now on.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let cluster = Self::begin(Roles::new(), change);
        tokio::time::timeout(CEILING, cluster.vru.ready()).await.expect("its lease is renewed");
        cluster
    }

    /// Has a CMS that has no place for a VRU's lease yet.
    pub(crate) fn start_unknown() -> Self {
        let roles = Roles::new();
        roles.change(|script| script.refuses_renewals = true);
        Self::begin(roles, |_| {})
    }

    fn begin(roles: Roles, change: impl FnOnce(&mut Config)) -> Self {
        let network = Network::new();
        let log = RpcLog::new("scripted");
        let serving = ["proxy-1", "mixer-1"]
            .map(|name| {
                let routes = tonic::service::Routes::new(ConferencingServer::new(roles.clone()))
                    .add_service(LeasesServer::new(roles.clone()))
                    .add_service(LineTestServer::new(roles.clone()))
                    .add_service(MixingServer::new(roles.clone()));
                serve(network.listen(&Address::memory(name)).unwrap(), log.clone(), routes)
            })
            .into();
        let engine_config =
            EngineConfig { threads: Some(1), rtp_ports: (17000, 32000), legs_max: 64, io: IoChoice::Auto };
        let engine = Engine::start(&engine_config).unwrap();
        let mut config = Config { sip_listen: vec!["127.0.0.1:0".parse().unwrap()], ..Config::default() };
        change(&mut config);
        let store = Arc::new(Codes::default());
        let proxies = vec![Address::memory("proxy-1")];
        let vru = Vru::start(
            config,
            network,
            engine.clone(),
            Arc::clone(&store) as _,
            PromptLibrary::new(),
            proxies,
        )
        .unwrap();
        Self { vru, roles, engine, store, _serving: serving }
    }

    pub(crate) fn sip(&self) -> std::net::SocketAddr {
        self.vru.sip_addresses()[0].local
    }
}
