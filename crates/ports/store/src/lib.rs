//! The data store: accounts, rooms, attendances, conferences, conferees, mixers, records.
//!
//! One trait pair, [`StoreReader`] (all that a VRU or the console needs) and [`Store`]; SQLite or PostgreSQL behind
//! it; one conformance suite for both. It knows no rules, RPC or SIP: it carries out
//! the [`partyline_conference::Change`]s of a decision in one transaction against a room version.
//!
//! Layers, bottom up: `cells` (values, rows), `session` (PostgreSQL's connection), `db` (either connection: the one
//! place that knows which database it is), `rows`, `words`,
//! `events` (rows as values of the domain), one file per concern with its queries, `writer` and
//! `readers` (a SQLite file: one writer that groups commits), `postgres` (a server: pool, commits, signals), `store` (the
//! store itself).
//!
//! **Invariant:** a commit is applied whole, events included, on exactly the version it was decided on,
//! or not at all; one room never has two live conferences (a partial unique index besides).

mod cells;
mod check;
mod commit;
mod contract;
mod control;
mod copy;
mod db;
mod events;
mod history;
mod keys;
mod leases;
mod leftovers;
mod mixes;
mod names;
mod open;
mod outdials;
mod pin;
mod postgres;
mod quality;
mod readers;
mod records;
mod rooms;
mod roster;
mod rows;
mod schema;
mod seats;
mod session;
mod snapshot;
mod store;
mod touched;
mod trunks;
mod views;
mod words;
mod writer;

pub use check::Inventory;
pub use contract::{
    ChangeSignal, CommitError, EventPage, RoomChange, RoomCommit, Store, StoreError, StoreReader, Touched,
};
pub use copy::{Copied, CopyError};
pub use keys::{LookupKey, LookupKeys, LookupKeysError};
pub use open::OpenError;
pub use postgres::{ConnectError, PostgresSettings, PostgresTls, PostgresUrl, PostgresUrlError};
pub use records::{
    Attempt, ConfereeRecord, ConferenceFilter, ConferenceRecord, InterfaceServerLease, MixerLease, NewRoom,
    OutdialRecord, Retention, RoomChanges, RoomSummary, StoredTrunk, VoiceChange, VruLease,
};
pub use store::SqlStore;
