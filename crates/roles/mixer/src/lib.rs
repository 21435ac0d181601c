//! A mixer: control of the mixes of the media engine.
