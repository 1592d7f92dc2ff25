//! The exit codes: part of the interface, the same for every command, listed in `docs/exit-codes.md`.

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok,
    Error,
    Usage,
    Findings,
    Refused,
    Approval,
    Drift,
    Failed,
    Unknown,
    Unreachable,
    Busy,
    Tampered,
    Aborted,
    Waiting,
    Held,
}

impl Exit {
    pub const ALL: [Self; 15] = [
        Self::Ok,
        Self::Error,
        Self::Usage,
        Self::Findings,
        Self::Refused,
        Self::Approval,
        Self::Drift,
        Self::Failed,
        Self::Unknown,
        Self::Unreachable,
        Self::Busy,
        Self::Tampered,
        Self::Aborted,
        Self::Waiting,
        Self::Held,
    ];

    pub const fn code(self) -> u8 {
        self as u8
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Usage => "usage",
            Self::Findings => "findings",
            Self::Refused => "refused",
            Self::Approval => "approval",
            Self::Drift => "drift",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Unreachable => "unreachable",
            Self::Busy => "busy",
            Self::Tampered => "tampered",
            Self::Aborted => "aborted",
            Self::Waiting => "waiting",
            Self::Held => "held",
        }
    }
}
