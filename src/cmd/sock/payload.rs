//! What is to be sent: words, a file, or standard input, as a descriptor.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;

use clap::Args;
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::cmd::context;
use crate::cmd::options::checked_file;
use crate::error::{Error, ErrorKind, Result};
use crate::sys::startup;

/// Bytes from the command line, a file or standard input.
#[derive(Debug, Clone, Args)]
pub(super) struct Payload {
    /// The bytes; - or none at all is standard input
    #[arg(id = "data", value_name = "DATA")]
    words: Vec<OsString>,

    /// Take the bytes from FILE
    #[arg(long, short, value_name = "FILE", conflicts_with = "data")]
    file: Option<PathBuf>,
}

/// Where the bytes are.
pub(super) enum Source {
    Words(Vec<Vec<u8>>),
    File(File),
    Input,
}

impl Payload {
    pub(super) fn open(&self) -> Result<Source> {
        let is_dash = self.words == ["-"] || self.words.is_empty();
        match &self.file {
            Some(path) if path.as_os_str() != "-" => checked_file(path).map(Source::File),
            None if !is_dash => Ok(Source::Words(
                self.words
                    .iter()
                    .map(|word| context::bytes(word).to_vec())
                    .collect(),
            )),
            _ if startup::was_closed(0) => {
                let closed = Error::new(ErrorKind::Limit, "is closed").about("standard input");
                Err(closed.hint("give the bytes as an argument, or with -f FILE"))
            }
            _ => Ok(Source::Input),
        }
    }
}

/// Standard input.
pub(super) fn stdin() -> BorrowedFd<'static> {
    // The handle of std is a static, so the descriptor can be borrowed for ever.
    static HANDLE: std::sync::OnceLock<std::io::Stdin> = std::sync::OnceLock::new();
    HANDLE.get_or_init(std::io::stdin).as_fd()
}

/// A file without a name that holds `bytes`: it can be read like any other.
pub(super) fn in_memory(bytes: &[u8]) -> Result<File> {
    let file = memfd_create(c"ipc-request", MFdFlags::MFD_CLOEXEC).map_err(Error::os)?;
    let mut file = File::from(file);
    file.write_all(bytes).map_err(Error::os)?;
    file.rewind().map_err(Error::os)?;
    Ok(file)
}
