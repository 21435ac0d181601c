//! An interface server of the conference management system.
