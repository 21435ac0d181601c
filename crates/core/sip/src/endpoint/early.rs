//! Callees of ours before any has answered: early dialogs, several of them where a proxy has forked the call, with their
//! reliable provisional responses ([RFC 3262 §4]) and early media.

use std::time::Instant;

use super::abilities::{RELIABLE, SDP, lists};
use super::call::{Outgoing, Phase, Progress};
use super::outgoing::description;
use super::session::{Early, Session};
use super::{Agreement, Because, CallEnd, CallEvent, CallKey, Endpoint, User};
use crate::message::{HeaderName, Method, Response, decimal};
use crate::sdp::SdpError;
use crate::transaction::ClientOpening;

/// Most callees of one call that are kept apart; what further ones say before they answer is passed over.
const EARLY_MAX: usize = 8;

/// What a provisional response says of the media.
enum Said {
    /// Nothing, or nothing new.
    Nothing,
    /// They answer our offer.
    Answered(Agreement),
    /// They offer, and this is our answer.
    Offered(Vec<u8>, Agreement),
    /// It does not fit; our answer, where they offer.
    Unfit(Option<Vec<u8>>, SdpError),
}

/// The number of a reliable provisional response.
fn reliable_number(response: &Response<'_>) -> Option<u32> {
    let is_reliable = response.status > 100 && lists(&response.headers, HeaderName::Require, RELIABLE);
    let number = decimal(response.headers.first(HeaderName::RSeq)?.trim_ascii());
    number.and_then(|number| u32::try_from(number).ok()).filter(|_| is_reliable)
}

impl Endpoint {
    /// A provisional response to an INVITE of ours.
    pub(super) fn progressed(&mut self, now: Instant, key: CallKey, response: &Response<'_>) {
        let Some(call) = self.calls.of(key) else { return };
        let is_over = call.is_over;
        call.allows_update |= lists(&response.headers, HeaderName::Allow, "UPDATE");
        let Phase::Outgoing(outgoing) = &mut call.phase else { return };
        if outgoing.progress == Progress::Silent {
            outgoing.progress = Progress::Heard;
        }
        if is_over {
            if outgoing.progress != Progress::Cancelled {
                self.cancel(now, key);
            }
            return;
        }
        // 199 says that one of several callees is out ([RFC 6228]): of no account before all are.
        if !self.heard_early(now, key, response) || response.status == 199 {
            return;
        }
        let Some(Phase::Outgoing(outgoing)) = self.calls.open(key).map(|call| &mut call.phase) else {
            return;
        };
        if (180..190).contains(&response.status) && outgoing.progress == Progress::Heard {
            outgoing.progress = Progress::Rang;
            self.tell(key, CallEvent::Ringing);
        }
    }

    /// What a callee says before it answers; false for what it has said already, or too early.
    fn heard_early(&mut self, now: Instant, key: CallKey, response: &Response<'_>) -> bool {
        let Some(place) = self.early_place(key, response) else { return true };
        let Some(call) = self.calls.of(key) else { return true };
        let Phase::Outgoing(Outgoing { early, offer, .. }) = &mut call.phase else { return true };
        let Some(early) = early.get_mut(place) else { return true };
        let rseq = reliable_number(response);
        if let Some(rseq) = rseq {
            // Copies, and what comes before its turn, get no PRACK (RFC 3262 §4).
            if early.rseq.is_some_and(|last| last.checked_add(1) != Some(rseq)) {
                return false;
            }
            early.rseq = Some(rseq);
        }
        let said = said_of_media(&mut early.session, offer.as_deref(), description(response), rseq.is_some());
        let answer = match &said {
            Said::Offered(answer, _) => Some(answer.clone()),
            Said::Unfit(answer, _) => answer.clone(),
            Said::Nothing | Said::Answered(_) => None,
        };
        if let Some(rseq) = rseq {
            let rack = format!("{rseq} {} INVITE", response.core.cseq);
            self.send_prack(now, key, place, &rack, answer.as_deref());
        }
        match said {
            Said::Answered(agreement) | Said::Offered(_, agreement) => {
                self.tell_media(key, response.core.to.tag().unwrap_or_default(), agreement);
            }
            Said::Unfit(_, why) if rseq.is_some() => {
                let text = why.warning().map_or("Malformed session description", |(_, text)| text).to_owned();
                self.end(now, key, CallEnd::NoAgreement, &Because { text, cause: 488, retry_after: None });
            }
            // What is only shown, and may be shown anew in the answer, is no reason to give up.
            Said::Unfit(..) | Said::Nothing => {}
        }
        true
    }

    /// The place of who sent a response among the callees; of one that is new, a new one.
    fn early_place(&mut self, key: CallKey, response: &Response<'_>) -> Option<usize> {
        let tag = response.core.to.tag()?;
        let call = self.calls.of(key)?;
        let Phase::Outgoing(outgoing) = &mut call.phase else { return None };
        let known = outgoing.early.iter().position(|early| early.dialog.remote_tag == tag);
        if known.is_some() {
            return known;
        }
        if outgoing.early.len() == EARLY_MAX {
            self.wire.tally.overloaded += 1;
            return None;
        }
        let mut dialog = call.dialog.clone();
        dialog.establish(response);
        outgoing.early.push(Early { dialog, session: call.session.clone(), rseq: None });
        Some(outgoing.early.len() - 1)
    }

    /// Acknowledges a reliable provisional response, within the dialog that it began.
    fn send_prack(&mut self, now: Instant, key: CallKey, place: usize, rack: &str, answer: Option<&[u8]>) {
        let Some(call) = self.calls.of(key) else { return };
        let Phase::Outgoing(outgoing) = &mut call.phase else { return };
        let Some(early) = outgoing.early.get_mut(place) else { return };
        early.dialog.local_cseq += 1;
        let dialog = early.dialog.clone();
        let Some(path) = self.way_to(now, &dialog) else { return };
        let branch = self.tokens.branch();
        let mut writer = dialog.request(Method::Prack, dialog.local_cseq, &self.via(&path, &branch));
        writer.header("RAck", &[rack.as_bytes()]);
        writer.header("User-Agent", &[self.config.user_agent.as_bytes()]);
        let request = writer.end(answer.map(|answer| (SDP, answer)));
        // The INVITE tells soon enough where nobody is there any more.
        let opening = ClientOpening {
            branch: &branch,
            method: Method::Prack,
            path,
            request,
            user: User::Prack(key, place),
        };
        self.ask(now, opening);
    }
}

/// Reads the description of a provisional response, against our offer or as theirs.
fn said_of_media(
    session: &mut Session,
    ours: Option<&[u8]>,
    described: Option<&[u8]>,
    is_reliable: bool,
) -> Said {
    let Some(described) = described.filter(|_| !session.is_agreed) else { return Said::Nothing };
    if let Some(ours) = ours {
        return match session.agree(ours, described) {
            Ok(agreement) => {
                session.is_agreed = is_reliable;
                Said::Answered(agreement)
            }
            Err(why) => Said::Unfit(None, why),
        };
    }
    if !is_reliable {
        return Said::Nothing;
    }
    match session.answer(described) {
        Ok((answer, agreement)) => {
            session.is_agreed = true;
            Said::Offered(answer, agreement)
        }
        Err(why) => Said::Unfit(session.decline(described), why),
    }
}
