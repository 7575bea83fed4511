//! One process, signalled and waited for; many: the tree of them, and the
//! zombies among them.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use crate::lab::{IPC, Lab, command, ipc, pipeline};
use crate::report::{Report, Times};
use crate::startup;

const ROUNDS: usize = 30;
const COUNTS: [usize; 2] = [1000, 5000];
/// What the target is: once and a third of what C takes to read the lines.
const MOST: f64 = 1.3;
/// The whole tree reads four times as much; this is to notice when it gets worse.
const MOST_WITH_OBJECTS: f64 = 10.0;

pub fn measure(lab: &Lab, report: &mut Report) {
    one(lab, report);
    for count in COUNTS {
        match Crowd::of(count) {
            Some(crowd) => crowd.measure(lab, report, count),
            None => report.skip(
                &format!("{count} processes"),
                "this user may not have so many",
            ),
        }
    }
}

/// Signalling this process, and a wait that is over when it begins.
fn one(lab: &Lab, report: &mut Report) {
    let this = std::process::id().to_string();
    let event = lab.name("event", "over");
    ipc(&["event", "set", &event]);
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let target = format!("event:{event}");
    let page = format!("/dev/shm/ipc.event.{event}");
    let commands: [Vec<String>; 5] = [
        words(&[IPC, "kill", "-0", &this]),
        words(&[IPC, "wait", &target]),
        words(&[&lab.floor("kill_by_fd"), &this]),
        words(&[&lab.floor("word_look"), &page]),
        words(&["/bin/kill", "-0", &this]),
    ];
    let found = startup::spawned(lab, startup::ROUNDS, "-", &commands);
    let times = |at: usize| found[at].times;
    report.cost("kill -0 PID", times(0), "C, static", times(2), 1.6);
    report.cost("kill -0 PID", times(0), "/bin/kill", times(4), 1.0);
    report.cost("wait event:NAME", times(1), "C, static", times(3), 1.6);
}

/// Many processes below one, gone with it.
struct Crowd {
    top: Child,
}

impl Crowd {
    fn of(count: usize) -> Option<Crowd> {
        // One in twenty is a zombie.
        let (zombies, nodes) = (count / 20, count - count / 20);
        let (zombies, nodes) = (zombies.to_string(), nodes.to_string());
        let mut top = command(&[
            IPC,
            "fork-tree",
            "--json",
            "--depth",
            "1",
            "--fanout",
            &nodes,
            "--zombies",
            &zombies,
            "--hold",
            "1h",
        ]);
        let mut top = top.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = top.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let crowd = Crowd { top };
        (!line.is_empty()).then_some(crowd)
    }

    fn measure(&self, lab: &Lab, report: &mut Report, count: usize) {
        let top = self.top.id().to_string();
        let runs: [&dyn Fn() -> f64; 4] = [
            &|| pipeline([command(&[lab.floor("proc_stat")])]),
            &|| pipeline([command(&[IPC, "tree", &top, "--brief"])]),
            &|| pipeline([command(&[IPC, "reap-zombies"])]),
            &|| pipeline([command(&[IPC, "tree", &top])]),
        ];
        let mut samples: [Vec<f64>; 4] = std::array::from_fn(|_| Vec::new());
        for _ in 0..ROUNDS {
            for (run, times) in runs.iter().zip(&mut samples) {
                times.push(run());
            }
        }
        let [floor, brief, zombies, tree] = samples.map(Times::of);
        let other = "C, /proc/*/stat";
        let title = |what: &str| format!("{what}, {count} processes");
        report.cost(&title("tree --brief"), brief, other, floor, MOST);
        report.cost(&title("reap-zombies"), zombies, other, floor, MOST);
        report.cost(&title("tree"), tree, other, floor, MOST_WITH_OBJECTS);
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        // The kernel ends what is below it.
        let _ = self.top.kill();
        let _ = self.top.wait();
    }
}
