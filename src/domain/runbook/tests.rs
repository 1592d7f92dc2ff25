//! Behaviour of reading and resolving.
