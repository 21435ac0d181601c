//! Why a server did not start, and what to do.

use std::io;
use std::net::SocketAddr;

use crate::doctor::network::advice_on;

/// A server did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// An address can't be listened on.
    #[error("{what} can't listen on {address}: {error}; {advice}")]
    Listen {
        /// `SIP` or `HTTP`.
        what: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
        /// What to do.
        advice: String,
    },
    /// Media can't go as the settings want.
    #[error("the media engine can't start: {error}; {advice}")]
    Media {
        /// What it said.
        error: partyline_engine::StartError,
        /// What to do.
        advice: &'static str,
    },
    /// A role failed.
    #[error("the role {name} can't start: {error:#}")]
    Role {
        /// The role.
        name: String,
        /// What it said.
        error: anyhow::Error,
    },
}

impl StartError {
    /// Whether something else holds what we need.
    pub(crate) fn is_taken(&self) -> bool {
        match self {
            Self::Listen { error, .. } => error.kind() == io::ErrorKind::AddrInUse,
            Self::Media { .. } | Self::Role { .. } => false,
        }
    }

    fn listen(what: &'static str, address: SocketAddr, error: io::Error) -> Self {
        let advice = advice_on(address, &error);
        Self::Listen { what, address, error, advice }
    }

    /// The HTTP listener failed.
    pub(crate) fn http(error: partyline_console::StartError) -> Self {
        let partyline_console::StartError::Listen { address, source } = error;
        Self::listen("HTTP", address, source)
    }

    /// The media engine failed.
    pub(crate) fn media(error: partyline_engine::StartError) -> Self {
        let advice = match &error {
            partyline_engine::StartError::Ports { .. } => "give it another range: rtp.ports in the settings",
            partyline_engine::StartError::Thread(_) => {
                "raise what limits the number of threads (`ulimit -u`, TasksMax of the systemd unit)"
            }
            partyline_engine::StartError::IoUring(_) => "allow it, or set rtp.io to \"auto\" or \"plain\"",
        };
        Self::Media { error, advice }
    }

    /// A VRU failed.
    pub(crate) fn vru(name: &str, error: partyline_vru::StartError) -> Self {
        match error {
            partyline_vru::StartError::Bind { address, error } => Self::listen("SIP", address, error),
            error @ (partyline_vru::StartError::NoAddress
            | partyline_vru::StartError::Thread(_)
            | partyline_vru::StartError::Certificate(_)) => Self::role(name, error),
        }
    }

    /// Another role failed.
    pub(crate) fn role(name: &str, error: impl Into<anyhow::Error>) -> Self {
        Self::Role { name: name.to_owned(), error: error.into() }
    }
}
