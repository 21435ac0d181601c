//! What becomes of each wish.

use std::net::IpAddr;
use std::sync::Arc;

use partyline_call::{Ending, Fact, Rejection, Wish};
use partyline_conference::{ConfereeId, ConferenceCode, HostPin, LeaveReason, MixView, Refusal};
use partyline_engine::{LegControl, OpenLegError, PlayId};
use partyline_rpc::LegName;
use partyline_rpc::generated::linetest::RunHello;
use partyline_rpc::mixing::LocalLeg;
use partyline_sip::endpoint::Because;
use tracing::{info, warn};

use super::attendance::{Attendance, Attendee};
use super::line_test::TestStream;
use super::names::program;
use super::{Call, TestLink};
use crate::clock::now;
use crate::media;
use crate::sip::RETRY_AFTER;
use crate::trunks::preferred;

impl Call {
    /// Carries out all that is wished, and what comes of it at once.
    pub(super) async fn carry_out(&mut self) {
        while let Some(wish) = self.brain.poll_wish() {
            if let Some(fact) = self.carry_out_one(wish).await {
                self.brain.handle_fact(now(), fact);
            }
        }
    }

    async fn carry_out_one(&mut self, wish: Wish) -> Option<Fact> {
        match wish {
            Wish::Answer => return self.answer().await,
            Wish::Reject(rejection) => self.reject(rejection).await,
            Wish::HangUp(ending) => self.hang_up(ending).await,
            Wish::Play(play, script) => {
                let program = program(Arc::clone(&self.shared), self.service.language, &script).await;
                if let Some((leg, _)) = &self.leg {
                    leg.play(PlayId(play.0), program);
                }
            }
            Wish::StopPlaying => self.with_leg(LegControl::stop),
            Wish::RecordName(take) => self.record_name(take),
            Wish::EndRecording => self.end_recording(),
            Wish::PlayName(play, name) => self.play_name(play, &name),
            Wish::KeepName(name) => self.keep_name(name),
            Wish::LookUpCode { code, only_room } => self.look_up(code, only_room),
            Wish::VerifyPin { room, pin } => self.verify(room, pin),
            Wish::ReportRefusal { refusal, room } => self.report(refusal, room),
            Wish::Attend { code, host_pin } => self.attend(Some(code), host_pin),
            Wish::AttendAsCallee => self.attend(None, None),
            Wish::CallOut(wanted) => self.call_out(wanted),
            Wish::StopCallingOut => self.calling_out = None,
            Wish::AttendAgain => {
                if let Some(attendance) = &self.attendance {
                    attendance.again();
                }
            }
            Wish::JoinMix { mix, conferee } => return self.join(&mix, conferee),
            Wish::LeaveMix => {
                self.link.leave();
                if let Some(attendance) = &self.attendance {
                    attendance.joined(None);
                }
            }
            Wish::Command { number, room, command } => self.command(number, room, command),
            Wish::ReadRoster { number, conference } => self.read_roster(number, conference),
            Wish::ReadWaiting { number, room } => self.read_waiting(number, room),
            Wish::SetVolume(volume) => self.with_leg(|leg| leg.set_volume(volume.db())),
            Wish::Left(reason) => self.left(reason).await,
            Wish::StartLineTest => self.start_line_test(),
            Wish::SetEcho(echoes) => self.with_leg(|leg| leg.set_echo(echoes)),
            Wish::StepDone { number, is_measured } => self.step_done(number, is_measured).await,
        }
        None
    }

    fn with_leg(&self, command: impl FnOnce(&LegControl)) {
        if let Some((leg, _)) = &self.leg {
            command(leg);
        }
    }

    /// Opens a leg and answers; media may be known at once, or come with the ACK.
    async fn answer(&mut self) -> Option<Fact> {
        let leg = match self.shared.engine.open_leg(self.media_bind_address()) {
            Ok(leg) => leg,
            Err(error) => {
                warn!(%error, "no leg for a call");
                metrics::counter!("partyline_vru_calls_without_leg_total").increment(1);
                let (status, because) = because_of_no_leg(&error);
                self.sip.commands.reject(self.key, status, because).await;
                self.sip.is_over = true;
                return Some(Fact::Ended(LeaveReason::CallFailed));
            }
        };
        let mut capabilities =
            media::capabilities(self.media_address(), leg.0.local_port(), &self.shared.config.codecs);
        capabilities.security = self.shared.config.media_security;
        let capabilities = preferred(capabilities, self.admitted.trunk.as_deref());
        self.leg = Some(leg);
        match self.sip.commands.answer(self.key, capabilities).await {
            Ok(Some(agreement)) => Some(self.take_media(&agreement)),
            Ok(None) => None,
            Err(error) => {
                info!(call = %self.party.call_id, %error, "the call could not be answered");
                self.sip.is_over = true;
                Some(Fact::Ended(LeaveReason::CallFailed))
            }
        }
    }

    /// Where media arrives.
    fn media_bind_address(&self) -> IpAddr {
        self.shared.config.rtp_address.unwrap_or(self.party.bound)
    }

    /// Where this caller is told to send media: where what we send them comes from, unless a setting says otherwise.
    fn media_address(&self) -> IpAddr {
        self.shared.addressing.told(self.media_bind_address(), self.party.source.ip())
    }

