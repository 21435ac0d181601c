//! What a running server answers on its admin socket.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::orders;
use super::role_set::{RoleError, RoleSet};
use super::trunk_calls::{self, Wanted};
use crate::admin::{Answers, Request, Response};

/// Answers for one server.
pub(crate) struct Administration {
    pub(crate) roles: Arc<RoleSet>,
    pub(crate) http: SocketAddr,
}

impl Administration {
    async fn status(&self) -> Value {
        let sip = self.roles.sip_addresses().await;
        let tls = self.roles.tls_addresses().await;
        json!({
            "pid": std::process::id(),
            "version": env!("CARGO_PKG_VERSION"),
            "sip": sip.iter().map(SocketAddr::to_string).collect::<Vec<_>>(),
            "sip_tls": tls.iter().map(SocketAddr::to_string).collect::<Vec<_>>(),
            "http": [self.http.to_string()],
            "media_io": self.media_io(),
        })
    }

    /// What media threads do their I/O by now, and why not all of them by io_uring where that was wanted.
    fn media_io(&self) -> Value {
        let engine = &self.roles.parts().engine;
        let stats = engine.stats();
        json!({
            "wanted": engine.io().kind.as_str(),
            "fallback": engine.io().fallback.as_ref().map(ToString::to_string),
            "threads": stats.threads,
            "io_uring_threads": stats.ring_threads,
        })
    }

    async fn carry_out(&self, request: Request, heard: mpsc::Sender<Value>) -> Result<Value, String> {
        let told = |error: RoleError| error.to_string();
        match request {
            Request::Status => Ok(self.status().await),
            Request::Roles => Ok(self.roles.list().await),
            Request::StopRole { name } => self.roles.stop(&name).await.map_err(told),
            Request::StartRole { name } => self.roles.start(&name).await.map_err(told),
            Request::RoleLog { name, limit } => self.roles.log(&name, limit as usize).await.map_err(told),
            Request::Trunks => Ok(self.roles.trunks().await),
            Request::Sources { limit } => Ok(self.roles.sources(limit as usize).await),
            Request::Order { order } => orders::carry_out(&self.roles, &order).await,
            Request::TrunkCall { number, trunk, from, prompt, seconds } => {
                let dialler = self.roles.dialler().await.ok_or("no VRU runs")?;
                let wanted = Wanted { number, trunk, from, prompt, seconds };
                trunk_calls::call(dialler, wanted, &heard).await
            }
        }
    }
}

impl Answers for Administration {
    async fn answer(&self, request: Request, heard: mpsc::Sender<Value>) -> Response {
        match self.carry_out(request, heard).await {
            Ok(value) => Response::Done(value),
            Err(why) => Response::Refused(why),
        }
    }
}
