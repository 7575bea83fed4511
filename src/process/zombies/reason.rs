//! Why a parent does not reap.

use super::Zombie;
use crate::process::identity::{Call, Confinement, Dispositions, Row, wait_function};
use crate::process::signal::Signal;

/// What a parent is at, as far as it matters for its zombies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Situation {
    /// What becomes of SIGCHLD: `default`, `handled`, `ignored` or `blocked`;
    /// nothing where that is hidden.
    pub on_child: Option<&'static str>,
    /// The state in a word.
    pub state: Option<&'static str>,
    /// Whether it is stopped, by a signal or a debugger.
    pub is_stopped: bool,
    /// The system call in which it sleeps, where this user may see it.
    pub call: Option<String>,
    /// Where in the kernel it sleeps, where this user may see it.
    pub wait_function: Option<String>,
    /// The process that traces the parent.
    pub tracer: Option<i32>,
    /// A process that traces one of the zombies, and has to let it go first.
    pub tracer_of_zombies: Option<i32>,
    /// Whether it is the first process of this pid namespace.
    pub is_init: bool,
}

/// One reason: a word for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `debugger`, `stopped`, `blocked`, `no-handler`, `ignored`, `handler`,
    /// `busy` or `hidden`.
    pub word: &'static str,
    /// What it means.
    pub sentence: String,
}

impl Situation {
    /// Looks at a parent and its zombies.
    pub(super) fn of(pid: i32, row: Option<&Row>, zombies: &[Zombie]) -> Situation {
        let tracer = |pid: i32| {
            let found = Confinement::of(pid)?;
            Some(found.tracer).filter(|tracer| *tracer != 0)
        };
        let foreign = |zombie: &Zombie| tracer(zombie.pid).filter(|tracer| *tracer != pid);
        Situation {
            on_child: Dispositions::of(pid).map(|found| found.fate(Signal::CHLD)),
            state: row.map(|row| row.state.word()),
            is_stopped: row.is_some_and(|row| row.state.is_stopped()),
            call: Call::of(pid).name(),
            wait_function: wait_function(pid),
            tracer: tracer(pid),
            // A tracer that has let go of one has let go of all, as a rule.
            tracer_of_zombies: zombies.first().and_then(foreign),
            is_init: pid == 1,
        }
    }

    /// Why, the strongest reason first.
    pub fn reasons(&self) -> Vec<Reason> {
        let mut found = Vec::new();
        let mut add = |word, sentence: String| found.push(Reason { word, sentence });
        if let Some(tracer) = self.tracer_of_zombies {
            let sentence = format!("process {tracer} traces them and has not let them go");
            add("debugger", sentence);
        }
        if self.is_stopped {
            add("stopped", self.stopped());
        }
        match self.on_child {
            Some("blocked") => add("blocked", "it blocks SIGCHLD".to_owned()),
            Some("ignored") => add(
                "ignored",
                "it ignores SIGCHLD: the kernel reaps what ends from then on, and not these"
                    .to_owned(),
            ),
            Some("default") => add(
                "no-handler",
                "it has no handler for SIGCHLD and does not wait".to_owned(),
            ),
            Some(_) => add(
                "handler",
                "its handler for SIGCHLD did not reap them: several ends make one signal"
                    .to_owned(),
            ),
            None => add("hidden", "what it does about SIGCHLD is hidden".to_owned()),
        }
        if let Some(sentence) = self.busy() {
            add("busy", sentence);
        }
        found
    }

    fn stopped(&self) -> String {
        match self.tracer {
            Some(tracer) => format!("it is stopped by its debugger, process {tracer}"),
            None => "it is stopped; ipc kill -CONT lets it go on".to_owned(),
        }
    }

    fn busy(&self) -> Option<String> {
        let place = self.wait_function.as_ref();
        match &self.call {
            Some(call) if call == "wait4" || call == "waitid" => {
                Some(format!("it waits for another child, in {call}"))
            }
            Some(call) => {
                let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
                Some(format!("it is in {call}{place}"))
            }
            None => match (self.state, place) {
                (Some("running"), _) => Some("it is running, in no system call".to_owned()),
                (_, Some(place)) => Some(format!("it sleeps in {place} of the kernel")),
                _ => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(situation: &Situation) -> Vec<&'static str> {
        situation.reasons().iter().map(|one| one.word).collect()
    }

    #[test]
    fn each_situation_has_its_reason() {
        let plain = Situation {
            on_child: Some("default"),
            ..Situation::default()
        };
        assert_eq!(words(&plain), ["no-handler"]);
        let asleep = Situation {
            call: Some("nanosleep".to_owned()),
            ..plain.clone()
        };
        assert_eq!(words(&asleep), ["no-handler", "busy"]);
        let stopped = Situation {
            is_stopped: true,
            on_child: Some("blocked"),
            tracer_of_zombies: Some(7),
            ..Situation::default()
        };
        assert_eq!(words(&stopped), ["debugger", "stopped", "blocked"]);
        assert_eq!(words(&Situation::default()), ["hidden"]);
    }
}
