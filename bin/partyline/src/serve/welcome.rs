//! What a server says once calls are taken.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use partyline_conference::RoomName;
use partyline_store::{Store, StoreReader};
use serde_json::{Value, json};

use crate::answer;
use crate::config::Config;
use crate::data_dir::DataDir;
use crate::doctor::network::told_address;
use crate::rooms::{self, Codes};

/// The room that the first start makes.
const DEMO: &str = "demo";
/// The port that a SIP address needs not name. [RFC 3261 §19.1.2]
const SIP_PORT: u16 = 5060;

/// Makes the room of the first start; where an earlier try made it and could not tell its codes, gives it new ones.
pub(crate) async fn make_demo_room(store: &dyn Store) -> anyhow::Result<Codes> {
    let name = RoomName::new(DEMO).expect("the word is a name");
    if let Some(made) = store.room_named(&name).await? {
        return rooms::renew_codes(store, &made.room).await;
    }
    let mut room = rooms::default_room(name);
    // Who tries it out alone should get in with either code.
    room.entry = partyline_conference::EntryPolicy::Start;
    let (_, codes) = rooms::make(store, room, None, None, None).await?;
    Ok(codes)
}

/// Everything that is said.
pub(crate) struct Welcome {
    pub(crate) config: Arc<Config>,
    pub(crate) data_dir: DataDir,
    pub(crate) sip: Vec<SocketAddr>,
    pub(crate) http: SocketAddr,
    /// The demo room's, on the first start.
    pub(crate) codes: Option<Codes>,
    pub(crate) as_json: bool,
}

impl Welcome {
    /// Says it on standard output.
    pub(crate) async fn say(&self, store: &dyn StoreReader) {
        let rooms = store.rooms().await.map_or(0, |rooms| rooms.len());
        let text = if self.as_json { format!("{}\n", self.json(rooms)) } else { self.text(rooms) };
        if let Err(error) = answer::print(&text) {
            tracing::warn!(%error, "the welcome can't be printed");
            return;
        }
        if self.codes.is_some()
            && let Err(error) = self.data_dir.end_first_start()
        {
            tracing::warn!(%error, "the end of the first start can't be noted: the next start gives new codes");
        }
    }

    fn host(&self) -> String {
        let port = self.sip.first().map_or(SIP_PORT, SocketAddr::port);
        let host = match told_address(&self.config) {
            Some(IpAddr::V6(v6)) => format!("[{v6}]"),
            Some(IpAddr::V4(v4)) => v4.to_string(),
            None => "127.0.0.1".to_owned(),
        };
        if port == SIP_PORT { host } else { format!("{host}:{port}") }
    }

    /// How a command on this data directory is typed.
    fn command(&self, words: &str) -> String {
        let dir = self.config.data_dir.display().to_string();
        if dir == "./partyline-data" {
            format!("partyline {words}")
        } else {
            format!("partyline {words} --data-dir {dir}")
        }
    }

    fn text(&self, rooms: usize) -> String {
        let host = self.host();
        let lists = match &self.codes {
            Some(codes) => format!(
                "\n  A room \"{DEMO}\" was made:\n\
                 \x20   host code         {host_code}\n\
                 \x20   participant code  {participant_code}\n\
                 \x20 The codes are shown this once, and kept as hashes.\n\
                 \nNext steps\n\
                 \x20 1. Call sip:{host} with any SIP phone, key a code and #; or dial a code: sip:{host_code}@{host}\n\
                 \x20 2. Let somebody else call with the other code. Leave with #9#, or hang up.\n\
                 \x20 3. Make a room of your own: {create}\n\
                 \x20 4. See what is wrong or missing: {doctor}\n\
                 \x20    New codes for this room: {codes}\n",
                host_code = codes.host.reveal(),
                participant_code = codes.participant.reveal(),
                create = self.command("room create NAME"),
                doctor = self.command("doctor"),
                codes = self.command("room set demo --new-codes"),
            ),
            None => format!(
                "  Rooms    {rooms} ({list})\n  Lost a code? {codes}\n",
                list = self.command("room list"),
                codes = self.command("room set NAME --new-codes"),
            ),
        };
        format!(
            "Partyline is ready.\n\n  Call     sip:{host}\n  Test     sip:linetest@{host}\n  Health   http://{}/readyz\n{lists}",
            self.http
        )
    }

    fn json(&self, rooms: usize) -> Value {
        let mut json = json!({
            "ready": true,
            "pid": std::process::id(),
            "sip": self.sip.iter().map(SocketAddr::to_string).collect::<Vec<_>>(),
            "call": format!("sip:{}", self.host()),
            "http": self.http.to_string(),
            "rooms": rooms,
        });
        if let Some(codes) = &self.codes {
            json["demo"] = json!({
                "host_code": codes.host.reveal(),
                "participant_code": codes.participant.reveal(),
            });
        }
        json
    }
}
