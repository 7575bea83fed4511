//! `ipc sock`: unix sockets between separate processes.

use std::path::PathBuf;

use crate::sandbox::{Running, Sandbox};

mod answers;
mod confirmation;
mod crash;
mod descriptors;
mod errors;
mod hostile;
mod looks;
mod peers;
mod serve;
mod store;
mod strangers;
mod talk;
mod unreachable;

/// The file of a socket that has a name.
fn file_of(sb: &Sandbox, name: &str) -> PathBuf {
    let file = format!("sock.{}", sb.full(name));
    sb.folder().join("run").join(file)
}

/// A server of packets that gives each back.
fn echoing(sb: &Sandbox, name: &str) -> Running {
    let serve = ["sock", "serve", name, "--type", "seqpacket", "-t", "30s"];
    sb.ipc(serve.iter().chain(&["--", "cat"])).start()
}

/// What is in the runtime folder.
fn left(sb: &Sandbox) -> Vec<String> {
    let entries = std::fs::read_dir(sb.folder().join("run"));
    let entries = entries.into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Bytes that do not repeat where a copy could go wrong unnoticed.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_ne_bytes());
    }
    bytes.truncate(length);
    bytes
}
