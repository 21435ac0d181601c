//! An interface server of the line test service.
