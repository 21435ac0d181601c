//! The store on a PostgreSQL server that goes away: restarts, lost answers, a failover, other processes, TLS, and how a
//! file comes there.

#![expect(clippy::unwrap_used, reason = "a test whose scene can't be set up fails there and then")]

#[path = "server/cut.rs"]
mod cut;
#[path = "server/moving.rs"]
mod moving;
#[path = "server/others.rs"]
mod others;
#[path = "server/outage.rs"]
mod outage;
#[path = "server/scene.rs"]
mod scene;
#[path = "server/secret.rs"]
mod secret;
