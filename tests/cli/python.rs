//! A Python that has numpy: the one of the system, or one made for the tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::sandbox::skip;

/// A Python with numpy; says so when there is none to be had.
#[track_caller]
pub fn with_numpy() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(find).as_deref();
    if found.is_none() {
        skip("there is no Python with numpy, and none could be made");
    }
    found
}

fn find() -> Option<PathBuf> {
    let ready = Path::new(env!("CARGO_TARGET_TMPDIR")).join("numpy");
    let python = ready.join("bin/python");
    let of_system = PathBuf::from("python3");
    for python in [&python, &of_system] {
        if has_numpy(python) {
            return Some(python.clone());
        }
    }
    // Made under a name of its own and then renamed: of several test runs at
    // once one wins, and none sees half of it.
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let made = tempfile::tempdir_in(parent).ok()?;
    let folder = made.path().join("numpy");
    let install = ["-m", "pip", "install", "--quiet", "numpy"];
    let is_made = run(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        && run(Command::new(folder.join("bin/python")).args(install));
    if is_made {
        // Somebody else's is as good.
        let _ = std::fs::rename(&folder, &ready);
    }
    has_numpy(&python).then_some(python)
}

fn has_numpy(python: &Path) -> bool {
    run(Command::new(python).args(["-c", "import numpy"]))
}

fn run(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
