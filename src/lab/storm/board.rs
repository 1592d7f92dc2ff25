//! Where the clients of one process write down what happens to them.

use std::sync::{Arc, Mutex, PoisonError};

use super::report::{ClientReport, Role};

/// All clients that have come so far. Shared; every change is one short look at a list.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Vec<ClientReport>>>);

/// One client's line on the board.
#[derive(Debug, Clone)]
pub struct Line {
    board: Board,
    place: usize,
}

impl Board {
    pub fn add(&self, role: Role, number: u32) -> Line {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(ClientReport::new(role, number));
        Line { board: self.clone(), place: all.len() - 1 }
    }

    pub fn clients(&self) -> Vec<ClientReport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The connection of the first client of a role; 0 while it has none.
    pub fn connection(&self, role: Role) -> u32 {
        self.clients().into_iter().find(|client| client.role == role).map_or(0, |client| client.connection)
    }
}

impl Line {
    pub fn change(&self, change: impl FnOnce(&mut ClientReport)) {
        let mut all = self.board.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = all.get_mut(self.place) {
            change(client);
        }
    }
}
