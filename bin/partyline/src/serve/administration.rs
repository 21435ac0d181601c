//! What a running server answers on its admin socket.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::role_set::{RoleError, RoleSet};
use crate::admin::{Answers, Request, Response};

/// Answers for one server.
pub(crate) struct Administration {
    pub(crate) roles: Arc<RoleSet>,
    pub(crate) http: SocketAddr,
}

impl Administration {
    async fn status(&self) -> Value {
        let sip = self.roles.sip_addresses().await;
        json!({
            "pid": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "sip": sip.iter().map(SocketAddr::to_string).collect::<Vec<_>>(),
            "http": [self.http.to_string()],
        })
    }

    async fn carry_out(&self, request: Request) -> Result<Value, RoleError> {
        match request {
            Request::Status => Ok(self.status().await),
            Request::Roles => Ok(self.roles.list().await),
            Request::StopRole { name } => self.roles.stop(&name).await,
            Request::StartRole { name } => self.roles.start(&name).await,
            Request::RoleLog { name, limit } => self.roles.log(&name, limit as usize).await,
        }
    }
}

impl Answers for Administration {
    async fn answer(&self, request: Request) -> Response {
        match self.carry_out(request).await {
            Ok(value) => Response::Done(value),
            Err(error) => Response::Refused(error.to_string()),
        }
    }
}
