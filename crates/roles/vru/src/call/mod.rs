//! One call: its journey, its leg, and its streams to the other roles, in one task.
//!
//! Here are the inputs and the loop; what becomes of each wish is in `wishes`, of codes in `checks`.
//!
//! **Invariant:** the task ends in bounded time after its journey; its leg ends with it, its attendance when the CMS
//! has heard of the leaving.

mod attendance;
mod callee;
mod checks;
mod commands;
mod line_test;
mod mix_link;
mod names;
mod quality;
mod service;
mod wishes;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use partyline_call::{Brain, CodeAnswer, Fact, Journey, KeySource, Keys, LineTest, PlayNumber, TakeNumber};
use partyline_conference::{AttendanceId, CallQuality, CallerIdentity, LeaveReason, LineNoise};
use partyline_engine::{LegControl, LegEvent};
use partyline_rpc::conferencing::{JoinedMix, MixTicket};
use partyline_sip::endpoint::{Because, CallEvent, CallKey, IncomingCall};
use partyline_sip::sdp::Agreement;
use partyline_trunk::Application;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::clock::{now, sleep_until};
use crate::media;
use crate::shared::Shared;
use crate::sip::{NewCall, SipCommands, leave_reason};
use crate::trunks::{Admitted, admit};
use attendance::{Attendance, Told};
use callee::CallingOut;
use line_test::TestStream;
use mix_link::{Closed, JoinEnd, MixLink};
use service::Service;

/// How long a caller hears nothing before it is told that it rings: most calls are answered or refused long before.
const RINGS_AFTER: Duration = Duration::from_secs(1);

/// A call's place among as many as may be; it is free again when call and attendance have both ended.
pub(crate) type Place = Arc<OwnedSemaphorePermit>;

/// Runs a call to its end.
pub(crate) async fn run(shared: Arc<Shared>, new: NewCall, place: Place) {
    let _counted = Counted::new();
    let call_id = new.incoming.call_id.clone();
    // What runs only at its beginning and end takes no room in between.
    let admission = Box::pin(admit(&shared.peers, shared.config.waits.store(), &new));
    let Some(admitted) = admission.await else { return };
    let trunk = admitted.trunk.as_ref().map_or("none", |trunk| trunk.name.as_str());
    let peer = new.peer.as_ref().map(|peer| peer.domains()).unwrap_or_default();
    info!(call = %call_id, source = %new.incoming.source, trunk, ?peer, "a call comes in");
    let mut call = Box::pin(Call::new(shared, new, place, admitted)).await;
    call.run().await;
    Box::pin(call.finish()).await;
    info!(call = %call_id, "the call is over");
}

/// A call in the gauge of calls.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("partyline_vru_calls").increment(1.0);
        metrics::counter!("partyline_vru_calls_total").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("partyline_vru_calls").decrement(1.0);
    }
}

enum TestLink {
    None,
    Opening(Pin<Box<dyn Future<Output = TestStream> + Send>>),
    Open(Box<TestStream>),
    Ended,
}

/// The other side of a call, as far as it is known.
struct Party {
    /// What names the call in logs: its Call-ID, where they called.
    call_id: String,
    /// Their number, whoever may see it.
    number: String,
    /// What others may see of them. Who wants to be anonymous is (RFC 3323).
    shown: CallerIdentity,
    /// Where they are.
    source: SocketAddr,
    /// Where their media arrives, unless a setting says otherwise.
    bound: IpAddr,
}

impl Party {
    fn of_caller(incoming: &IncomingCall) -> Self {
        let shown = |text: &str| incoming.shown_caller().map(|_| text.to_owned()).unwrap_or_default();
        Self {
            call_id: incoming.call_id.clone(),
            number: incoming.caller.clone(),
            shown: CallerIdentity {
                number: shown(&incoming.caller),
                display: shown(&incoming.caller_display),
                call: incoming.call_id.clone(),
            },
            source: incoming.source,
            bound: incoming.bound.ip(),
        }
    }
}

