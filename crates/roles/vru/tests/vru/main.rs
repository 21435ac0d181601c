//! A VRU from outside: real SIP over loopback on one side, a scripted CMS and mixer on the other.
#![allow(clippy::unwrap_used, reason = "a test that can not go on may fail loudly")]

mod callee;
mod calls;
mod cluster;
mod dialling;
mod hosts;
mod names;
mod phone;
mod registering;
mod secured;
mod store;
mod tls;
mod trunks;
mod ways;
