//! One caller's journey, from the greeting to the goodbye.
