//! Interface servers over a store in a temporary directory, a mixer that only notes its orders, and callers.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use parking_lot::Mutex;
use partyline_cms::{Config, InterfaceServer};
use partyline_conference::{
    AccountId, Announce, AttendanceId, CallerIdentity, ConfereeId, ConferenceCode, ConferenceEnd,
    ConferenceId, EntryPolicy, FreshIds, Generation, HostLeaves, HostPin, Intent, LeaveReason, LockScope,
    MixId, MixerClass, MixerId, Role, Room, RoomId, RoomName, RoomVersion, Timestamp, VruId, rules,
};
use partyline_rpc::conferencing::{AttendDown, AttendUp, Hello, JoinedMix, MixTicket, Placed};
use partyline_rpc::generated::conferencing as wire;
use partyline_rpc::generated::conferencing::conferencing_client::ConferencingClient;
use partyline_rpc::generated::mixing as mixing_wire;
use partyline_rpc::generated::mixing::mixing_server::{Mixing, MixingServer};
use partyline_rpc::leases::VruRenewal;
use partyline_rpc::mixing::{EndMix, EnsureMix, PlaySound, SetLeg};
use partyline_rpc::{Address, Network, RpcLog, Serving, TicketSigner, clients, serve};
use partyline_store::{LookupKey, LookupKeys, MixerLease, NewRoom, RoomCommit, SqlStore, Store, StoreReader};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};

pub(crate) const HOST_CODE: &str = "11112222";
pub(crate) const PARTICIPANT_CODE: &str = "33334444";
/// A liveness ceiling, far above what anything here takes.
const CEILING: Duration = Duration::from_secs(20);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(CEILING, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    Ensure(EnsureMix),
    End(EndMix),
    Set(SetLeg),
    Play(PlaySound),
}

/// A mixer that notes its orders, or has no seat.
#[derive(Clone, Default)]
pub(crate) struct NotingMixer {
    pub(crate) orders: Arc<Mutex<Vec<Order>>>,
    /// Conferences that the store did not hold yet when the mixer was asked to carry them.
    pub(crate) too_early: Arc<Mutex<Vec<ConferenceId>>>,
    store: Option<Arc<SqlStore>>,
    has_no_seat: bool,
}

impl NotingMixer {
    pub(crate) fn orders(&self) -> Vec<Order> {
        self.orders.lock().clone()
    }

    pub(crate) fn plays(&self) -> Vec<PlaySound> {
        let play = |order| if let Order::Play(play) = order { Some(play) } else { None };
        self.orders().into_iter().filter_map(play).collect()
    }

    fn note(&self, order: Order) -> Result<Response<mixing_wire::Done>, Status> {
        self.orders.lock().push(order);
        if self.has_no_seat {
            Err(Status::resource_exhausted("no seat"))
        } else {
            Ok(Response::new(mixing_wire::Done {}))
        }
    }
}

#[tonic::async_trait]
impl Mixing for NotingMixer {
    async fn ensure(
        &self,
        r: Request<mixing_wire::EnsureRequest>,
    ) -> Result<Response<mixing_wire::Done>, Status> {
        let mix: EnsureMix = r.into_inner().try_into()?;
        if let (Some(store), Some(conference)) = (&self.store, mix.conference) {
            let row =
                store.conference(conference).await.map_err(|error| Status::internal(error.to_string()))?;
            if row.is_none_or(|row| row.mix != mix.mix) {
                self.too_early.lock().push(conference);
            }
        }
        self.note(Order::Ensure(mix))
    }
    async fn end(&self, r: Request<mixing_wire::EndRequest>) -> Result<Response<mixing_wire::Done>, Status> {
        self.note(Order::End(r.into_inner().try_into()?))
    }
    async fn set(&self, r: Request<mixing_wire::SetRequest>) -> Result<Response<mixing_wire::Done>, Status> {
        self.note(Order::Set(r.into_inner().try_into()?))
    }
    async fn play(
        &self,
        r: Request<mixing_wire::PlayRequest>,
    ) -> Result<Response<mixing_wire::Done>, Status> {
        self.note(Order::Play(r.into_inner().try_into()?))
    }
    async fn join(
        &self,
        _: Request<mixing_wire::JoinRequest>,
    ) -> Result<Response<mixing_wire::Done>, Status> {
        Err(Status::unimplemented("VRUs join"))
    }
    async fn leave(
        &self,
        _: Request<mixing_wire::LeaveRequest>,
    ) -> Result<Response<mixing_wire::Done>, Status> {
        Err(Status::unimplemented("VRUs leave"))
    }
}

pub(crate) struct Scene {
    pub(crate) network: Network,
    pub(crate) store: Arc<SqlStore>,
    pub(crate) signer: TicketSigner,
    mixers: Vec<Serving>,
    directory: tempfile::TempDir,
}

