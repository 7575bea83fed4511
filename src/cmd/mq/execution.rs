//! A command for each message, with the message on its standard input.

use super::amount::Amount;
use super::put_back::put_back;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::name::Name;
use crate::object::mq::Queue;
use crate::process::blocked::Blocked;
use crate::process::spawn::{Ended, Spawn};
use crate::wait::Wait;

/// What to do with the messages of a queue.
pub(super) struct Task<'a> {
    pub(super) queue: &'a Queue,
    pub(super) name: &'a Name,
    pub(super) spawn: Spawn<'a>,
    pub(super) keep_going: bool,
    pub(super) blocked: &'a Blocked,
}

/// A message whose command failed, kept until the verb ends.
struct Failed {
    priority: u32,
    message: Vec<u8>,
}

impl Task<'_> {
    /// Runs the command for each message until the amount is reached or one fails.
    pub(super) fn run(&self, amount: Amount, mut wait: Wait) -> Result<Exit> {
        let mut failed = Vec::new();
        if self.keep_going {
            // There is something to put back, so a signal must not just kill.
            wait.stop_on_signals()?;
        }
        let ending = self.work(amount, &mut wait, &mut failed);
        for Failed { priority, message } in &failed {
            put_back("mq recv", self.queue, self.name, *priority, message);
        }
        match ending? {
            Exit::Done if !failed.is_empty() => Ok(Exit::Partly),
            ending => Ok(ending),
        }
    }

    fn work(&self, amount: Amount, wait: &mut Wait, failed: &mut Vec<Failed>) -> Result<Exit> {
        let about = |error: Error| error.about(self.name);
        let mut buffer = vec![0; self.queue.geometry().max_size];
        let mut count = 0;
        while !amount.is_reached(count) {
            // What came while a command ran has been passed on to it; now it is for us.
            self.blocked.check()?;
            let taken = self.queue.try_receive(&mut buffer).map_err(about)?;
            let Some((priority, length)) = taken else {
                if amount == Amount::Drain {
                    break;
                }
                match self.queue.wait_for_message(wait) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
                    result => result.map_err(about)?,
                };
                continue;
            };
            count += 1;
            let message = &buffer[..length];
            let ended = self.execute(priority, message);
            match ended.as_ref().map(|ended| ended.exit) {
                Ok(Exit::Command(0)) => {}
                // A command that cannot even start fails for every message.
                Ok(Exit::Command(_) | Exit::Signal(_)) if self.keep_going => failed.push(Failed {
                    priority,
                    message: message.to_vec(),
                }),
                _ => {
                    put_back("mq recv", self.queue, self.name, priority, message);
                    return ended.map(|ended| ended.exit);
                }
            }
            if let Ok(ended) = ended
                && (!amount.is_reached(count) || ended.is_by_what_came())
            {
                // It was meant to end more than this command.
                ended.strike();
            }
        }
        Ok(Exit::Done)
    }

    fn execute(&self, priority: u32, message: &[u8]) -> Result<Ended> {
        let spawn = self.spawn.clone();
        let spawn = spawn.env("IPC_MQ_PRIORITY", priority.to_string());
        super::execute("mq recv", &spawn, Some(message), self.blocked)
    }
}
