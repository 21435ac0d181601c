//! The contract between roles: generated gRPC, conversion to core types, tickets, connections.
//!
//! It holds no rules. **Invariant:** generated types stop here and in the shells of the roles; what
//! reaches a brain is a core type, parsed once.

pub mod address;
pub mod clients;
mod codec;
pub mod conversion;
pub mod limits;
pub mod network;
pub mod rpc_log;
pub mod serve;
pub mod services;

pub mod text;
pub mod ticket;

pub use address::{Address, AddressError};
pub use conversion::{ParseError, conferencing, leases, mixing};
pub use network::{Connection, Incoming, ListenError, Network, Peer};
pub use rpc_log::{RpcLog, RpcLogLayer, RpcRecord};
pub use serve::{STOP_GRACE, Serving, serve};
pub use ticket::{CLOCK_SKEW_MAX, LegName, TICKET_LIFE, Ticket, TicketError, TicketSigner, TicketVerifier};

/// What `proto/` generates.
#[expect(
    missing_docs,
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    clippy::too_many_lines,
    reason = "generated"
)]
pub mod generated {
    pub mod conferencing {
        tonic::include_proto!("partyline.conferencing.v1");
    }
    pub mod linetest {
        tonic::include_proto!("partyline.linetest.v1");
    }
    pub mod mixing {
        tonic::include_proto!("partyline.mixing.v1");
    }
}
