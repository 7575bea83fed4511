//! What `acquire` and `run` have in common: the options, and the owner.

use std::os::fd::AsFd;

use clap::Args;
use nix::sys::stat::{SFlag, fstat};
use nix::unistd::{getpid, getsid};

use crate::cmd::context::Context;
use crate::cmd::options::NewMode;
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::name::Name;
use crate::output::stdout_descriptor;
use crate::process::identity::{
    Process, ancestors, is_launcher, is_shell_of_one_command, lineage, prints_elsewhere,
};
use crate::shared::lock::{Acquired, Geometry, Holder, Lock, Request, Want, described};
use crate::wait::Wait;

/// In which way to take a lock.
#[derive(Debug, Clone, Args)]
pub(super) struct Taking {
    /// Let this many hold it at once; fixed when the lock is made
    #[arg(long, value_name = "SLOTS", conflicts_with = "shared")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=240))]
    slots: Option<u32>,

    /// Hold it together with other readers
    #[arg(long)]
    shared: bool,

    /// Take it once more when the owner holds it already
    #[arg(long)]
    reentrant: bool,

    /// Fail with exit code 7 when the last owner died while it held
    #[arg(long)]
    no_recover: bool,

    /// Say how long it took, or who holds it instead
    #[arg(long)]
    verbose: bool,

    #[command(flatten)]
    mode: NewMode,
}

impl Taking {
    /// Opens the lock; it is made on first use with the slots asked for.
    pub(super) fn open(&self, name: &Name) -> Result<Lock> {
        let geometry = Geometry::of_slots(self.slots)?;
        loop {
            match Lock::open(name) {
                Ok(lock) if self.slots.is_some() => {
                    lock.require(geometry).map_err(|error| error.about(name))?;
                    return Ok(lock);
                }
                Err(error) if error.kind() == ErrorKind::Missing => {
                    match Lock::create(name, geometry, self.mode.mode) {
                        // Somebody else was faster: theirs is as good.
                        Err(error) if error.kind() == ErrorKind::Exists => {}
                        result => result?,
                    }
                }
                result => return result,
            }
        }
    }

    /// The hold of an ancestor of this process that the command may run under.
    ///
    /// # Errors
    /// [`ErrorKind::Exists`] when waiting for it would be waiting for oneself:
    /// it is the hold of a command that waits for this one.
    pub(super) fn outer_hold(&self, lock: &Lock) -> Result<Option<Holder>> {
        if lock.geometry() != Geometry::Plain {
            return Ok(None);
        }
        let holders = lock.holders()?;
        let this = std::process::id().cast_signed();
        let above = |holder: &Holder| ancestors(this).any(|pid| pid == holder.pid.cast_signed());
        let Some(outer) = holders.into_iter().find(above) else {
            return Ok(None);
        };
        match outer.mode {
            "shared" if self.shared && !self.reentrant => Ok(None),
            "exclusive" if self.reentrant => Ok(Some(outer)),
            "shared" if self.shared => Ok(Some(outer)),
            _ if !outer.run && !self.reentrant => Ok(None),
            mode => {
                let message = format!(
                    "process {} holds it ({mode}), and this runs under that hold",
                    outer.pid
                );
                let error = Error::new(ErrorKind::Exists, message);
                Err(error.hint(if self.reentrant {
                    "a shared hold does not become an exclusive one: that must be released first"
                } else {
                    "--reentrant runs the command under it, unless it wants more"
                }))
            }
        }
    }

    /// Takes the lock, and says it when a dead owner left it.
    pub(super) fn take(
        &self,
        lock: &Lock,
        name: &Name,
        owner: &Process,
        wait: &mut Wait,
        context: &Context,
    ) -> Result<Acquired> {
        let request = Request {
            owner,
            want: if self.shared {
                Want::Shared
            } else {
                Want::Exclusive
            },
            reentrant: self.reentrant,
            recover: !self.no_recover,
        };
        let start = monotonic_now();
        let acquired = lock.acquire(&request, wait).map_err(|error| {
            let busy = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
            if self.verbose && busy {
                remark_holders(lock, name, context);
            }
            error.about(name)
        })?;
        if self.verbose {
            let took = monotonic_now().saturating_sub(start).as_secs_f64();
            context.remark(format_args!("{name}: taken after {took:.6} s"));
        }
        if acquired.recovered {
            let from = match acquired.dead_owner {
                Some(pid) => format!("from dead owner {pid}"),
                None => "from a hold that was broken, or whose owner is forgotten".to_owned(),
            };
            context.remark(format_args!("{name}: recovered {from}"));
        }
        Ok(acquired)
    }
}

fn remark_holders(lock: &Lock, name: &Name, context: &Context) {
    for holder in lock.holders().unwrap_or_default() {
        context.remark(format_args!("{name}: held by {}", described(holder.pid)));
    }
}

/// The owner that was named, else the parent of this process.
///
/// # Errors
/// [`ErrorKind::Usage`] when the parent is no shell that will go on.
pub(super) fn owner(named: Option<i32>) -> Result<Process> {
    if let Some(pid) = named {
        return Process::open(pid);
    }
    let parent = Process::parent()?;
    let refused = |why: &str| {
        Err(Error::new(ErrorKind::Usage, why)
            .hint("--owner $$ names the shell of the script as the owner"))
    };
    let Some(found) = lineage(parent.pid()) else {
        return Ok(parent);
    };
    // Sessions are inherited, and only a leader has chosen its own: with
    // another than its parent's a process was left to a reaper. A leader below
    // process 1 nearly always was: nobody else starts one there.
    let (this, session) = (getpid(), getsid(None).ok());
    let has_chosen = |own| own == this && parent.pid() != 1;
    if session.is_some_and(|own| !has_chosen(own) && own.as_raw() != found.session) {
        return refused("the parent has ended, and process 1 or a reaper stands in its place");
    }
    if is_launcher(parent.pid()) {
        return refused(
            "the parent only runs this command and ends with it, and so would the lock",
        );
    }
    let captured = || prints_elsewhere(parent.pid()).unwrap_or_else(prints_into_pipe);
    if found.is_copy && captured() || !found.is_copy && is_shell_of_one_command(parent.pid()) {
        return refused("the parent is a shell that ends with this command, and the lock with it");
    }
    Ok(parent)
}

/// The process whose hold is meant: the parent if it holds the lock, whatever
/// it is, or this one: a shell becomes the last command of its script. Else as
/// [`owner`] has it.
///
/// # Errors
/// As [`owner`].
pub(super) fn holder(named: Option<i32>, lock: &Lock) -> Result<Process> {
    if named.is_none() {
        let this = Process::open(getpid().as_raw());
        let likely = [Process::parent(), this].into_iter().flatten();
        for process in likely {
            if lock.hold_of(&process).is_some() {
                return Ok(process);
            }
        }
    }
    owner(named)
}

/// Says it when the lock ends with a subshell, which may be sooner than meant.
pub(super) fn tell_of_subshell(context: &Context, name: &Name, owner: &Process) {
    if lineage(owner.pid()).is_some_and(|found| found.is_copy) {
        let pid = owner.pid();
        context.remark(format_args!(
            "{name}: held by the subshell {pid}, and free when that ends"
        ));
    }
}

fn prints_into_pipe() -> bool {
    fstat(stdout_descriptor().as_fd())
        .is_ok_and(|found| SFlag::from_bits_truncate(found.st_mode).contains(SFlag::S_IFIFO))
}
