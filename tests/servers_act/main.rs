//! Acting on real servers of both flavours: what is sent, what is not, and what is found after a lost answer.

mod copying;
mod doubt;
mod killing;
mod signed;
mod stage;
mod statements;
