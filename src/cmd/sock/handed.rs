//! Descriptors of the caller that go out, and those that came.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use nix::sys::stat::{SFlag, fstat};
use serde::Serialize;

use super::spawn_for;
use crate::cmd::complete;
use crate::cmd::context::Context;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escaped;
use crate::exit::Exit;
use crate::facts::Label;
use crate::object::socket::Address;
use crate::object::socket::handing::{Delivery, Handed, check_label};
use crate::process::spawn::Spawn;
use crate::sys::{descriptors, startup};
use crate::wait::Wait;

/// The number of the first descriptor that a command finds, as systemd has it.
const FIRST: RawFd = 3;

/// A descriptor of the caller, with a label: `3` or `3=log`.
#[derive(Debug, Clone)]
pub(super) struct Given {
    number: RawFd,
    label: String,
}

/// Reads a word that has to be text: one that is not is named in the error.
fn text<T: Clone + Send + Sync + 'static>(
    read: fn(&str) -> Result<T>,
) -> impl TypedValueParser<Value = T> {
    OsStringValueParser::new().try_map(move |word| match word.to_str() {
        Some(word) => read(word),
        None => {
            let word = escaped(word.as_bytes());
            let message = "a label is printable ASCII, and this is not even UTF-8";
            Err(Error::new(ErrorKind::Usage, message).about(format!("'{word}'")))
        }
    })
}

/// Reads a descriptor of the caller.
pub(super) fn given() -> impl TypedValueParser<Value = Given> {
    text(Given::read)
}

/// Reads a label that is asked for.
pub(super) fn label() -> impl TypedValueParser<Value = String> {
    text(|word| Ok(word.to_owned()))
}

impl Given {
    fn read(word: &str) -> Result<Given> {
        let (number, label) = match word.split_once('=') {
            Some((number, label)) => (number, label.to_owned()),
            None => (word, format!("fd{word}")),
        };
        let number: RawFd = number
            .parse()
            .ok()
            .filter(|number| *number >= 0)
            .ok_or_else(|| {
                let message = "a descriptor is a number, with a label 3=log";
                Error::new(ErrorKind::Usage, message)
            })?;
        check_label(&label)?;
        Ok(Given { number, label })
    }
}

/// The caller's descriptors, copied before this process opens any itself.
pub(super) fn collected(given: &[Given]) -> Result<Vec<(String, OwnedFd)>> {
    let copy = |one: &Given| {
        let closed = || {
            let error = Error::new(ErrorKind::Missing, "is not open");
            let error = error.about(format!("descriptor {}", one.number));
            error.hint(format!("exec {}< FILE opens it in a shell", one.number))
        };
        if startup::was_closed(one.number) {
            return Err(closed());
        }
        match descriptors::duplicate(one.number) {
            Ok(copy) => Ok((one.label.clone(), copy)),
            Err(nix::errno::Errno::EBADF) => Err(closed()),
            Err(errno) => Err(Error::os(errno).about(format!("descriptor {}", one.number))),
        }
    };
    given.iter().map(copy).collect()
}

/// The same, to be sent.
pub(super) fn borrowed(items: &[(String, OwnedFd)]) -> Vec<(String, BorrowedFd<'_>)> {
    let items = items.iter();
    items
        .map(|(label, fd)| (label.clone(), fd.as_fd()))
        .collect()
}

/// A number at which a command is to find the descriptor of a label.
#[derive(Debug, Clone)]
struct Spot {
    number: RawFd,
    label: String,
}

impl Spot {
    fn read(word: &str) -> Result<Spot> {
        let parsed = word.split_once('=').and_then(|(number, label)| {
            let number = number.parse().ok().filter(|number| *number >= 0)?;
            let label = label.to_owned();
            Some(Spot { number, label })
        });
        parsed.ok_or_else(|| Error::new(ErrorKind::Usage, "is like 0=LABEL"))
    }
}

