//! What is answered under which path.

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use partyline_telemetry::{Health, HealthReport, Metrics};
use serde_json::json;

#[derive(Debug, Clone)]
struct Sources {
    health: Health,
    metrics: Metrics,
}

pub(crate) fn router(health: Health, metrics: Metrics) -> Router {
    Router::new()
        .route("/readyz", get(readyz))
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics_text))
        .layer(DefaultBodyLimit::max(1024))
        .with_state(Sources { health, metrics })
}

/// 200 while calls are taken; else 503, and why.
async fn readyz(State(sources): State<Sources>) -> Response {
    let report = sources.health.report();
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness(&report))).into_response()
}

fn readiness(report: &HealthReport) -> serde_json::Value {
    let reasons: Vec<_> = report
        .failing
        .iter()
        .map(|failing| json!({ "check": failing.check, "reason": failing.reason }))
        .collect();
    json!({ "ready": report.is_ready(), "fine": report.fine, "reasons": reasons })
}

/// 200 while the process answers at all.
async fn healthz() -> Json<serde_json::Value> {
    std::future::ready(Json(json!({ "alive": true }))).await
}

async fn metrics_text(State(sources): State<Sources>) -> Response {
    let text = std::future::ready(sources.metrics.render()).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_names_every_reason() {
        let health = Health::new();
        let _ports = health.check("ports", "5060 is taken");
        let clock = health.check("clock", "unknown");
        clock.is_fine();
        assert_eq!(
            readiness(&health.report()),
            json!({
                "ready": false,
                "fine": ["clock"],
                "reasons": [{ "check": "ports", "reason": "5060 is taken" }],
            })
        );
    }
}