    async fn reject(&mut self, rejection: Rejection) {
        let (status, because) = because_of(Ending::Refused(rejection.refusal));
        info!(call = %self.party.call_id, status, refusal = rejection.refusal.as_str(), "rejected");
        self.sip.commands.reject(self.key, status, because).await;
        self.sip.is_over = true;
    }

    async fn hang_up(&mut self, ending: Ending) {
        let (_, because) = because_of(ending);
        info!(call = %self.party.call_id, reason = ending.text(), "hanging up");
        self.sip.commands.hang_up(self.key, because).await;
        self.sip.is_over = true;
    }

    /// Attends by a code, or as who was called.
    fn attend(&mut self, code: Option<ConferenceCode>, host_pin: Option<HostPin>) {
        let shared = &self.shared;
        let attendee = Attendee {
            attendance: self.attendance_id,
            vru: shared.config.id.clone(),
            code,
            host_pin,
            caller: self.party.shown.clone(),
        };
        let (attendance, task) = Attendance::new(attendee, shared.proxies.clone(), shared.config.waits);
        let place = self.place.clone();
        shared.spawn(async move {
            task.run().await;
            drop(place);
        });
        self.attendance = Some(attendance);
    }

    async fn left(&mut self, reason: LeaveReason) {
        info!(call = %self.party.call_id, attendance = %self.attendance_id, reason = reason.as_str(), "left");
        let quality = self.measure().await;
        if let Some(attendance) = &self.attendance {
            attendance.left(reason, quality);
        }
    }

    fn join(&mut self, mix: &MixView, conferee: Option<ConfereeId>) -> Option<Fact> {
        let ticket = self.ticket.clone().filter(|ticket| ticket.mix == mix.mix && ticket.epoch == mix.epoch);
        let (Some(ticket), Some((leg, _))) = (ticket, &self.leg) else {
            return Some(Fact::JoinFailed { mix: mix.mix, epoch: mix.epoch });
        };
        let leg_name = conferee.map_or_else(|| LegName::from(self.attendance_id), LegName::from);
        let leg = LocalLeg { engine: self.shared.engine.id().0, leg: leg.id().0 };
        self.link.join(ticket, leg_name, leg);
        None
    }

    fn start_line_test(&mut self) {
        let hello = RunHello {
            vru_id: self.shared.config.id.to_string(),
            call_id: self.party.call_id.clone(),
            caller_number: self.party.number.clone(),
        };
        let stream = TestStream::new(hello, self.shared.proxies.clone(), self.shared.config.waits.attend());
        self.test = TestLink::Opening(Box::pin(stream.open()));
    }

    async fn step_done(&mut self, number: u32, is_measured: bool) {
        let report = match &self.leg {
            Some((leg, _)) if is_measured => leg.report().await,
            Some(_) | None => None,
        };
        if let TestLink::Open(stream) = &self.test {
            stream.done(number, report);
        }
    }
}

/// The SIP status where no leg could be opened: only a VRU that has no leg for anybody says so with 503, and for how
/// long, as carriers take it out for that.
fn because_of_no_leg(error: &OpenLegError) -> (u16, Because) {
    let (status, retry_after) = match error {
        OpenLegError::Full(_) | OpenLegError::NoPort => (503, Some(RETRY_AFTER)),
        OpenLegError::Socket(_) | OpenLegError::Unresponsive => (480, None),
    };
    (status, Because { text: "no media port".to_owned(), cause: status, retry_after })
}

/// The SIP status of an end, and what signalling says of it.
fn because_of(ending: Ending) -> (u16, Because) {
    let status = match ending {
        Ending::Refused(Refusal::UnknownCode) => 404,
        Ending::Refused(Refusal::WrongPin | Refusal::LockedOut | Refusal::Deleted) | Ending::TooManyTries => {
            403
        }
        Ending::Refused(Refusal::Locked | Refusal::Full | Refusal::AccountLimit) => 486,
        Ending::Refused(Refusal::NoMixer | Refusal::Unavailable)
        | Ending::Left(LeaveReason::NoMixer)
        | Ending::TestFailed => 480,
        Ending::NoCode | Ending::Left(LeaveReason::NoRtp) => 408,
        Ending::Left(LeaveReason::Shutdown) => 503,
        Ending::Left(
            LeaveReason::HungUp
            | LeaveReason::Keys
            | LeaveReason::Deleted
            | LeaveReason::Dropped
            | LeaveReason::TurnedAway
            | LeaveReason::LetGo
            | LeaveReason::ConferenceEnded
            | LeaveReason::WaitedTooLong
            | LeaveReason::CallTooLong,
        )
        | Ending::TestDone => 200,
        Ending::Left(LeaveReason::NeverJoined | LeaveReason::VruLost | LeaveReason::CallFailed) => 500,
    };
    (status, Because { text: ending.text().to_owned(), cause: status, retry_after: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_leg_that_fails_does_not_take_the_vru_out() {
        let socket = OpenLegError::Socket(std::io::ErrorKind::PermissionDenied.into());
        for error in [socket, OpenLegError::Unresponsive] {
            let (status, because) = because_of_no_leg(&error);
            assert_eq!((status, because.retry_after), (480, None));
        }
        for error in [OpenLegError::NoPort, OpenLegError::Full(64)] {
            let (status, because) = because_of_no_leg(&error);
            assert_eq!((status, because.retry_after), (503, Some(RETRY_AFTER)));
        }
    }
}
