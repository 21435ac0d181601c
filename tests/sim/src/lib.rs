//! The brains in virtual time, against a small model.
