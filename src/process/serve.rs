//! A command for each connection, and none left when the server ends.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;

use super::spawn::Spawn;
use super::watched::read_instead;
use crate::deadline::{Deadline, monotonic_now};
use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::object::socket::{Allowed, Connection, Listener, Peer};
use crate::sys::signal::{ENDING, is_ignored, see_children_end};
use crate::sys::wait::{Ending, Which, reap};

/// How long commands have to end by themselves after they were told to.
const GRACE: Duration = Duration::from_secs(5);

/// What a server does.
#[derive(Debug)]
pub struct Service<'a> {
    /// The command of each connection.
    pub spawn: Spawn<'a>,
    /// How many commands may run at once.
    pub most: usize,
    /// How many connections there are to be; nothing means no end.
    pub count: Option<u64>,
    /// Whom it serves.
    pub allowed: Allowed,
    /// How long it waits for a connection while no command runs.
    pub idle: Option<Duration>,
}

/// A connection that was served.
#[derive(Debug, Clone, Copy)]
pub struct Served {
    /// The process of the command.
    pub pid: i32,
    /// Who was connected.
    pub peer: Peer,
    /// How the command ended.
    pub ending: Ending,
}

/// What the surroundings of a server want to hear.
pub trait Audience {
    /// A command has ended.
    ///
    /// # Errors
    /// Ends the server.
    fn served(&mut self, served: Served) -> Result<()>;

    /// Somebody was refused, or a command could not be started.
    fn refused(&mut self, error: Error);
}

/// A server at work.
struct Server<'a> {
    service: &'a Service<'a>,
    audience: &'a mut dyn Audience,
    signals: SignalFd,
    former: SigSet,
    running: BTreeMap<i32, Peer>,
    taken: u64,
    is_full: bool,
}

impl Service<'_> {
    /// Serves until the count is reached or a signal asks to end; then the
    /// name is given up, and commands that still run are told to end (SIGTERM)
    /// and killed when they do not within five seconds.
    ///
    /// Killed itself, it leaves its commands to end with their connections.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::TimedOut`] when nobody came for as long as `idle` says.
    pub fn run(&self, listener: Listener, audience: &mut dyn Audience) -> Result<Exit> {
        let former = SigSet::thread_get_mask().map_err(Error::os)?;
        let heard = |signal: &Signal| !is_ignored(*signal) && !former.contains(*signal);
        let mut set = SigSet::from_iter(ENDING.into_iter().filter(heard));
        set.add(Signal::SIGCHLD);
        let signals = read_instead(&set)?;
        see_children_end();
        let mut server = Server {
            service: self,
            audience,
            signals,
            former,
            running: BTreeMap::new(),
            taken: 0,
            is_full: false,
        };
        let result = server.serve(&listener);
        // The name first: nobody comes who would not be served.
        drop(listener);
        let is_patient = matches!(result, Ok(Exit::Done));
        match server.finish(is_patient)? {
            Some(signal) => Ok(Exit::Signal(signal as i32)),
            None => result,
        }
    }
}

