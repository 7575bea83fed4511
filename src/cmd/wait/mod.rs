//! `ipc wait`.

use std::ffi::OsString;

use clap::Args;
use serde_json::{Value, json};

use self::target::Target;
use super::context::Context;
use super::leaf::{self, Parsed};
use super::options::Waiting;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::process::ending::in_words;
use crate::survey::conditions::{Conditions, Happened};
use crate::sys::wait::Ending;

mod target;

const MORE: &str = "\
Examples:
  ipc wait 4711; echo \"it ended with $?\"
      Waits for a process that need not be a child of this shell.
  ipc wait --any pid:4711 event:stop mq:jobs --timeout 5s
      Goes on when the process ends, the event is set, or there is a message.
  ipc wait 'value:arrived>=5' lock:deploy
      Goes on when five have arrived and the lock is free.
  ipc wait --count 3 proc:a proc:b proc:c proc:d --json
      Tells of the first three that end, a line of JSON each.

Exit status:
  For one process: its own exit code, 128+N when signal N ended it, and
  124  it has not ended: under --try, or the time is over
  125  ipc itself failed, there is no such process, or how it ended cannot be known
  For everything else:
  0    as many have come about as were to
  1    under --try: not as many
  3    there is no such process or object
  7    not an object of this kind, or removed while waiting
  124  the time is over
  125  the command line makes no sense, or a value to compare with does not fit the type

See also: ipc-proc-join(1), ipc-event-wait(1), ipc-mq-wait(1), ipc-value-wait(1), ipc-kill(1), pidfd_open(2)";

const TRY: &str = "Do not wait: exit 1 when it would have to, or 124 for one process";

/// Wait for processes and objects of all kinds at once
///
/// A target is PID or pid:N, or pid:N:START with the 22nd field of /proc/N/stat, for the
/// end of a process; proc:NAME for the end of a named process; event:NAME, set or pulsed;
/// mq:NAME, not empty; sem:NAME, with a unit in it; lock:NAME, free; or a value, as in
/// 'value:NAME>=5' or 'value:NAME ge 5', with the comparisons of ipc value wait. Nothing
/// is taken: a unit, a message or a lock that was there may be gone a moment later.
///
/// A line tells what came about, when it does. How a process ended that is not our child
/// is known from Linux 6.15 on, and on older kernels only as long as it is a zombie; a
/// zombie of another user is given a second to be reaped. Nothing is polled but
/// semaphores, which are looked at every 50 ms, and what plain writers do to values,
/// every second.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
#[command(mut_arg("try_once", |option| option.help(TRY)))]
pub(crate) struct Wait {
    /// What to wait for: PID, pid:N, pid:N:START, proc:, event:, mq:, sem:, lock:NAME, value:NAME>=5
    #[arg(value_name = "TARGET", required = true, add = target::completer())]
    targets: Vec<OsString>,

    /// Wait for all of them; this is the default
    #[arg(long, conflicts_with_all = ["any", "count"])]
    all: bool,

    /// Wait for one of them, whichever it is
    #[arg(long, conflicts_with = "count")]
    any: bool,

    /// Wait for COUNT of them
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,

    #[command(flatten)]
    waiting: Waiting,

    /// Take a process that is not there for one that has ended, a name of proc: too
    #[arg(long)]
    exited_ok: bool,
}

/// Parses the words behind `wait`, whose first stands for the program.
pub(crate) fn leaf<V>(wrap: fn(Wait) -> V, words: &[OsString]) -> Option<Parsed<V>> {
    Some(leaf::parse(wrap, words))
}