pub(crate) fn room(entry: EntryPolicy) -> NewRoom {
    NewRoom {
        settings: Room {
            id: RoomId::from_bits(77),
            account: AccountId::from_bits(0),
            name: RoomName::new("meeting").unwrap(),
            version: RoomVersion(0),
            entry,
            class: MixerClass::new("standard").unwrap(),
            announce: Announce::Tone,
            conferees_max: 400,
            host_leaves: HostLeaves::End,
            lock: LockScope::AllButHosts,
            music: true,
            wait_max: Duration::from_secs(1800),
            conference_max: None,
            call_max: None,
            no_rtp_max: Duration::from_secs(60),
            has_host_pin: false,
            unmute_oneself: false,
            deleted_stay_out: false,
            waiting_room: false,
            roll_call: false,
            dial_out: false,
            dial_out_prefixes: Vec::new(),
            operator: None,
            noisy_lines: partyline_conference::NoisyLines::default(),
            voices: partyline_conference::VoiceCare::default(),
        },
        host_code: ConferenceCode::parse(HOST_CODE).unwrap(),
        participant_code: ConferenceCode::parse(PARTICIPANT_CODE).unwrap(),
        host_pin: None,
    }
}

async fn open(directory: &std::path::Path) -> Arc<SqlStore> {
    let keys = LookupKeys::new(vec![LookupKey::new("k1", [1; 32])]).unwrap();
    SqlStore::open(&directory.join("store.db"), keys).await.unwrap()
}

