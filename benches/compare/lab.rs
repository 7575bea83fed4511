//! The place to measure in: the C programs, names of our own, and the clock.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The command that is measured.
pub const IPC: &str = env!("CARGO_BIN_EXE_ipc");

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/floors");
const FLOORS: [&str; 22] = [
    "copy_in",
    "fill",
    "hand_over",
    "kill_by_fd",
    "lines_in",
    "lines_out",
    "mq_send",
    "proc_stat",
    "sem_by_hand",
    "sem_post",
    "shm_read",
    "shm_write",
    "sink",
    "sock_recv",
    "sock_send",
    "source",
    "spawner",
    "through",
    "value_add",
    "word_look",
    "word_set",
    "word_take",
];

/// Removes what was made when it is dropped.
pub struct Lab {
    folder: PathBuf,
    /// Kind and name of each object, to be removed.
    made: RefCell<Vec<(&'static str, String)>>,
}

impl Lab {
    /// Builds the C programs, linked statically as `ipc` is.
    pub fn new() -> Lab {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compare");
        std::fs::create_dir_all(&folder).unwrap();
        for floor in FLOORS {
            compile("cc", floor, &folder.join(floor));
        }
        Lab {
            folder,
            made: RefCell::default(),
        }
    }

    /// A C program.
    pub fn floor(&self, name: &str) -> String {
        self.path(name)
    }

    /// A file that stays from one run to the next.
    pub fn path(&self, name: &str) -> String {
        let path = self.folder.join(name);
        path.into_os_string().into_string().unwrap()
    }

    /// A name that no other run has; the object goes away with the lab.
    pub fn name(&self, kind: &'static str, stem: &str) -> String {
        let name = format!("ipcb-{}-{stem}", std::process::id());
        self.made.borrow_mut().push((kind, name.clone()));
        name
    }

    /// Compiles a floor against musl, if there is a compiler for that.
    pub fn musl_floor(&self, name: &str) -> Option<String> {
        let program = self.path(&format!("{name}-musl"));
        has("musl-gcc").then(|| {
            compile("musl-gcc", name, Path::new(&program));
            program
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for (kind, name) in self.made.borrow().iter() {
            let mut removal = Command::new(IPC);
            removal.args([kind, "rm", name]).stderr(Stdio::null());
            let _ = removal.status();
        }
    }
}

fn compile(compiler: &str, floor: &str, program: &Path) {
    let mut command = Command::new(compiler);
    command.args(["-O2", "-static", "-o"]).arg(program);
    command.arg(format!("{SOURCES}/{floor}.c"));
    let status = command.status();
    assert!(
        status.is_ok_and(|status| status.success()),
        "{command:?} failed; the C library's static archive comes with its development package"
    );
}

/// Whether a program is installed.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs `ipc` to prepare something.
pub fn ipc<S: AsRef<OsStr>>(words: &[S]) {
    let mut command = Command::new(IPC);
    command.arg("-q").args(words);
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// A program and its arguments.
pub fn command<S: AsRef<OsStr>>(words: &[S]) -> Command {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    command
}

/// Reads its standard input from a file.
pub fn from_file(mut command: Command, path: &str) -> Command {
    command.stdin(File::open(path).unwrap());
    command
}

/// Runs commands at once, each reading what the one before it prints, and says
/// how long all took, in microseconds.
pub fn pipeline(commands: impl IntoIterator<Item = Command>) -> f64 {
    let mut commands: Vec<Command> = commands.into_iter().collect();
    let last = commands.len() - 1;
    let start = Instant::now();
    let mut children: Vec<Child> = Vec::new();
    for (index, command) in commands.iter_mut().enumerate() {
        if let Some(before) = children.last_mut().and_then(|child| child.stdout.take()) {
            command.stdin(before);
        }
        command.stdout(if index == last {
            Stdio::null()
        } else {
            Stdio::piped()
        });
        children.push(command.spawn().unwrap());
    }
    finish(start, children)
}

/// Runs commands at once that are not connected, and says how long all took.
pub fn together(commands: impl IntoIterator<Item = Command>) -> f64 {
    let mut commands: Vec<Command> = commands.into_iter().collect();
    let start = Instant::now();
    let children = commands
        .iter_mut()
        .map(|command| command.stdout(Stdio::null()).spawn().unwrap())
        .collect();
    finish(start, children)
}

fn finish(start: Instant, children: Vec<Child>) -> f64 {
    for mut child in children {
        assert!(child.wait().unwrap().success(), "a command failed");
    }
    start.elapsed().as_secs_f64() * 1e6
}
