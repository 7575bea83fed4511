//! `ipc signal`: waiting for signals, and what processes do about them.

use super::verbs::verbs;

mod explain;
mod ls;
mod wait;

verbs! {
    /// The verbs of signals.
    "signal" {
        "wait" => wait::Wait,
        "ls" | "list" => ls::Ls,
        "explain" => explain::Explain,
    }
}
