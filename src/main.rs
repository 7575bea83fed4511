//! The `ipc` command. Everything is in the library.
#![no_main]

ipc::entry!(ipc::cli::main);
