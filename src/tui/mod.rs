//! The screens: a fold of journal records, last live values and what the person at the keyboard does.
//!
//! [`model::update`] takes one [`model::Msg`] and answers with [`model::Action`]s; [`draw::draw`] shows a model.
//! Neither has a clock, touches a server or calls the executor: what a person wants leaves as an action, which the
//! caller signs and puts into the inbox. Only [`terminal`] and [`screen`] have effects.

pub mod draw;
pub mod field;
#[cfg(test)]
pub(crate) mod fixture;
pub mod history;
pub mod keymap;
pub mod model;
pub mod review;
pub mod screen;
pub mod status;
pub mod summary;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod theme;
pub mod ui;
pub mod update;
pub mod words;
