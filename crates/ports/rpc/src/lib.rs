//! The contract between roles: generated gRPC, conversion to core types, tickets, connections.
//!
//! It holds no rules. **Invariant:** generated types stop here and in the shells of the roles; what
//! reaches a brain is a core type, parsed once.

/// What `proto/` generates.
#[expect(missing_docs, unreachable_pub, clippy::allow_attributes_without_reason, clippy::too_many_lines, clippy::wildcard_enum_match_arm, reason = "generated")]
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