impl Scene {
    pub(crate) async fn new(room: NewRoom) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = open(directory.path()).await;
        store.create_room(&room).await.unwrap();
        let signer = TicketSigner::from_seed(&[5; 32]);
        Self { network: Network::new(), store, signer, mixers: Vec::new(), directory }
    }

    /// The store of servers that start from now on, where the one before was closed.
    pub(crate) async fn open_the_store_again(&mut self) {
        self.store = open(self.directory.path()).await;
    }

    /// With one mixer, two interface servers and a room of this policy.
    pub(crate) async fn usual(entry: EntryPolicy) -> (Self, NotingMixer, InterfaceServer, InterfaceServer) {
        let mut scene = Self::new(room(entry)).await;
        let mixer = scene.mixer("mixer-1", false).await;
        let (a, b) = (scene.server("cms-1").await, scene.server("cms-2").await);
        (scene, mixer, a, b)
    }

    pub(crate) async fn mixer(&mut self, name: &str, has_no_seat: bool) -> NotingMixer {
        let store = Some(Arc::clone(&self.store));
        let mixer = NotingMixer { has_no_seat, store, ..NotingMixer::default() };
        let incoming = self.network.listen(&Address::memory(name)).unwrap();
        let routes = tonic::service::Routes::new(MixingServer::new(mixer.clone())).prepare();
        self.mixers.push(serve(incoming, RpcLog::new(name), routes));
        self.lease(name, 0).await;
        mixer
    }

    /// A lease of a mixer; of one that does not answer, if none was started.
    pub(crate) async fn lease(&self, name: &str, reserved: u32) {
        let lease = MixerLease {
            id: MixerId::new(name).unwrap(),
            class: MixerClass::new("standard").unwrap(),
            address: format!("mem:{name}"),
            seats_max: 1000,
            reserved,
            counter: 1,
            instance: "first".to_owned(),
            is_draining: false,
        };
        self.store.renew_mixer(&lease).await.unwrap();
    }

    /// The lease of a mixer that renews itself, as this instance.
    pub(crate) async fn lease_of(&self, name: &str, instance: &str, is_draining: bool) {
        let known = self.store.mixers().await.unwrap();
        let lease = known.into_iter().find(|lease| lease.id.as_str() == name).unwrap();
        let instance = instance.to_owned();
        let lease = MixerLease { counter: lease.counter + 1, instance, is_draining, ..lease };
        self.store.renew_mixer(&lease).await.unwrap();
    }

    /// Waits until the conference waits for a mixer.
    pub(crate) async fn until_waiting_for_a_mixer(&self) {
        within("the loss of the mixer", async {
            loop {
                let snapshot =
                    self.store.snapshot(RoomId::from_bits(77), Timestamp(0), &[], &[]).await.unwrap();
                let ends = snapshot.conference.expect("it goes on").deadline;
                if ends.is_some_and(|ends| ends.why == ConferenceEnd::NoMixer) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// Gives the room another code, and its former one to another room.
    pub(crate) async fn give_code_away(&self, code: &str) {
        let fresh = ConferenceCode::parse("77778888").unwrap();
        self.store.set_code(RoomId::from_bits(77), Role::Participant, &fresh).await.unwrap();
        let mut other = room(EntryPolicy::Start);
        other.settings.id = RoomId::from_bits(78);
        other.settings.name = RoomName::new("other").unwrap();
        other.host_code = ConferenceCode::parse("99990000").unwrap();
        other.participant_code = ConferenceCode::parse(code).unwrap();
        self.store.create_room(&other).await.unwrap();
    }

    /// A VRU renews its lease at an interface server, as this instance.
    pub(crate) async fn renew_vru(&self, server: &str, instance: &str) {
        let mut client = clients::leases(self.network.channel(&Address::memory(server)));
        let (id, instance) = (VruId::new("vru-1").unwrap(), instance.to_owned());
        let renewal = VruRenewal { id, counter: 1, instance };
        within("the renewal", client.renew_vru(Request::new(renewal.into()))).await.unwrap();
    }

    pub(crate) async fn server(&self, name: &str) -> InterfaceServer {
        let store: Arc<dyn Store> = Arc::clone(&self.store) as Arc<dyn Store>;
        InterfaceServer::start(Config::named(name), self.network.clone(), store, self.signer.clone())
            .await
            .unwrap()
    }

    pub(crate) fn client(&self, server: &str) -> ConferencingClient<Channel> {
        clients::conferencing(self.network.channel(&Address::memory(server)))
    }

    pub(crate) fn hello(&self, caller: u128, code: &str) -> Hello {
        Hello {
            attendance: AttendanceId::from_bits(caller),
            generation: Generation(1),
            vru: VruId::new("vru-1").unwrap(),
            code: Some(ConferenceCode::parse(code).unwrap()),
            host_pin: None,
            caller: CallerIdentity {
                number: format!("49{caller}"),
                display: String::new(),
                call: format!("{caller}@test"),
            },
            joined: None,
            left: None,
            quality: None,
        }
    }

    /// Attends and waits for the first decision.
    pub(crate) async fn call(&self, server: &str, caller: u128, code: &str) -> Caller {
        self.attend(server, self.hello(caller, code)).await.unwrap()
    }

    pub(crate) async fn attend(&self, server: &str, hello: Hello) -> Result<Caller, Status> {
        let (up, messages) = mpsc::channel(8);
        let mut client = self.client(server);
        up.send(AttendUp::Hello(Box::new(hello)).into()).await.unwrap();
        let answer = within("an answer", client.attend(ReceiverStream::new(messages))).await?;
        let mut caller = Caller { up, down: answer.into_inner(), now: None };
        caller.next().await?;
        Ok(caller)
    }

    /// Waits until so many conferees of a conference have joined.
    pub(crate) async fn until_joined(&self, conference: ConferenceId, joined: usize) {
        within("the joining", async {
            loop {
                let record = self.store.conference(conference).await.unwrap().unwrap();
                if record.conferees.iter().filter(|conferee| conferee.state == "joined").count() >= joined {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// What another interface server decides and commits.
    pub(crate) async fn decide(&self, named: &[u128], intents: &[Intent]) {
        let room = RoomId::from_bits(77);
        let named: Vec<_> = named.iter().map(|caller| AttendanceId::from_bits(*caller)).collect();
        let live = [MixerId::new("mixer-1").unwrap()];
        let at = Timestamp(i64::try_from(UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap());
        let snapshot = self.store.snapshot(room, at, &named, &live).await.unwrap();
        let fresh = FreshIds {
            conference: ConferenceId::from_bits(901),
            conference_mix: MixId::from_bits(902),
            lobby_mix: MixId::from_bits(903),
            conferees: (910..930).map(ConfereeId::from_bits).collect(),
        };
        let decision = rules::decide(&snapshot, intents, &fresh);
        self.store.commit(RoomCommit { room, expected: snapshot.room.version, at, decision }).await.unwrap();
    }

    pub(crate) async fn version(&self) -> RoomVersion {
        self.store.room_versions(&[RoomId::from_bits(77)]).await.unwrap()[0].1
    }
}

/// A caller as their VRU holds the stream.
pub(crate) struct Caller {
    pub(crate) up: mpsc::Sender<wire::AttendUp>,
    down: Streaming<wire::AttendDown>,
    /// What was told last; `None` once the stream has ended well.
    pub(crate) now: Option<AttendDown>,
}

impl Caller {
    /// Waits for the next message.
    pub(crate) async fn next(&mut self) -> Result<Option<AttendDown>, Status> {
        self.now = within("a message", self.down.message()).await?.map(|down| down.try_into().unwrap());
        Ok(self.now.clone())
    }

    /// Waits until something holds.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&AttendDown) -> bool) {
        while !self.now.as_ref().is_some_and(&holds) {
            self.next().await.unwrap();
            assert!(self.now.is_some(), "the stream ended before {what}");
        }
    }

    pub(crate) fn placed(&self) -> &Placed {
        match &self.now {
            Some(AttendDown::Placed(placed)) => placed,
            other => panic!("not placed but {other:?}"),
        }
    }

    pub(crate) fn lobby(&self) -> &MixTicket {
        match &self.now {
            Some(AttendDown::ConnectedForNow(mix)) => mix,
            other => panic!("not in the lobby but {other:?}"),
        }
    }

    pub(crate) async fn joins(&self) {
        let mix = &self.placed().mix;
        let joined = JoinedMix { mix: mix.mix, epoch: mix.epoch };
        self.up.send(AttendUp::Joined(joined).into()).await.unwrap();
    }

    /// Leaves, and waits for the stream's good end.
    pub(crate) async fn leaves(&mut self, reason: LeaveReason) {
        self.up.send(AttendUp::Left(reason).into()).await.unwrap();
        while self.next().await.unwrap().is_some() {}
    }
}

pub(crate) fn pin(digits: &str) -> Option<HostPin> {
    Some(HostPin::parse(digits).unwrap())
}

/// Waits until something holds, by looking again and again.
pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    within(what, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}
