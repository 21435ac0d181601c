//! Callers as they will be, drawn beforehand: when they dial, what they key, when they hang up.

use std::time::{Duration, Instant};

use partyline_call::{Arrival, Journey, Patience};
use partyline_conference::{AttendanceId, CodeMatch, ConferenceCode, Generation, Role, RoomId};

use crate::chance::Chance;
use crate::event::StreamIndex;

/// When faults end, and the last caller has dialled.
pub(crate) const CALM_AT: Duration = Duration::from_secs(60);
/// When all must have settled: a lease, an absence, a grace time and some more behind it.
pub(crate) const CHECK_AT: Duration = Duration::from_secs(150);
/// By then everybody has hung up.
pub(crate) const GONE_AT: Duration = Duration::from_secs(170);
/// When nothing may be left of anybody.
pub(crate) const END_AT: Duration = Duration::from_secs(260);

/// What a caller will do.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) dials_at: Duration,
    pub(crate) room: RoomId,
    pub(crate) role: Role,
    /// Dials the code instead of keying it.
    pub(crate) dials_code: bool,
    /// Keys a wrong code first.
    pub(crate) errs: bool,
    pub(crate) goes_at: Duration,
    /// Leaves by `#9#` and not by hanging up.
    pub(crate) by_keys: bool,
    pub(crate) vru: usize,
}

impl Plan {
    pub(crate) fn draw(chance: &mut Chance, rooms: usize, vrus: usize) -> Self {
        // Many dial on the hour; the rest when they like.
        let dials_at =
            if chance.percent(50) { chance.between_ms(10_000, 10_200) } else { chance.between_ms(0, 55_000) };
        let stays = match chance.below(3) {
            0 => chance.between_ms(0, 5_000),
            1 => chance.between_ms(5_000, 40_000),
            _ => Duration::from_secs(1_000),
        };
        let goes_at = dials_at + stays;
        let goes_at = if goes_at < CALM_AT { goes_at } else { CHECK_AT + chance.between_ms(100, 10_000) };
        Self {
            dials_at,
            room: room_id(chance.index(rooms)),
            role: if chance.percent(25) { Role::Host } else { Role::Participant },
            dials_code: chance.percent(40),
            errs: chance.percent(10),
            goes_at,
            by_keys: chance.percent(40),
            vru: chance.index(vrus),
        }
    }

    pub(crate) fn code(&self) -> String {
        let role = match self.role {
            Role::Host => 1,
            Role::Participant => 2,
        };
        format!("{:04}{role}", self.room.bits())
    }
}

pub(crate) const fn room_id(index: usize) -> RoomId {
    RoomId::from_bits(index as u128 + 1)
}

/// What a code selects: the room's number and a digit for the role, as [`Plan::code`] writes them.
pub(crate) fn selected(code: &ConferenceCode, rooms: usize) -> Option<(RoomId, Role)> {
    let (room, role) = code.reveal().split_at_checked(4)?;
    let room: usize = room.parse().ok()?;
    let role = match role {
        "1" => Role::Host,
        "2" => Role::Participant,
        _ => return None,
    };
    (1..=rooms).contains(&room).then(|| (room_id(room - 1), role))
}

/// One call at its VRU.
pub(crate) struct Call {
    pub(crate) plan: Plan,
    pub(crate) attendance: AttendanceId,
    pub(crate) journey: Option<Journey>,
    /// What the VRU knows of its Attend stream; `None` before admission is asked for.
    pub(crate) client: Option<Client>,
    pub(crate) is_over: bool,
    pub(crate) woken_at: Option<Instant>,
    /// RPCs of one call to mixers are in order.
    pub(crate) mixer_free_at: Duration,
}

/// The VRU's end of an attendance.
#[derive(Debug, Default)]
pub(crate) struct Client {
    pub(crate) generation: Generation,
    pub(crate) stream: Option<StreamIndex>,
    pub(crate) joined: Option<(partyline_conference::MixId, partyline_conference::Epoch)>,
    pub(crate) left: Option<partyline_conference::LeaveReason>,
    /// The CMS has said the last word.
    pub(crate) is_done: bool,
}

impl Call {
    pub(crate) fn new(plan: Plan, attendance: AttendanceId) -> Self {
        Self {
            plan,
            attendance,
            journey: None,
            client: None,
            is_over: false,
            woken_at: None,
            mixer_free_at: Duration::ZERO,
        }
    }

    pub(crate) fn begin(&mut self, now: Instant) {
        let arrival = match ConferenceCode::parse(&self.plan.code()) {
            Ok(code) if self.plan.dials_code => Arrival::Code { code, host_pin: None },
            Ok(_) | Err(_) => Arrival::Service { room: None },
        };
        self.journey = Some(Journey::new(now, Patience::default(), arrival));
    }

    /// Whether the caller is on the line, has been let in and not been told to go.
    pub(crate) fn attends(&self) -> bool {
        !self.is_over && self.client.as_ref().is_some_and(|client| !client.is_done && client.left.is_none())
    }
}

/// What a VRU reads from the store about a code.
pub(crate) fn code_match(room: &partyline_conference::Room, role: Role) -> CodeMatch {
    CodeMatch {
        room: room.id,
        account: room.account,
        role,
        pin_needed: false,
        is_locked: false,
        announce: room.announce,
        no_rtp_max: room.no_rtp_max,
        call_max: room.call_max,
        wait_max: room.wait_max,
    }
}
