//! The loop that carries inputs to `decide` and effects to the world. It takes no decision on domain data.

pub mod ports;
