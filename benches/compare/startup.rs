//! Whole invocations: start, one operation, end.

use std::process::Command;

use crate::lab::{IPC, Lab, has, ipc};
use crate::report::{Report, Times};

pub const ROUNDS: usize = 400;
/// An interpreter is slow to start; fewer of it tell as much.
const SLOW_ROUNDS: usize = 40;

/// Why there is nothing to compare with.
pub const NO_PYTHON: &str = "no python3 with venv, or pip cannot get it";

/// What a command of the spawner took.
pub struct Figure {
    pub times: Times,
    peak_kib: f64,
}

pub fn measure(lab: &Lab, report: &mut Report) {
    let names = Names::new(lab);
    against_c(lab, &names, report);
    against_python(lab, &names, report);
    on_musl(lab, &names, report);
}

/// An object of each kind.
struct Names {
    sem: String,
    mq: String,
    shm: String,
}

impl Names {
    fn new(lab: &Lab) -> Names {
        let names = Names {
            sem: lab.name("sem", "start"),
            mq: lab.name("mq", "start"),
            shm: lab.name("shm", "start"),
        };
        ipc(&["sem", "create", &names.sem, "0"]);
        ipc(&["mq", "create", &names.mq]);
        ipc(&["shm", "create", &names.shm, "--size", "4096"]);
        names
    }
}

fn against_c(lab: &Lab, names: &Names, report: &mut Report) {
    let Names { sem, mq, shm } = names;
    let slash = |name: &str| format!("/{name}");
    let lock = lab.path("flock");
    let mut commands = vec![
        vec![IPC.to_owned(), "sem".into(), "release".into(), sem.clone()],
        vec![
            IPC.to_owned(),
            "mq".into(),
            "send".into(),
            mq.clone(),
            "hello".into(),
        ],
        vec![IPC.to_owned(), "shm".into(), "read".into(), shm.clone()],
        vec![
            IPC.to_owned(),
            "shm".into(),
            "write".into(),
            shm.clone(),
            "hello".into(),
        ],
        vec![lab.floor("sem_post"), slash(sem)],
        vec![lab.floor("mq_send"), slash(mq), "hello".into()],
        vec![lab.floor("shm_read"), slash(shm)],
        vec![lab.floor("shm_write"), slash(shm), "hello".into()],
    ];
    if has("flock") {
        commands.push(vec!["flock".into(), lock, "true".into()]);
    } else {
        report.skip("flock FILE true", "it is not installed");
    }
    let found = spawned(lab, ROUNDS, mq, &commands);
    let titles = ["sem release", "mq send", "shm read, a page", "shm write"];
    let (ours, theirs) = (&found[..4], &found[4..8]);
    for ((title, our), their) in titles.iter().zip(ours).zip(theirs) {
        report.cost(title, our.times, "C, static", their.times, 1.6);
    }
    for (title, our) in titles.iter().zip(ours) {
        if let Some(flock) = found.get(8) {
            report.cost(title, our.times, "flock FILE true", flock.times, 0.6);
        }
        report.amount(
            &format!("{title}: peak memory"),
            our.peak_kib / 1024.0,
            "MiB",
            3.0,
        );
    }
}

fn against_python(lab: &Lab, names: &Names, report: &mut Report) {
    let Some(python) = python(lab) else {
        report.skip("python posix_ipc", NO_PYTHON);
        return;
    };
    let script = format!(
        "import posix_ipc; posix_ipc.Semaphore('/{}').release()",
        names.sem
    );
    let commands = [
        vec![
            IPC.to_owned(),
            "sem".into(),
            "release".into(),
            names.sem.clone(),
        ],
        vec![python, "-c".into(), script],
    ];
    let found = spawned(lab, SLOW_ROUNDS, "-", &commands);
    report.cost(
        "sem release",
        found[0].times,
        "python posix_ipc",
        found[1].times,
        0.1,
    );
}

/// The interpreter of an environment that has posix_ipc, made at the first use.
pub fn python(lab: &Lab) -> Option<String> {
    let environment = lab.path("python");
    let python = format!("{environment}/bin/python");
    let can_import = || succeeds(Command::new(&python).args(["-c", "import posix_ipc"]));
    if can_import() {
        return Some(python);
    }
    let made = succeeds(Command::new("python3").args(["-m", "venv", &environment]))
        && succeeds(Command::new(&python).args(["-m", "pip", "install", "-q", "posix_ipc"]));
    (made && can_import()).then_some(python)
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn on_musl(lab: &Lab, names: &Names, report: &mut Report) {
    let (ours, floor) = match (musl_build(lab), lab.musl_floor("sem_by_hand")) {
        (Some(ours), Some(floor)) => (ours, floor),
        (None, _) => return report.skip("the musl build", "its Rust target is not installed"),
        (_, None) => return report.skip("the musl build", "there is no musl-gcc"),
    };
    let commands = [
        vec![ours, "sem".into(), "release".into(), names.sem.clone()],
        vec![floor, format!("/dev/shm/sem.{}", names.sem)],
        vec!["/bin/true".into()],
    ];
    let found = spawned(lab, ROUNDS, "-", &commands);
    let title = "sem release, musl";
    report.cost(
        title,
        found[0].times,
        "C by hand, musl",
        found[1].times,
        2.7,
    );
    report.cost(title, found[0].times, "/bin/true", found[2].times, 1.0);
}

/// Builds `ipc` against musl, if the target is there.
fn musl_build(lab: &Lab) -> Option<String> {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let sysroot = Command::new("rustc")
        .args(["--print", "sysroot"])
        .output()
        .ok()?;
    let sysroot = String::from_utf8(sysroot.stdout).ok()?;
    let library = format!("{}/lib/rustlib/{target}/lib", sysroot.trim());
    if !std::path::Path::new(&library).is_dir() {
        return None;
    }
    let folder = lab.path("musl");
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--release", "--quiet", "--bin", "ipc"]);
    build.args(["--target", &target, "--target-dir", &folder]);
    build.args([
        "--manifest-path",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
    ]);
    assert!(build.status().unwrap().success(), "{build:?}");
    Some(format!("{folder}/{target}/release/ipc"))
}

/// Runs all in turns; what comes into the queue is taken out again.
pub fn spawned(lab: &Lab, rounds: usize, queue: &str, commands: &[Vec<String>]) -> Vec<Figure> {
    let queue = match queue {
        "-" => "-".to_owned(),
        name => format!("/{name}"),
    };
    let mut spawner = Command::new(lab.floor("spawner"));
    spawner.arg(rounds.to_string()).arg(queue);
    spawner.args(commands.iter().map(|words| words.join("\n")));
    let output = spawner.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "spawner: {errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(figure).collect()
}

fn figure(line: &str) -> Figure {
    let numbers: Vec<f64> = line.split(' ').map(|word| word.parse().unwrap()).collect();
    Figure {
        times: Times {
            p10: numbers[0],
            median: numbers[1],
        },
        peak_kib: numbers[2],
    }
}
