//! A command for each message, with the message on its standard input.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::put_back::put_back;
use super::recv::Amount;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::name::Name;
use crate::object::mq::Queue;
use crate::process::blocked::Blocked;
use crate::process::spawn::Spawn;
use crate::wait::Wait;

/// What to do with the messages of a queue.
pub(super) struct Task<'a> {
    pub(super) queue: &'a Queue,
    pub(super) name: &'a Name,
    pub(super) keep_going: bool,
}

/// A message whose command failed, kept until the verb ends.
struct Failed {
    priority: u32,
    message: Vec<u8>,
}

impl Task<'_> {
    /// Runs the command for each message until the amount is reached or one fails.
    pub(super) fn run(
        &self,
        command: &[OsString],
        amount: Amount,
        mut wait: Wait,
        blocked: &Blocked,
    ) -> Result<Exit> {
        let mut failed = Vec::new();
        if self.keep_going {
            // There is something to put back, so a signal must not just kill.
            wait.stop_on_signals()?;
        }
        let ending = self.work(command, amount, &mut wait, blocked, &mut failed);
        for Failed { priority, message } in &failed {
            put_back(self.queue, self.name, *priority, message);
        }
        match ending? {
            Exit::Done if !failed.is_empty() => Ok(Exit::Partly),
            ending => Ok(ending),
        }
    }

    fn work(
        &self,
        command: &[OsString],
        amount: Amount,
        wait: &mut Wait,
        blocked: &Blocked,
        failed: &mut Vec<Failed>,
    ) -> Result<Exit> {
        let mut buffer = vec![0; self.queue.geometry().max_size];
        let mut count = 0;
        while !amount.is_reached(count) {
            let Some((priority, length)) = self.queue.try_receive(&mut buffer)? else {
                if amount == Amount::Drain {
                    break;
                }
                match self.queue.wait_for_message(wait) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
                    result => result.map_err(|error| error.about(self.name))?,
                };
                continue;
            };
            count += 1;
            let message = &buffer[..length];
            match self.execute(command, priority, message, blocked) {
                Ok(Exit::Command(0)) => {}
                Ok(_) if self.keep_going => failed.push(Failed {
                    priority,
                    message: message.to_vec(),
                }),
                result => {
                    put_back(self.queue, self.name, priority, message);
                    return result;
                }
            }
        }
        Ok(Exit::Done)
    }

    fn execute(
        &self,
        command: &[OsString],
        priority: u32,
        message: &[u8],
        blocked: &Blocked,
    ) -> Result<Exit> {
        let spawn = Spawn::new(command)
            .map_err(|error: Error| error.hint("--exec -- CMD ARGUMENT…"))?
            .env("IPC_MQ_NAME", OsStr::from_bytes(self.name.as_bytes()))
            .env("IPC_MQ_PRIORITY", priority.to_string());
        super::execute("mq recv", &spawn, Some(message), blocked)
    }
}
