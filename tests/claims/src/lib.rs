//! End-to-end tests of the claims, over real SIP and RTP.
