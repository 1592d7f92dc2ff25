//! Signals hold the run: a statement that is being executed is not interrupted, and nothing new begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Turns an interrupt, a hang-up and a request to terminate into a hold; then the executor leaves when it may.
pub fn hold_on_signal(hold: &mpsc::Sender<(String, String)>, leaving: &Arc<AtomicBool>) {
    for (kind, name) in [
        (SignalKind::interrupt(), "an interrupt"),
        (SignalKind::hangup(), "a hang-up"),
        (SignalKind::terminate(), "a request to terminate"),
    ] {
        let (hold, leaving) = (hold.clone(), Arc::clone(leaving));
        let Ok(mut signals) = signal(kind) else { continue };
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                leaving.store(true, Ordering::SeqCst);
                if hold.send((name.to_owned(), "the terminal or the process ended".to_owned())).await.is_err() {
                    return;
                }
            }
        });
    }
}