struct Call {
    shared: Arc<Shared>,
    key: CallKey,
    party: Party,
    admitted: Admitted,
    service: Service,
    brain: Box<dyn Brain>,
    attendance_id: AttendanceId,
    sip: HangUpGuard,
    sip_events: mpsc::Receiver<Box<CallEvent>>,
    leg: Option<(LegControl, mpsc::Receiver<LegEvent>)>,
    has_media: bool,
    keys: Keys,
    last_pound: Option<Instant>,
    /// The take of the caller's name that is being recorded.
    recording: Option<TakeNumber>,
    attendance: Option<Attendance>,
    ticket: Option<MixTicket>,
    link: MixLink,
    checks: JoinSet<Fact>,
    test: TestLink,
    /// Whom the CMS lets the caller have called.
    calling_out: Option<CallingOut>,
    is_told_goodbye: bool,
    is_measured: bool,
    quality: Option<CallQuality>,
    /// When the caller is told that it rings, where nothing else was told until then.
    rings_at: Option<Instant>,
    place: Place,
}

/// Hangs up where the call's task ends without having done so, even by a panic.
struct HangUpGuard {
    key: CallKey,
    commands: SipCommands,
    is_over: bool,
}

impl Drop for HangUpGuard {
    fn drop(&mut self) {
        if !self.is_over {
            let because = Because { text: "call failed".to_owned(), cause: 500, retry_after: None };
            self.commands.hang_up_now(self.key, because);
        }
    }
}

/// What a call waits for.
enum Input {
    Sip(Option<CallEvent>),
    Leg(Option<LegEvent>),
    Check(Fact),
    Told(Option<Told>),
    Heard(Option<Fact>),
    Joined(JoinEnd),
    TestOpened(TestStream),
    Test(Fact),
    Timeout,
    Rings,
    Goodbye,
}

impl Call {
    async fn new(shared: Arc<Shared>, new: NewCall, place: Place, admitted: Admitted) -> Self {
        let NewCall { key, mut incoming, events, commands, .. } = new;
        if admitted.trunk.as_ref().is_some_and(|trunk| !trunk.trusts_identity) && incoming.is_asserted {
            incoming.caller.clone_from(&incoming.from);
            incoming.caller_display.clone_from(&incoming.from_display);
            incoming.is_asserted = false;
        }
        let service = Service::of_call(&shared, &incoming, admitted.trunk.as_deref()).await;
        let patience = shared.config.patience;
        let brain: Box<dyn Brain> = match service.application {
            Application::Linetest => Box::new(LineTest::new(now(), patience, service.language)),
            Application::Conferencing => {
                let journey = Journey::new(now(), patience, service.arrival.clone());
                Box::new(journey.with_keys(shared.config.keys.clone()).speaking(service.language))
            }
        };
        let link = MixLink::new(shared.config.id.clone(), shared.mixers.clone(), shared.config.waits.mixer());
        Self {
            key,
            party: Party::of_caller(&incoming),
            admitted,
            service,
            brain,
            attendance_id: AttendanceId::from_bits(rand::random()),
            sip: HangUpGuard { key, commands, is_over: false },
            sip_events: events,
            leg: None,
            has_media: false,
            keys: Keys::default(),
            last_pound: None,
            recording: None,
            attendance: None,
            ticket: None,
            link,
            checks: JoinSet::new(),
            test: TestLink::None,
            calling_out: None,
            is_told_goodbye: false,
            is_measured: false,
            quality: None,
            rings_at: Some(now() + RINGS_AFTER),
            place,
            shared,
        }
    }

    async fn run(&mut self) {
        self.carry_out().await;
        while !self.brain.is_over() {
            let input = self.next().await;
            if let Some(fact) = self.fact(input) {
                self.brain.handle_fact(now(), fact);
            }
            self.carry_out().await;
        }
    }

    async fn finish(mut self) {
        let quality = self.measure().await;
        let Self { leg, attendance, link, sip, test, .. } = self;
        // The mixers hear of the leave; the leg's ports are free before they answer.
        drop((leg, sip));
        if let Some(attendance) = &attendance {
            // Where the journey said so already, this changes nothing.
            attendance.left(LeaveReason::CallFailed, quality);
        }
        if let TestLink::Open(stream) = test {
            stream.finish().await;
        }
        link.finish().await;
    }

    /// How the call sounded up to the first time that this is asked; it is over then.
    async fn measure(&mut self) -> Option<CallQuality> {
        if !std::mem::replace(&mut self.is_measured, true)
            && let Some((leg, _)) = &self.leg
            && let Some(report) = leg.report().await
        {
            quality::count(&report);
            self.quality = quality::of_report(&report);
        }
        self.quality
    }