impl Server<'_> {
    fn serve(&mut self, listener: &Listener) -> Result<Exit> {
        let mut idle = self.idle();
        loop {
            let is_over = self.service.count.is_some_and(|most| self.taken >= most);
            if is_over {
                return Ok(Exit::Done);
            }
            let takes = self.running.len() < self.service.most && !self.is_full;
            let mut entries = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            if takes {
                entries.push(PollFd::new(listener.as_fd(), PollFlags::POLLIN));
            }
            let left = match idle {
                Deadline::At(moment) if self.running.is_empty() => {
                    Some(moment.saturating_sub(monotonic_now()))
                }
                _ => None,
            };
            let found = match ppoll(&mut entries, left.map(Into::into), None) {
                Err(Errno::EINTR) => continue,
                result => result.map_err(Error::os)?,
            };
            if found == 0 {
                return Err(idle.passed());
            }
            let is_asked = takes && entries[1].revents().is_some_and(|found| !found.is_empty());
            if let Some(signal) = self.hear()? {
                return Ok(Exit::Signal(signal as i32));
            }
            if is_asked && let Some(ending) = self.take(listener)? {
                return Ok(ending);
            }
            idle = self.idle();
        }
    }

    fn idle(&self) -> Deadline {
        self.service.idle.map_or(Deadline::Never, Deadline::after)
    }

    /// Takes one connection and starts its command; an exit when that can
    /// never work.
    fn take(&mut self, listener: &Listener) -> Result<Option<Exit>> {
        let connection = match listener.try_accept() {
            Ok(Some(connection)) => connection,
            Ok(None) => return Ok(None),
            Err(error) if error.errno() == Some(Errno::EMFILE) && !self.running.is_empty() => {
                // It waits in the queue until a command has ended.
                self.is_full = true;
                self.audience.refused(error);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Some(peer) = connection.peer()? else {
            return Ok(None);
        };
        if let Err(error) = connection.admit(&self.service.allowed) {
            self.audience.refused(error);
            return Ok(None);
        }
        self.taken += 1;
        match self.start(connection, peer) {
            Ok(pid) => {
                self.running.insert(pid, peer);
                Ok(None)
            }
            Err(refusal) => match self.service.spawn.failed(refusal) {
                // It would be so each time.
                Ok(exit) => Ok(Some(exit)),
                Err(error) => {
                    self.audience.refused(error);
                    Ok(None)
                }
            },
        }
    }

    fn start(&self, connection: Connection, peer: Peer) -> std::io::Result<i32> {
        let spawn = self.service.spawn.clone();
        let spawn = spawn
            .env("IPC_PEER_PID", peer.pid.to_string())
            .env("IPC_PEER_UID", peer.uid.to_string())
            .env("IPC_PEER_GID", peer.gid.to_string());
        let mut command = spawn.command(self.former, &[0, 1]);
        let input = connection.into_blocking()?;
        let output = input.try_clone()?;
        command
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(output));
        // A group of its own, so that what it starts can be ended with it.
        command.process_group(0);
        Ok(command.spawn()?.id().cast_signed())
    }

    /// Takes the ends of commands; says which ending signal came.
    fn hear(&mut self) -> Result<Option<Signal>> {
        let mut came = None;
        while let Ok(Some(found)) = self.signals.read_signal() {
            let signal = Signal::try_from(found.ssi_signo.cast_signed());
            came = came.or(signal.ok().filter(|signal| *signal != Signal::SIGCHLD));
        }
        while let Ok(Some((pid, ending))) = reap(Which::Any) {
            self.is_full = false;
            if let Some(peer) = self.running.remove(&pid) {
                self.audience.served(Served { pid, peer, ending })?;
            }
        }
        Ok(came)
    }

    /// Waits for the commands that still run; tells them to end, unless the
    /// server itself came to its end in peace.
    fn finish(&mut self, mut is_patient: bool) -> Result<Option<Signal>> {
        let (mut kill_at, mut interrupted) = (None, None);
        if !is_patient {
            kill_at = Some(self.tell(Signal::SIGTERM));
        }
        while !self.running.is_empty() {
            let mut entries = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
            let left = kill_at.map(|moment: Duration| moment.saturating_sub(monotonic_now()));
            let found = ppoll(&mut entries, left.map(Into::into), None);
            match self.hear()? {
                Some(signal) if is_patient => {
                    is_patient = false;
                    kill_at = Some(self.tell(Signal::SIGTERM));
                    interrupted = Some(signal);
                }
                // Asked twice, it does not wait.
                Some(_) => kill_at = Some(self.tell(Signal::SIGKILL)),
                None if found == Ok(0) => kill_at = Some(self.tell(Signal::SIGKILL)),
                None => {}
            }
        }
        Ok(interrupted)
    }

    /// Sends a signal to the commands and what they started; says until when
    /// to wait for them.
    fn tell(&self, signal: Signal) -> Duration {
        for pid in self.running.keys() {
            // Not reaped yet, so the group is still theirs.
            let _ = killpg(Pid::from_raw(*pid), signal);
        }
        monotonic_now().saturating_add(GRACE)
    }
}