/// What to do with descriptors that came.
#[derive(Debug, Clone, Args)]
pub(super) struct Use {
    /// Become CMD, which has the descriptors
    ///
    /// It finds them from 3 on, in the order in which they were sent, and told as
    /// systemd does: their number in LISTEN_FDS, their labels in LISTEN_FDNAMES with
    /// colons between, and its own process in LISTEN_PID.
    #[arg(long, value_name = "CMD", num_args = 0.., allow_hyphen_values = true)]
    #[arg(add = complete::commands())]
    pub(super) exec: Option<Vec<OsString>>,

    /// Put the descriptor of this label at this number too: 0=LABEL is its input
    #[arg(long = "place", value_name = "N=LABEL", requires = "exec")]
    #[arg(value_parser = text(Spot::read))]
    spots: Vec<Spot>,

    /// The command and its arguments, after --exec
    #[arg(value_name = "CMD", last = true, requires = "exec", add = complete::commands())]
    command: Vec<OsString>,
}

#[derive(Serialize)]
struct Row {
    label: String,
    #[serde(rename = "type")]
    file_type: &'static str,
    target: Option<String>,
}

#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    name: Label,
    descriptors: Vec<Row>,
}

impl Use {
    pub(super) fn is_run_like(&self) -> bool {
        self.exec.is_some()
    }

    /// The command and its arguments, from before and after `--`.
    pub(super) fn command(&self) -> Result<Option<Vec<OsString>>> {
        let Some(exec) = &self.exec else {
            return Ok(None);
        };
        // An option that takes words with hyphens takes the -- as well.
        let exec = match exec.split_first() {
            Some((first, rest)) if first == "--" => rest,
            _ => exec.as_slice(),
        };
        let command = [exec, self.command.as_slice()].concat();
        if command.is_empty() {
            let error = Error::new(ErrorKind::Usage, "--exec needs a command to run");
            return Err(error.hint("--exec -- CMD ARGUMENT…"));
        }
        Ok(Some(command))
    }

    /// Finds out before anything is taken whether it could be used: an exit
    /// when the command cannot be started. The labels are those asked for.
    pub(super) fn prepare(
        &self,
        context: &mut Context,
        command: Option<&[OsString]>,
        labels: Option<&[String]>,
    ) -> anyhow::Result<Option<Exit>> {
        let Some(command) = command else {
            context.out.stdout().check()?;
            return Ok(None);
        };
        let numbers = self.spots.iter().map(|spot| spot.number);
        if let Some(twice) = duplicate_of(numbers) {
            let message = format!("--place puts two descriptors at {twice}");
            return Err(Error::new(ErrorKind::Usage, message).into());
        }
        if let Some(labels) = labels {
            self.places(labels)?;
        }
        let spawn = Spawn::new(command)?;
        match spawn.obstacle() {
            Some(ending) => context.explain_start(&spawn.name(), ending).map(Some),
            None => Ok(None),
        }
    }

    /// Becomes the command that has them, or shows what they are. The giver
    /// hears of success only when nothing but exec(2) is left to fail.
    pub(super) fn apply(
        &self,
        context: &mut Context,
        address: &Address,
        command: Option<&[OsString]>,
        mut delivery: Delivery,
        wait: &mut Wait,
    ) -> anyhow::Result<Exit> {
        let result = match command {
            Some(command) => self.become_command(context, address, command, &mut delivery),
            None => show(context, address, &delivery.handed).map(|()| Exit::Done),
        };
        match &result {
            Ok(Exit::Done) => delivery.finish(wait),
            Ok(_) => delivery.decline(&Error::new(ErrorKind::Limit, "the command did not start")),
            Err(error) => delivery.decline(error),
        }
        let ending = result?;
        match command {
            Some(command) => context.explain_start(&Spawn::new(command)?.name(), ending),
            None => Ok(ending),
        }
    }

