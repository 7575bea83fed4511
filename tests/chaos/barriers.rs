//! Barriers under fire: members and their parents are killed.
//!
//! Checked: no two members of a generation have one index, no process passes
//! a generation twice or an older one later, nobody is told that a generation
//! broke which others passed, nobody hangs, and once nobody is killed any more
//! every generation is passed by all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::PipeWriter;
use std::process::{Child, Command, Stdio};

use ipc::deadline::Deadline;
use ipc::error::ErrorKind;
use ipc::name::Name;
use ipc::process::identity::Process;
use ipc::shared::barrier::Barrier;
use ipc::size::Mode;
use ipc::wait::Wait;

use crate::agent::PATIENCE;
use crate::lanes::{Dice, Object};
use crate::lines::{self, Lines, end, tell};

/// What a member is told: barrier, parent.
const ASKED: &str = "IPC_CHAOS_MEMBER";
/// Generations in peace at the end.
const PEACE: usize = 30;

/// Arrives over and over until its parent is killed, if it was started to.
pub(crate) fn run_if_asked() {
    let Some(asked) = lines::asked(ASKED) else {
        return;
    };
    let name = Name::parse(asked[0].as_bytes()).unwrap();
    let parent: i32 = asked[1].parse().unwrap();
    let barrier = Barrier::open(&name).unwrap();
    let pid = std::process::id();
    loop {
        let Ok(process) = Process::open(parent) else {
            return;
        };
        if process.is_dead() {
            return;
        }
        let before = barrier.arrived().1;
        let mut wait = Wait::until(Deadline::after(PATIENCE));
        match barrier.wait(Some(process), &mut wait) {
            Ok(passed) => tell(&format!(
                "passed {pid} {} {}",
                passed.generation, passed.index
            )),
            Err(error) if error.kind() == ErrorKind::Broken => {
                tell(&format!("broken {pid} {before} {}", barrier.arrived().1));
            }
            Err(error) => tell(&format!("VIOLATION {error}")),
        }
    }
}

struct Member {
    parent: Child,
    member: Child,
}

impl Member {
    fn start(name: &Name, tell: &PipeWriter) -> Member {
        // Lives until its standard input ends, so no longer than this process.
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        let parent = command.spawn().unwrap();
        let asked = format!(
            "{};{}",
            String::from_utf8_lossy(name.as_bytes()),
            parent.id()
        );
        let member = lines::start(ASKED, &asked, tell);
        Member { parent, member }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        end(&mut self.member);
        end(&mut self.parent);
    }
}

/// What was told of the generations.
#[derive(Default)]
struct Record {
    /// The process of each index of each generation that was passed.
    passed: BTreeMap<u64, BTreeMap<u32, u32>>,
    /// Between which generations somebody was told that one broke.
    broken: Vec<(u64, u64)>,
    newest: HashMap<u32, u64>,
}

impl Record {
    fn take(&mut self, line: &str, parties: u32) {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        match words[0] {
            "passed" => {
                let (pid, generation, index) = (number(1) as u32, number(2), number(3) as u32);
                assert!(index < parties, "{line}");
                let newest = self.newest.insert(pid, generation);
                assert!(
                    newest.is_none_or(|newest| newest < generation),
                    "{line}: {newest:?}"
                );
                let members = self.passed.entry(generation).or_default();
                let twice = members.insert(index, pid);
                assert!(twice.is_none(), "{line}: {twice:?} has this index too");
            }
            "broken" => self.broken.push((number(2), number(3))),
            _ => panic!("{line}"),
        }
    }

    /// Whoever was told that it broke was told so of one that nobody passed.
    fn check_broken(&self) {
        for (first, after) in &self.broken {
            let all_passed = (*first..*after).all(|one| self.passed.contains_key(&one));
            assert!(
                !all_passed,
                "broken between {first} and {after}, and passed"
            );
        }
    }
}

/// So many parties, until so many generations have been passed.
pub(crate) fn run(parties: u32, generations: usize) {
    let object = Object::new();
    Barrier::create(&object.0, parties, Mode::default()).unwrap();
    let (mut told, tell) = Lines::new();
    let mut members: Vec<Member> = (0..parties)
        .map(|_| Member::start(&object.0, &tell))
        .collect();
    let mut orphans = Vec::new();
    let (mut record, mut dice) = (Record::default(), Dice::new());
    let (mut parent_kills, mut member_kills) = (0, 0);
    while record.passed.len() < generations {
        record.take(&told.next().unwrap(), parties);
        if dice.below(2 * parties as usize) != 0 {
            continue;
        }
        let victim = &mut members[dice.below(parties as usize)];
        let mut dead = std::mem::replace(victim, Member::start(&object.0, &tell));
        if dice.below(2) == 0 {
            // Its member may be the last one to arrive, for a moment.
            dead.parent.kill().unwrap();
            parent_kills += 1;
            orphans.push(dead);
        } else {
            dead.member.kill().unwrap();
            member_kills += 1;
        }
    }
    orphans
        .iter_mut()
        .for_each(|orphan| end(&mut orphan.member));
    // From here on in peace: what started in fire may still end in it.
    let calm = Barrier::open(&object.0).unwrap().arrived().1 + 2;
    let quiet = calm + PEACE as u64;
    while record
        .passed
        .last_key_value()
        .is_none_or(|(newest, _)| *newest < quiet + 2)
    {
        record.take(&told.next().unwrap(), parties);
    }
    drop((members, orphans, tell));
    while let Some(line) = told.next() {
        record.take(&line, parties);
    }
    Barrier::unlink(&object.0).unwrap();
    record.check_broken();
    for generation in calm..quiet {
        let passed = record.passed.get(&generation);
        let all = passed.is_some_and(|members| {
            let pids: BTreeSet<_> = members.values().collect();
            members.len() == parties as usize && pids.len() == parties as usize
        });
        assert!(
            all,
            "in peace generation {generation} was passed by {passed:?}"
        );
    }
    println!(
        "{parties} parties: {} generations passed, {} times told of a broken one, {parent_kills} parents killed, {member_kills} members killed, 0 violations",
        record.passed.len(),
        record.broken.len(),
    );
}
