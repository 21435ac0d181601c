//! A host and some participants who hear each other, entered one after the other.

use std::time::Duration;

use crate::{Party, Phone, RoomCodes, Server, all_hear_each_other};

/// Everybody is silent below this.
const HUSHED_DBOV: f32 = -60.0;

/// A conference of a host, who entered first, and participants, in order of entry.
#[derive(Debug)]
pub struct Meeting {
    /// The server and the bench.
    pub party: Party,
    /// The room's codes.
    pub codes: RoomCodes,
    /// The host.
    pub host: Phone,
    /// The participants.
    pub guests: Vec<Phone>,
}

impl Meeting {
    /// A meeting with so many participants in a room with these settings (`--entry start` beside them).
    ///
    /// # Errors
    /// When somebody does not get in, or does not hear the others.
    pub async fn of(guests: usize, settings: &[&str]) -> anyhow::Result<Self> {
        Self::at(Party::start().await?, guests, settings).await
    }

    /// The same at this party.
    ///
    /// # Errors
    /// When somebody does not get in, or does not hear the others.
    pub async fn at(party: Party, guests: usize, settings: &[&str]) -> anyhow::Result<Self> {
        let codes = party.server.create_room("board", &[&["--entry", "start"], settings].concat())?;
        let host = party.key_code(&codes.host).await?;
        let mut meeting = Self { party, codes, host, guests: Vec::new() };
        meeting.joined(1).await?;
        for nth in 0..guests {
            let guest = meeting.party.key_code(&meeting.codes.participant).await?;
            meeting.guests.push(guest);
            meeting.joined(nth as i64 + 2).await?;
        }
        all_hear_each_other(&meeting.phones()).await?;
        Ok(meeting)
    }

    /// The server.
    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.party.server
    }

    /// Everybody's telephones, the host's first.
    #[must_use]
    pub fn phones(&self) -> Vec<&Phone> {
        std::iter::once(&self.host).chain(&self.guests).collect()
    }

    /// Waits until so many are joined.
    ///
    /// # Errors
    /// When they are not.
    pub async fn joined(&self, count: i64) -> anyhow::Result<()> {
        self.server().wait_count("conferee", "state = 'joined'", count).await
    }

    /// Nobody sends a tone any more, and nobody hears anything.
    ///
    /// # Errors
    /// When somebody still hears something.
    pub async fn hush(&self) -> anyhow::Result<()> {
        for phone in self.phones() {
            phone.call.set_tone(None);
        }
        for phone in self.phones() {
            phone.call.wait_quieter(HUSHED_DBOV, Duration::from_secs(1)).await?;
        }
        Ok(())
    }

    /// Everybody sends their tone again.
    pub fn speak(&self) {
        for phone in self.phones() {
            phone.call.set_tone(Some(phone.tone_hz));
        }
    }

    /// All hear each other, once whatever was spoken to anybody is over.
    ///
    /// # Errors
    /// When somebody does not hear somebody.
    pub async fn all_hear_each_other(&self) -> anyhow::Result<()> {
        self.hush().await?;
        self.speak();
        all_hear_each_other(&self.phones()).await
    }

    /// The host presses keys, of which the server says by a row that they had their effect, and hears the answer to its
    /// end: so what they were told last is what holds.
    ///
    /// # Errors
    /// When the row or the answer does not come.
    pub async fn host_keys(&self, keys: &str, table: &str, condition: &str) -> anyhow::Result<()> {
        self.host.call.send_digits(keys);
        self.server().wait_count(table, condition, 1).await?;
        self.host.wait_spoken_to().await?;
        self.host.call.wait_quieter(HUSHED_DBOV, Duration::from_secs(1)).await?;
        Ok(())
    }
}