    fn become_command(
        &self,
        context: &Context,
        address: &Address,
        command: &[OsString],
        delivery: &mut Delivery,
    ) -> Result<Exit> {
        let handed = std::mem::take(&mut delivery.handed);
        let labels: Vec<String> = handed.iter().map(|one| one.label.clone()).collect();
        let places = self.places(&labels)?;
        let names = labels.join(":");
        let spawn = spawn_for(context, address, command)?
            .env("LISTEN_FDS", labels.len().to_string())
            .env("LISTEN_FDNAMES", names)
            .env("LISTEN_PID", std::process::id().to_string());
        let targets = places.iter().map(|(_, to)| *to);
        let last = targets.fold(FIRST + count(labels.len()), RawFd::max);
        delivery
            .stay_above(last.saturating_add(1))
            .map_err(beyond)?;
        let fds = handed.into_iter().map(|one| one.descriptor).collect();
        descriptors::place(fds, FIRST).map_err(beyond)?;
        // What is said when the command does not start is for whom it was before.
        let stderr = descriptors::duplicate_above(2, last.saturating_add(1)).ok();
        let put = places
            .iter()
            .try_for_each(|(from, to)| descriptors::copy_to(*from, *to).map_err(beyond));
        let result = put.and_then(|()| {
            delivery.accept();
            spawn.exec()
        });
        if let Some(stderr) = stderr {
            let _ = descriptors::copy_to(stderr.as_raw_fd(), 2);
        }
        result
    }

    /// From which number to which each label is copied.
    fn places(&self, labels: &[String]) -> Result<Vec<(RawFd, RawFd)>> {
        let end = FIRST + count(labels.len());
        let place = |spot: &Spot| {
            let found = labels.iter().position(|label| *label == spot.label);
            let Some(index) = found else {
                let label = escaped(spot.label.as_bytes());
                let message = format!("no descriptor labelled '{label}' came");
                return Err(Error::new(ErrorKind::Missing, message));
            };
            if (FIRST..end).contains(&spot.number) {
                let message = format!("number {} is taken by what came", spot.number);
                return Err(Error::new(ErrorKind::Usage, message));
            }
            Ok((FIRST + count(index), spot.number))
        };
        self.spots.iter().map(place).collect()
    }
}

/// As a descriptor counts; more than there can be is beyond any limit.
fn count(descriptors: usize) -> RawFd {
    RawFd::try_from(descriptors).map_or(RawFd::MAX / 2, |count| count.min(RawFd::MAX / 2))
}

/// A number that is there twice.
fn duplicate_of(numbers: impl Iterator<Item = RawFd>) -> Option<RawFd> {
    let mut seen = std::collections::BTreeSet::new();
    numbers.into_iter().find(|number| !seen.insert(*number))
}

fn beyond(errno: nix::errno::Errno) -> Error {
    Error::os(errno)
        .saying("the descriptors do not fit below RLIMIT_NOFILE")
        .hint("ulimit -n shows the limit")
}

/// Shows what came, and makes sure that it arrived.
fn show(context: &mut Context, address: &Address, handed: &[Handed]) -> Result<()> {
    let row = |one: &Handed| Row {
        label: one.label.clone(),
        file_type: type_of(&one.descriptor),
        target: target_of(&one.descriptor),
    };
    let rows: Vec<Row> = handed.iter().map(row).collect();
    if context.out.is_json() {
        let name = address.label(&context.scope);
        let descriptors = rows;
        context.out.json(&Document { name, descriptors })?;
        return context.out.flush();
    }
    for row in rows {
        let target = row.target.unwrap_or_default();
        let shown = escaped(target.as_bytes());
        let line = format!("{}\t{}\t{shown}", row.label, row.file_type);
        context.out.line(line)?;
    }
    context.out.flush()
}

fn type_of(fd: &OwnedFd) -> &'static str {
    let mode = fstat(fd).map_or(0, |found| found.st_mode);
    match SFlag::from_bits_truncate(mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFREG => "file",
        SFlag::S_IFDIR => "directory",
        SFlag::S_IFIFO => "pipe",
        SFlag::S_IFSOCK => "socket",
        SFlag::S_IFCHR | SFlag::S_IFBLK => "device",
        _ => "other",
    }
}

fn target_of(fd: &OwnedFd) -> Option<String> {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    link.ok().map(|path| path.to_string_lossy().into_owned())
}
