//! Sockets, port ranges and the clock of the media loop: the one place with platform code.
