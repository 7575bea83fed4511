//! Every state that can be reached, breadth first, and what must be so in each.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use ipc::shared::owner::Stamp;

use crate::change::wake_sleepers;
use crate::state::{At, Config, Helper, Job, Mutant, Outcome, Pc, Role, SHELLS, State};
use crate::step::{Mover, Violation};

/// What came of an instance.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) states: usize,
    /// States in which a waiter is left that only its re-check helps on.
    pub(crate) need_recheck: usize,
    /// The first broken promise, and the steps that lead to it.
    pub(crate) violation: Option<(Violation, Vec<Label>)>,
}

/// Which step it was: what, of which shell, from where.
type Label = (&'static str, usize, Option<Pc>);
type Successor = (Label, Result<State, Violation>);
type Seen = HashMap<u128, (u128, Label), BuildHasherDefault<Folded>>;

/// Goes through all states of an instance.
pub(crate) fn explore(config: &Config) -> Report {
    let first = State::first(config);
    let mut seen = Seen::default();
    let mut queue = VecDeque::from([(fingerprint(&first), first)]);
    seen.insert(queue[0].0, (0, ("start", 0, None)));
    let mut need_recheck = 0;
    while let Some((print, state)) = queue.pop_front() {
        let mut successors = program_steps(config, &state);
        let mut violation = check(config, &state).err();
        if successors.is_empty() {
            let sleepers = rechecks(&state);
            need_recheck += usize::from(!sleepers.is_empty());
            violation = violation
                .or_else(|| {
                    (config.is(Mutant::NoRecheck) && !sleepers.is_empty()).then_some("STUCK")
                })
                .or_else(|| {
                    all_is_over(config, &state)
                        .err()
                        .filter(|_| sleepers.is_empty())
                });
            successors = sleepers;
        }
        successors.extend(faults(config, &state));
        for (label, successor) in successors {
            match successor {
                Err(broken) => {
                    let mut trace = trace(&seen, print);
                    trace.push(label);
                    let violation = Some((broken, trace));
                    return Report {
                        states: seen.len(),
                        need_recheck,
                        violation,
                    };
                }
                Ok(mut next) => {
                    next.sort_shells(config);
                    next.compress();
                    let next_print = fingerprint(&next);
                    if let Entry::Vacant(place) = seen.entry(next_print) {
                        place.insert((print, label));
                        queue.push_back((next_print, next));
                    }
                }
            }
        }
        if let Some(broken) = violation {
            let violation = Some((broken, trace(&seen, print)));
            return Report {
                states: seen.len(),
                need_recheck,
                violation,
            };
        }
    }
    Report {
        states: seen.len(),
        need_recheck,
        violation: None,
    }
}

fn trace(seen: &Seen, mut print: u128) -> Vec<Label> {
    let mut labels = Vec::new();
    while let Some((parent, label)) = seen.get(&print) {
        labels.push(*label);
        print = *parent;
    }
    labels.reverse();
    labels
}

/// What shells, invocations, their helpers and a removal do next.
fn program_steps(config: &Config, state: &State) -> Vec<Successor> {
    let mut steps = Vec::new();
    // The start of an invocation is seen by nobody: it need not be interleaved.
    let starting = |shell: &usize| {
        let who = &state.shells[*shell];
        let alone = who.alive && who.cli.is_none();
        alone && matches!(who.at, At::Idle | At::Asking(_) | At::Meddling)
    };
    if let Some(shell) = (0..SHELLS).find(starting) {
        let mut next = state.clone();
        shell_step(&mut next, shell);
        return vec![(("shell", shell, None), Ok(next))];
    }
    for shell in 0..SHELLS {
        let who = state.shells[shell];
        let Some(cli) = who.cli else {
            let mut next = state.clone();
            if shell_step(&mut next, shell) {
                steps.push((("shell", shell, None), Ok(next)));
            }
            continue;
        };
        if let Pc::Exit(outcome) = cli.pc {
            let mut next = state.clone();
            let ended = end(config, &mut next, shell, outcome);
            steps.push((("end", shell, Some(cli.pc)), ended.map(|()| next)));
            continue;
        }
        for help in [false, true] {
            let mut next = state.clone();
            let from = cli.pc;
            let mut mover = Mover {
                config,
                state: &mut next,
                shell,
                cli,
            };
            let moved = if help { mover.help() } else { mover.step() };
            let cli = mover.cli;
            next.shells[shell].cli = Some(cli);
            let label = (if help { "helper" } else { "cli" }, shell, Some(from));
            match moved {
                Ok(false) => {}
                Ok(true) => steps.push((label, Ok(next))),
                Err(broken) => steps.push((label, Err(broken))),
            }
        }
    }
    if (1..3).contains(&state.removal) {
        let mut next = state.clone();
        next.removal += 1;
        match next.removal {
            2 => tell_watchers(config, &mut next),
            _ => [Some(0), None]
                .into_iter()
                .for_each(|word| wake_sleepers(&mut next, word)),
        }
        steps.push((("removal", 0, None), Ok(next)));
    }
    steps
}

/// A shell without an invocation goes on.
fn shell_step(state: &mut State, shell: usize) -> bool {
    let who = &mut state.shells[shell];
    if !who.alive {
        return false;
    }
    let (at, job) = match who.at {
        At::Meddling => (At::Meddling, Job::Release),
        At::Idle if who.todo > 0 => (At::Acquiring, Job::Acquire),
        At::Inside(..) | At::Releasing => (At::Releasing, Job::Release),
        At::Asking(release) => (At::Asking(release), Job::Query),
        At::Idle => {
            who.at = At::Done;
            return true;
        }
        At::Unborn | At::Acquiring | At::Done => return false,
    };
    who.at = at;
    state.launch(shell, job);
    true
}

/// An invocation is gone, by itself or killed: its file is closed.
fn close(config: &Config, state: &mut State, shell: usize) {
    state.shells[shell].cli = None;
    tell_watchers(config, state);
}

fn tell_watchers(config: &Config, state: &mut State) {
    for cli in state
        .shells
        .iter_mut()
        .filter_map(|shell| shell.cli.as_mut())
    {
        if let Helper::Polling { event } = &mut cli.helper {
            *event = config.inotify;
        }
    }
}

/// The exit code of an invocation reaches its shell.
fn end(
    config: &Config,
    state: &mut State,
    shell: usize,
    outcome: Outcome,
) -> Result<(), Violation> {
    close(config, state, shell);
    let removed = state.removal > 0;
    let who = &mut state.shells[shell];
    if !who.alive {
        return Ok(());
    }
    who.at = match (who.at, outcome) {
        (At::Meddling, Outcome::HoldsNot) => At::Idle,
        (At::Acquiring | At::Asking(false), Outcome::Holds(index, word)) => {
            who.todo = who.todo.saturating_sub(1);
            At::Inside(index, word)
        }
        (At::Asking(true), Outcome::Holds(..)) => At::Releasing,
        (At::Asking(_), Outcome::HoldsNot) => At::Idle,
        (At::Releasing, Outcome::Released) => At::Idle,
        (At::Acquiring, Outcome::Removed) if removed => At::Done,
        _ => return Err("OUTCOME"),
    };
    Ok(())
}

/// The re-checks of all sleepers; made where nothing else goes on.
fn rechecks(state: &State) -> Vec<Successor> {
    let asleep = |shell: &usize| {
        state.shells[*shell]
            .cli
            .is_some_and(|cli| cli.pc == Pc::Asleep)
    };
    let recheck = |shell: usize| {
        let mut next = state.clone();
        if let Some(cli) = &mut next.shells[shell].cli {
            cli.pc = Pc::Woken;
        }
        (("re-check", shell, None), Ok(next))
    };
    (0..SHELLS).filter(asleep).map(recheck).collect()
}

/// What may strike at any moment.
fn faults(config: &Config, state: &State) -> Vec<Successor> {
    let mut faults = Vec::new();
    for shell in 0..SHELLS {
        let who = state.shells[shell];
        // A query that is killed has changed nothing, and is asked again.
        if who.cli.is_some_and(|cli| cli.job != Job::Query) && state.cli_kills > 0 {
            let mut next = state.clone();
            next.cli_kills -= 1;
            close(config, &mut next, shell);
            let was = who.at;
            next.shells[shell].at = match was {
                At::Acquiring => At::Asking(false),
                At::Releasing => At::Asking(true),
                other => other,
            };
            faults.push((("cli killed", shell, None), Ok(next)));
        }
        if who.alive && state.owner_kills > 0 {
            let mut next = state.clone();
            next.owner_kills -= 1;
            next.shells[shell].alive = false;
            faults.push((("shell killed", shell, None), Ok(next)));
        }
        if !who.alive && who.at != At::Unborn && state.reuses > 0 {
            faults.extend(birth(config, state, shell));
        }
    }
    if config.removal && state.removal == 0 {
        let mut next = state.clone();
        next.removal = 1;
        faults.push((("removed", 0, None), Ok(next)));
    }
    faults
}

/// Another shell gets the number of a dead one, and asks whether it holds.
fn birth(config: &Config, state: &State, dead: usize) -> Option<Successor> {
    let unborn = state
        .shells
        .iter()
        .position(|shell| shell.at == At::Unborn)?;
    if !config.uniques && state.shells[dead].cli.is_some() {
        // The known hole of kernels without unique numbers.
        return None;
    }
    let mut next = state.clone();
    next.reuses -= 1;
    if !config.uniques {
        next.clock = next.clock.max(Stamp(next.last.0 + 1));
    }
    let (pid, start) = (state.shells[dead].pid, next.clock);
    let child = &mut next.shells[unborn];
    (child.alive, child.pid, child.start) = (true, pid, start);
    child.at = At::Asking(false);
    Some((("reused number", unborn, None), Ok(next)))
}

/// What holds in every state: the inside is shared only by those who may.
fn check(config: &Config, state: &State) -> Result<(), Violation> {
    let mut inside = Vec::new();
    for (shell, who) in state.shells.iter().enumerate().filter(|(_, who)| who.alive) {
        let At::Inside(index, word) = who.at else {
            continue;
        };
        let at = usize::from(index);
        if state.words[at] != word || state.truth[at] != State::unique_of_shell(shell) {
            return Err("LOST");
        }
        inside.push(index);
    }
    inside.sort_unstable();
    let twice = inside.windows(2).any(|pair| pair[0] == pair[1]);
    let mixed = config.roles[0] != Role::Slot && inside.len() > 1 && inside[0] == 0;
    if twice || mixed { Err("MUTEX") } else { Ok(()) }
}

/// When nothing goes on any more, whoever comes gets in at once.
fn all_is_over(config: &Config, state: &State) -> Result<(), Violation> {
    let judged = |at: usize| {
        let word = state.words[at];
        word.owner().is_some() && state.judge(config, at, word).is_some()
    };
    if (0..config.words).any(judged) {
        Err("LEAK")
    } else {
        Ok(())
    }
}

fn fingerprint(state: &State) -> u128 {
    let mut two = Two(0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f);
    state.hash(&mut two);
    u128::from(two.0) << 64 | u128::from(two.1)
}

/// Two independent hashes at once: states are told apart by them alone.
struct Two(u64, u64);

impl Two {
    fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word)
            .wrapping_mul(0xff51_afd7_ed55_8ccd)
            .rotate_left(29);
        self.0 ^= self.0 >> 32;
        self.1 = (self.1.rotate_left(23) ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25);
        self.1 ^= self.1 >> 29;
    }
}

impl Hasher for Two {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.add(u64::from(*byte)));
    }

    fn write_u8(&mut self, number: u8) {
        self.add(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }

    fn write_isize(&mut self, number: isize) {
        self.add(number as u64);
    }
}

/// A fingerprint is as good as its own hash.
#[derive(Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only fingerprints are hashed")
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64;
    }
}
