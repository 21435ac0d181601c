//! A SIP user agent and load maker: tone callers, digits, who hears whom.
