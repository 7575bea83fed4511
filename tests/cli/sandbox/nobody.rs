//! Another user, who owns nothing here. Takes root.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;

use super::{IPC, Invocation, Sandbox};

/// The user and the group of that name, as everywhere.
const NOBODY: u32 = 65_534;

impl Sandbox {
    /// A copy of `ipc` that every user can execute: the folders of a build may
    /// be closed to others. This folder is open from here on.
    pub fn ipc_for_all(&self) -> PathBuf {
        let copy = self.folder().join("ipc-for-all");
        if !copy.exists() {
            let open = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(self.folder(), open).unwrap();
            // By another program: a file that this one has open for writing may
            // stay so in a child of another test, and cannot be executed then.
            let install = ["-m", "755", IPC, "ipc-for-all"];
            self.program("install", install).run().ok();
        }
        copy
    }

    /// An invocation of `ipc` as that user: all of it in its words, so that
    /// another program can be put before it.
    pub fn ipc_as_nobody<S: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = S>,
    ) -> Invocation<'_> {
        let plain = self.ipc(arguments);
        let copy = self.ipc_for_all();
        let user = format!("--reuid={NOBODY}");
        let group = format!("--regid={NOBODY}");
        let nobody = [&user, &group, "--clear-groups", "--"].map(OsStr::new);
        let words = nobody.into_iter().chain([copy.as_os_str()]);
        self.program("setpriv", words.chain(plain.command.get_args()))
    }
}

impl<'a> Invocation<'a> {
    /// As that user, in no group but its own.
    pub fn by_nobody(self) -> Invocation<'a> {
        self.with(|command| {
            command.uid(NOBODY).gid(NOBODY);
        })
    }
}
