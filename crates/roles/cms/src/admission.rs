//! The door: what a hello's code selects, looked up again whatever the VRU found.

use partyline_conference::{
    AttemptId, Command, ConferenceCode, Generation, HostPin, Intent, Refusal, Role, RoomId, Standing,
};
use partyline_rpc::conferencing::{CommandOrder, Hello};
use partyline_store::{Attempt, StoreError};

use crate::clock;
use crate::office::Office;

/// Where a hello leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// To a room's rules, in a role.
    Room(RoomId, Role),
    /// To the rules of a room that has had them called.
    Called(RoomId),
    /// Nowhere.
    Refused(Refusal),
}

impl Office {
    /// Looks up a hello's code and PIN. Who is known already resumes where they are, even if the code was changed or
    /// given to another room meanwhile.
    pub(crate) async fn admit(&self, hello: &Hello) -> Result<Admission, StoreError> {
        let Some(code) = &hello.code else {
            return self.admit_callee(hello).await;
        };
        if hello.generation > Generation(1)
            && let Some(admitted) = self.resumed(hello).await?
        {
            return Ok(admitted);
        }
        let refused = match self.select(hello, code).await? {
            admitted @ (Admission::Room(..) | Admission::Called(_)) => return Ok(admitted),
            Admission::Refused(refusal) => refusal,
        };
        if let Some(admitted) = self.resumed(hello).await? {
            return Ok(admitted);
        }
        tracing::info!(attendance = %hello.attendance, vru = %hello.vru, refusal = refused.as_str(), "refused");
        self.record_refusal(hello, refused).await?;
        Ok(Admission::Refused(refused))
    }

    /// Where a known caller is.
    async fn resumed(&self, hello: &Hello) -> Result<Option<Admission>, StoreError> {
        let known = self.store.views(&[hello.attendance]).await?.pop();
        Ok(known.map(|view| Admission::Room(view.room, role_of(&view.standing))))
    }

    /// Where who was called goes: to the room of the outdial, over or not. Without one there is none to tell them from.
    async fn admit_callee(&self, hello: &Hello) -> Result<Admission, StoreError> {
        let room = self.store.room_of_outdial(hello.attendance).await?;
        Ok(room.map_or(Admission::Refused(Refusal::Unavailable), Admission::Called))
    }

    async fn select(&self, hello: &Hello, code: &ConferenceCode) -> Result<Admission, StoreError> {
        let Some(found) = self.store.look_up_code(code).await? else {
            return Ok(Admission::Refused(Refusal::UnknownCode));
        };
        if found.pin_needed {
            let is_right = match &hello.host_pin {
                Some(pin) => self.store.is_host_pin(found.room, pin).await?,
                None => false,
            };
            if !is_right {
                return Ok(Admission::Refused(Refusal::WrongPin));
            }
        }
        Ok(Admission::Room(found.room, found.role))
    }

    /// What a command asks of its room. A code that should make somebody a host is looked up here: the rules learn
    /// whether it does, and never the code. A wrong one is a guess, and goes on record as one.
    pub(crate) async fn intent_of(&self, order: CommandOrder) -> Result<Intent, StoreError> {
        let CommandOrder { id, room, by, command } = order;
        let (Some(by), Command::BecomeHost { code, pin }) = (by, &command) else {
            return Ok(Intent::Command { id, by, command });
        };
        let wrong = self.why_no_host(room, code, pin.as_ref()).await?;
        if let Some(refusal) = wrong
            && let Some(view) = self.store.views(&[by]).await?.pop()
        {
            let attempt = Attempt {
                // A command that is repeated is recorded once.
                id: AttemptId::from_bits(id.bits()),
                at: clock::now(),
                refusal,
                caller_number: view.caller.number,
                dnis: String::new(),
                source: String::new(),
                vru: view.vru,
                room: Some(room),
            };
            self.store.record_attempts(&[attempt]).await?;
        }
        Ok(Intent::BecomeHost { id, by, is_right: wrong.is_none() })
    }

    async fn why_no_host(
        &self,
        room: RoomId,
        code: &ConferenceCode,
        pin: Option<&HostPin>,
    ) -> Result<Option<Refusal>, StoreError> {
        let found = self.store.look_up_code(code).await?;
        let Some(found) = found.filter(|found| found.room == room && found.role == Role::Host) else {
            return Ok(Some(Refusal::UnknownCode));
        };
        if !found.pin_needed {
            return Ok(None);
        }
        let is_right = match pin {
            Some(pin) => self.store.is_host_pin(room, pin).await?,
            None => false,
        };
        Ok((!is_right).then_some(Refusal::WrongPin))
    }

    async fn record_refusal(&self, hello: &Hello, refusal: Refusal) -> Result<(), StoreError> {
        let attempt = Attempt {
            // The attendance is unique; a hello that is repeated is recorded once.
            id: AttemptId::from_bits(hello.attendance.bits()),
            at: clock::now(),
            refusal,
            caller_number: hello.caller.number.clone(),
            dnis: String::new(),
            source: String::new(),
            vru: hello.vru.clone(),
            room: None,
        };
        self.store.record_attempts(&[attempt]).await
    }
}

/// The rules keep the role that a known attendance has; this one only fills the request.
const fn role_of(standing: &Standing) -> Role {
    match standing {
        Standing::Placed { role, .. } => *role,
        Standing::Held
        | Standing::InWaitingRoom
        | Standing::ConnectedForNow(_)
        | Standing::Aside(_)
        | Standing::Refused(_)
        | Standing::Removed(_) => Role::Participant,
    }
}