    /// Waits for whatever comes first.
    async fn next(&mut self) -> Input {
        let rings_at = self.rings_at.filter(|_| self.waits_unanswered());
        let leg_event = async {
            match &mut self.leg {
                Some((_, events)) => events.recv().await,
                None => std::future::pending().await,
            }
        };
        let told = async {
            match &mut self.attendance {
                Some(attendance) => attendance.told().await,
                None => std::future::pending().await,
            }
        };
        let heard = async {
            match &mut self.calling_out {
                Some(calling) => calling.heard().await,
                None => std::future::pending().await,
            }
        };
        let test = async {
            match &mut self.test {
                TestLink::Opening(opening) => Input::TestOpened(opening.as_mut().await),
                TestLink::Open(stream) => Input::Test(stream.next().await),
                TestLink::None | TestLink::Ended => std::future::pending().await,
            }
        };
        tokio::select! {
            // A leg says that its mix is closed before another takes it: that is heard before the Join's answer.
            biased;
            () = self.shared.goodbye.cancelled(), if !self.is_told_goodbye => Input::Goodbye,
            () = sleep_until(self.brain.poll_timeout()) => Input::Timeout,
            () = sleep_until(rings_at) => Input::Rings,
            event = self.sip_events.recv(), if !self.sip.is_over => Input::Sip(event.map(|event| *event)),
            event = leg_event => Input::Leg(event),
            Some(checked) = self.checks.join_next() => match checked {
                Ok(fact) => Input::Check(fact),
                // A check that died answers like one that took too long: by the journey's own timer.
                Err(_) => Input::Timeout,
            },
            told = told => Input::Told(told),
            heard = heard => Input::Heard(heard),
            end = self.link.join_end() => Input::Joined(end),
            input = test => input,
        }
    }

    /// Whether the caller has heard nothing yet, neither an answer nor a refusal.
    const fn waits_unanswered(&self) -> bool {
        self.leg.is_none() && !self.sip.is_over
    }

    /// What an input tells the brain, if anything.
    fn fact(&mut self, input: Input) -> Option<Fact> {
        match input {
            Input::Sip(event) => self.sip_event(event),
            Input::Leg(Some(event)) => self.leg_event(event),
            Input::Leg(None) => {
                warn!(call = %self.party.call_id, "the leg is gone");
                self.leg = None;
                Some(Fact::Ended(LeaveReason::CallFailed))
            }
            Input::Check(fact) => {
                if let Fact::CodeChecked(CodeAnswer::Unknown { delay }) = &fact
                    && !delay.is_zero()
                {
                    // Else guessers from many places would look like a machine that is too slow, and keep others out.
                    self.sip.commands.waits(self.key);
                }
                Some(fact)
            }
            Input::Told(Some(told)) => {
                self.ticket = told.ticket;
                self.brain.handle_fact(now(), commands::wall_clock());
                Some(Fact::Standing(told.standing))
            }
            Input::Told(None) => {
                self.attendance = None;
                None
            }
            Input::Heard(heard) => {
                if heard.is_none() {
                    self.calling_out = None;
                }
                heard
            }
            Input::Joined(end) => Some(self.join_ended(end)),
            Input::TestOpened(stream) => {
                self.test = TestLink::Open(Box::new(stream));
                None
            }
            Input::Test(fact) => {
                if let Fact::StepsEnded = fact {
                    self.test = TestLink::Ended;
                }
                Some(fact)
            }
            Input::Rings => {
                self.rings_at = None;
                self.sip.commands.ring(self.key);
                None
            }
            Input::Timeout => {
                self.brain.handle_timeout(now());
                None
            }
            Input::Goodbye => {
                self.is_told_goodbye = true;
                Some(Fact::Shutdown)
            }
        }
    }

    fn join_ended(&mut self, JoinEnd { joined, is_in }: JoinEnd) -> Fact {
        if !is_in {
            return Fact::JoinFailed { mix: joined.mix, epoch: joined.epoch };
        }
        if let Some(attendance) = &self.attendance {
            attendance.joined(Some(joined));
        }
        Fact::Joined { mix: joined.mix, epoch: joined.epoch }
    }

    fn sip_event(&mut self, event: Option<CallEvent>) -> Option<Fact> {
        let is_confirmed = matches!(event, Some(CallEvent::Confirmed(_) | CallEvent::Answered(_)));
        let fact = self.sip_event_fact(event);
        // After the media of a late answer has reached the leg.
        if let (true, Some((leg, _))) = (is_confirmed, &self.leg) {
            leg.confirm();
        }
        fact
    }

