//! `ipc lock run`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use clap::Args;

use super::Locks;
use super::taking::Taking;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::{Conflict, TRY_FOR_A_CODE, Waiting};
use crate::error::Result;
use crate::exit::Exit;
use crate::name::Name;
use crate::process::identity::Process;
use crate::process::spawn::Spawn;

const MORE: &str = "\
Examples:
  ipc lock run backup -- rsync -a /home /mnt
      Runs rsync while nobody else runs it under this lock.
  ipc lock run builders --slots 4 -- make
      Runs at most four at a time.
  ipc lock run nightly --try --conflict-code 0 -- ./nightly
      Does nothing, successfully, when it runs already.

Exit status:
  The exit code of the command, 128+N when signal N ended it, and
  124       busy under --try, or the time is over (or --conflict-code)
  125       ipc itself failed
  126, 127  the command cannot be executed, is not found

Coming from flock and sem:
  flock F CMD, flock F -c TEXT    run NAME -- CMD, run NAME -- sh -c TEXT
  flock -n, flock -w S            --try, -t S
  flock -E CODE                   --conflict-code CODE; without it 124
  flock -s, flock -x              --shared; without it exclusive
  flock -F, flock -o              always so: the command is the holder, what it starts is not
  flock --verbose                 --verbose
  flock 9, flock -u 9             ipc lock acquire NAME, ipc lock release NAME
  sem --id NAME -j N CMD          run NAME --slots N -- CMD & in the shell; without & for --fg
  sem --id NAME --wait            ipc lock wait NAME
  sem --st -S                     -t S
  sem --st S                      -t S, then ipc lock break NAME and once more

See also: ipc-lock-acquire(1), ipc-lock-wait(1), ipc-sem-run(1), flock(1)";

const NO_RECOVER: &str =
    "Fail with exit code 125 when the last owner died while it held by acquire";

/// Run a command that holds a lock
///
/// The lock is taken in the name of this process, which then becomes the command:
/// there is no process in between, signals and job control reach it by themselves, and
/// nothing is inherited by what it starts. When it ends, however it ends, the lock is
/// free. A command that puts itself into the background gives the lock up at once.
///
/// A command that runs under this lock and would run another one under it is refused,
/// since both would wait for ever; with --reentrant the inner one runs under the hold
/// of the outer one, or of the shell that acquired it.
///
/// The token is in IPC_LOCK_TOKEN and the name in IPC_LOCK_NAME, without the scope, which
/// is in IPC_SCOPE. IPC_LOCK_RECOVERED is 1 when the last owner died while it held, or
/// its hold was broken. That is so of holds of acquire alone: one of run is free when its
/// command ends, be it killed, and leaves nothing to recover. Under --no-recover such a
/// lock is not taken, which ends with 125 here.
///
/// Up to 120 readers hold a lock at once; one more finds it busy.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
#[command(mut_arg("no_recover", |option| option.help(NO_RECOVER)))]
#[command(mut_arg("try_once", |option| option.help(TRY_FOR_A_CODE)))]
pub(crate) struct Run {
    /// Name of the lock
    #[arg(value_name = "NAME", add = complete::names::<Locks>())]
    name: OsString,

    #[command(flatten)]
    taking: Taking,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    conflict: Conflict,

    /// The command and its arguments
    #[arg(value_name = "CMD", last = true, required = true)]
    command: Vec<OsString>,
}

impl Run {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        let name = context.name(&self.name)?;
        let owner = Process::open(std::process::id().cast_signed())?;
        let lock = self.taking.open(&name)?;
        if let Some(outer) = self.taking.outer_hold(&lock).map_err(|e| e.about(&name))? {
            // The command runs under the hold that is there.
            let spawn = self.spawn(context, &name, outer.token)?;
            return context.explain_start(&spawn.name(), spawn.exec()?);
        }
        let mut wait = context.wait_for_lock(deadline, &lock, &name);
        let taken = self.taking.take(&lock, &name, &owner, &mut wait, context);
        let acquired = match taken {
            Err(error) => return self.conflict.or_fail(context, error),
            Ok(acquired) => acquired,
        };
        lock.mark_as_run(&acquired);
        let mut spawn = self.spawn(context, &name, acquired.token().0)?;
        if acquired.recovered {
            spawn = spawn.env("IPC_LOCK_RECOVERED", "1");
        }
        // Returns only when the command could not be started.
        let ending = spawn.exec();
        // One that was broken meanwhile needs no release.
        let _ = lock.release(&owner);
        context.explain_start(&spawn.name(), ending?)
    }

    fn spawn(&self, context: &Context, name: &Name, token: u64) -> Result<Spawn<'_>> {
        Ok(context
            .spawn(&self.command)?
            .env("IPC_LOCK_NAME", OsStr::from_bytes(context.inner(name)))
            .env("IPC_LOCK_TOKEN", token.to_string())
            // What an outer lock met is not what this one met.
            .without_env("IPC_LOCK_RECOVERED"))
    }
}
