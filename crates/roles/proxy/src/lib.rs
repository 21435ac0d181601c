//! The proxy server: forwards a request to the interface server of its service with the fewest pending.
//!
//! It reads which service a request is for from its path, never from its body, which it forwards undecoded. It holds no
//! rules, audio or state that matters: any gRPC proxy with least-request balancing can stand in for it.
//!
//! **Invariant:** a request is sent to at most one interface server that may have begun to process it, and each
//! request is answered in bounded time.

mod backend;
mod balance;
mod config;
mod directory;
mod ejection;
mod forward;
mod server;

pub use config::Config;
pub use server::{ProxyServer, StartError};
