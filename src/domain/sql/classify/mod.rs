//! x
pub struct Classified; pub fn classify() {}
