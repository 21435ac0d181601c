//! The proxy server: forwards a request to the interface server of its service with the fewest pending.
