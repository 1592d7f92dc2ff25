//! What people see and what their keys do, over modelled incidents.

mod keys;
mod newcomer;
mod pictures;
mod scenes;
mod writes;
