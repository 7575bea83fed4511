//! `ipc signal wait`.

use std::ffi::OsString;
use std::io::Write;

use clap::Args;
use serde_json::json;

use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::cmd::options::Waiting;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::process::mailbox::{Letter, Mailbox};
use crate::process::signal::Signal;
use crate::shared::event::Event;
use crate::size::Mode;
use crate::sys::startup::inherited;

const MORE: &str = "\
Examples:
  ipc signal wait USR1 --timeout 10s
      Waits for SIGUSR1, and prints who sent it.
  ipc signal wait RTMIN+1 -n 100 --json
      Takes a hundred queued signals with their values, in order.
  ipc signal wait USR1 --name ready & ipc event wait ready && ipc kill -s USR1 $!
      Sends only when the other side is there to take it.

Exit status:
  1    under --try: none was there
  2    not a signal, or one that cannot be waited for
  124  the time is over

See also: ipc-kill(1), ipc-signal-ls(1), ipc-event-wait(1), sigtimedwait(2)";

/// Wait for signals and print who sent them
///
/// The signals are blocked before anything else, so that none is lost from then on: each
/// real-time signal that was queued arrives, in order, with its value; of the others the
/// kernel keeps one of a kind. When several kinds are there the lowest number comes
/// first. A line has the name, the sender's pid and uid, and the value, or - where none
/// was sent. Those that come after the last that was asked for end with this process.
///
/// A sender must not begin before the signals are blocked. --ready-fd and --name tell
/// it when that is so.
#[derive(Debug, Args)]
#[command(after_long_help = MORE)]
pub(crate) struct Wait {
    /// The signals by name or number
    #[arg(value_name = "SIG", required = true, value_parser = str::parse::<Signal>)]
    #[arg(add = complete::signals())]
    signals: Vec<Signal>,

    /// Take this many, then end
    #[arg(short = 'n', long, value_name = "COUNT", default_value = "1")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,

    /// When ready, write the pid and a line end to this descriptor, and close it
    #[arg(long, value_name = "FD", value_parser = clap::value_parser!(i32).range(3..))]
    ready_fd: Option<i32>,

    /// When ready, set the event of this name; it is made when it is missing
    #[arg(long, value_name = "NAME")]
    name: Option<OsString>,

    #[command(flatten)]
    waiting: Waiting,
}

impl Wait {
    pub(crate) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        let deadline = self.waiting.deadline();
        // First of all, while its number can only be what was handed over.
        let ready = self.ready_fd.map(|fd| {
            let refused = |errno| Error::os(errno).about(format!("descriptor {fd}"));
            inherited(fd).map_err(refused)
        });
        let ready = ready.transpose()?;
        let event = self.name.as_ref().map(|name| -> Result<Event> {
            let name = context.name(name)?;
            Event::open_or_create(&name, Mode::default()).map_err(|error| error.or_about(&name))
        });
        let event = event.transpose()?;
        context.out.stdout().check()?;
        let mailbox = Mailbox::of(&self.signals)?;
        if let Some(mut ready) = ready {
            let number = format!("{}\n", std::process::id());
            ready.write_all(number.as_bytes()).map_err(Error::os)?;
        }
        if let Some(event) = event {
            event.set();
        }
        let names: Vec<String> = self.signals.iter().map(|signal| signal.name()).collect();
        let mut wait = context.wait(deadline, format!("signal {}", names.join(" or ")));
        for _ in 0..self.count {
            let letter = match mailbox.take_now()? {
                Some(letter) => letter,
                None => {
                    // What was taken is not kept from its reader meanwhile.
                    context.out.flush()?;
                    match mailbox.take(&mut wait) {
                        Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Exit::No),
                        result => result?,
                    }
                }
            };
            print(context, &letter)?;
        }
        Ok(Exit::Done)
    }
}

fn print(context: &mut Context, letter: &Letter) -> Result<()> {
    let name = letter.signal.name();
    if context.out.is_json() {
        return context.out.json(&json!({
            "signal": name, "number": letter.signal.number(), "pid": letter.pid,
            "uid": letter.uid, "value": letter.value, "how": letter.how,
        }));
    }
    let value = letter
        .value
        .map_or_else(|| "-".to_owned(), |value| value.to_string());
    context
        .out
        .line(format_args!("{name} {} {} {value}", letter.pid, letter.uid))
}
