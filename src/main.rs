//! The `ipc` command. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ipc::cli::main()
}
