//! The HTTP listener: readiness, health, metrics.