    fn sip_event_fact(&mut self, event: Option<CallEvent>) -> Option<Fact> {
        match event {
            Some(CallEvent::Confirmed(Some(agreement)) | CallEvent::Answered(agreement))
                if !self.has_media =>
            {
                Some(self.take_media(&agreement))
            }
            Some(CallEvent::Changed(agreement) | CallEvent::Confirmed(Some(agreement))) => {
                Some(self.take_media(&agreement))
            }
            Some(CallEvent::Key(key)) => self.key_pressed(key, KeySource::Info),
            Some(CallEvent::Ended(end)) => {
                self.sip.is_over = true;
                Some(Fact::Ended(leave_reason(&end)))
            }
            None => {
                self.sip.is_over = true;
                Some(Fact::Ended(LeaveReason::CallFailed))
            }
            Some(
                CallEvent::Incoming(_)
                | CallEvent::Ringing
                | CallEvent::Early(_)
                | CallEvent::Answered(_)
                | CallEvent::Confirmed(None),
            ) => None,
        }
    }

    /// Both sides agreed on media, for the first time or anew.
    fn take_media(&mut self, agreement: &Agreement) -> Fact {
        let is_first = !std::mem::replace(&mut self.has_media, true);
        let is_on_hold = media::is_on_hold(agreement, is_first);
        if let (Some((leg, _)), Some(media)) = (&self.leg, media::leg_media(agreement, is_on_hold)) {
            leg.connect(media);
        }
        if !is_first {
            return Fact::OnHold(is_on_hold);
        }
        if is_on_hold {
            self.brain.handle_fact(now(), Fact::OnHold(true));
        }
        Fact::MediaUp
    }

    fn leg_event(&mut self, event: LegEvent) -> Option<Fact> {
        match event {
            LegEvent::FirstPacket => None,
            LegEvent::Key(key) => self.key_pressed(key, KeySource::TelephoneEvent),
            LegEvent::Tone(key) => self.key_pressed(key, KeySource::Tone),
            LegEvent::PlayEnded(play) => Some(Fact::PlayEnded(PlayNumber(play.0))),
            LegEvent::Recorded(recording) => {
                self.recorded(recording);
                None
            }
            LegEvent::Quiet(quiet_for) => Some(Fact::Quiet(quiet_for)),
            LegEvent::FirstMixedAudio => {
                if let Some(pressed) = self.last_pound.take() {
                    let entry = now().duration_since(pressed);
                    metrics::histogram!("partyline_vru_entry_seconds").record(entry.as_secs_f64());
                }
                None
            }
            LegEvent::SpokeUnheard => Some(Fact::SpokeWhileMuted),
            LegEvent::Noisy(noise) => {
                self.noisy(noise);
                None
            }
            LegEvent::MixClosed(_) => self.mix_closed(),
        }
    }

    fn noisy(&self, noise: partyline_engine::LineNoise) {
        use partyline_engine::LineNoise as Heard;
        let noise = match noise {
            Heard::Music => LineNoise::Music,
            Heard::Howl => LineNoise::Howl,
            Heard::Hum => LineNoise::Hum,
        };
        info!(call = %self.party.call_id, noise = noise.as_str(), "the line makes noise");
        metrics::counter!("partyline_vru_noisy_lines_total", "noise" => noise.as_str()).increment(1);
        if let Some(attendance) = &self.attendance {
            attendance.noisy(noise);
        }
    }

    fn mix_closed(&mut self) -> Option<Fact> {
        match self.link.closed() {
            Closed::Seat(JoinedMix { mix, .. }) => {
                if let Some(attendance) = &self.attendance {
                    attendance.joined(None);
                }
                Some(Fact::MixLost { mix })
            }
            Closed::Joining(JoinedMix { mix, epoch }) => Some(Fact::JoinFailed { mix, epoch }),
            Closed::Nothing => None,
        }
    }

    fn key_pressed(&mut self, key: char, source: KeySource) -> Option<Fact> {
        if !self.keys.counts(now(), key, source) {
            return None;
        }
        if key == '#' {
            self.last_pound = Some(now());
        }
        Some(Fact::Key(key))
    }
}