impl Wait {
    /// Whether the exit code is that of a process.
    pub(crate) fn is_run_like(&self) -> bool {
        matches!(&self.targets[..], [one] if target::is_process(one))
    }

    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let targets = self.targets.iter().map(|word| Target::parse(context, word));
        let targets = targets.collect::<Result<Vec<Target>>>()?;
        let wanted = self.wanted(targets.len())?;
        let opened = targets.iter().map(|target| target.open(self.exited_ok));
        let mut conditions = Conditions::new(opened.collect::<Result<_>>()?)?;
        let names: Vec<&str> = targets.iter().map(|target| target.word.as_str()).collect();
        let mut wait = context.wait(deadline, names.join(", "));
        let mut ending = None;
        for _ in 0..wanted {
            match conditions.next(&mut wait) {
                Ok(None) => break,
                Ok(Some((place, happened))) => {
                    tell(context, &targets[place], &happened)?;
                    // Whoever waits at the other end of a pipe waits for this.
                    context.out.flush()?;
                    ending = Some(happened);
                }
                Err(error) => return self.unfinished(context, error),
            }
        }
        match ending {
            Some(Happened::Ended(ending)) if self.is_run_like() => self.exit_of(ending),
            _ => Ok(Exit::Done),
        }
    }

    /// How many are to come about.
    fn wanted(&self, targets: usize) -> Result<usize> {
        let wanted = match self.count {
            _ if self.any => 1,
            Some(count) => usize::try_from(count).unwrap_or(usize::MAX),
            None => targets,
        };
        if wanted <= targets {
            return Ok(wanted);
        }
        let message = format!("{wanted} of {targets} targets cannot come about");
        Err(Error::new(ErrorKind::Usage, message))
    }

    fn unfinished(&self, context: &Context, error: Error) -> anyhow::Result<Exit> {
        match error.kind() {
            ErrorKind::WouldBlock if self.is_run_like() => Ok(Exit::TimedOut),
            ErrorKind::WouldBlock => Ok(Exit::No),
            ErrorKind::TimedOut => {
                context.report(&error.into());
                Ok(Exit::TimedOut)
            }
            _ => Err(error.into()),
        }
    }

    /// The code of the one process.
    fn exit_of(&self, ending: Option<Ending>) -> anyhow::Result<Exit> {
        match ending {
            // A signal too as a number: this process was not ended by it.
            Some(ending) => Ok(Exit::Command(Exit::from(ending).code())),
            None if self.exited_ok => Ok(Exit::Done),
            None => {
                let message = "it has ended, and the kernel does not tell how";
                Err(Error::new(ErrorKind::Missing, message).into())
            }
        }
    }
}

fn tell(context: &mut Context, target: &Target, happened: &Happened) -> Result<()> {
    if context.out.is_json() {
        return context.out.json(&document(target, happened));
    }
    let text = match happened {
        Happened::Ended(ending) => in_words(*ending),
        Happened::Set => "is set".to_owned(),
        Happened::Messages(1) => "has 1 message".to_owned(),
        Happened::Messages(count) => format!("has {count} messages"),
        Happened::Units(1) => "has 1 unit".to_owned(),
        Happened::Units(count) => format!("has {count} units"),
        Happened::Free => "is free".to_owned(),
        Happened::Value(value) => format!("is {}", value.shown()),
    };
    context.out.line(format_args!("{} {text}", target.word))
}

fn document(target: &Target, happened: &Happened) -> Value {
    let ending = match happened {
        Happened::Ended(ending) => *ending,
        _ => None,
    };
    let (outcome, value) = match happened {
        Happened::Ended(Some(_)) => ("ended", Value::Null),
        Happened::Ended(None) => ("unknown", Value::Null),
        Happened::Set => ("set", Value::Null),
        Happened::Messages(count) => ("messages", json!(count)),
        Happened::Units(count) => ("units", json!(count)),
        Happened::Free => ("free", Value::Null),
        Happened::Value(value) => ("value", json!(value)),
    };
    json!({
        "target": target.word,
        "kind": target.kind(),
        "outcome": outcome,
        "code": ending.and_then(Ending::code),
        "signal": ending.and_then(Ending::signal),
        "value": value,
    })
}
