//! The life of a holder: many guests at once, and nobody waits for one of them.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::chdir;

use super::{COPY, END, EXISTS, HERE, LIST, MISSING, REFUSED, STORE, TAKE, TAKEN};
use crate::deadline::{Deadline, monotonic_now};
use crate::error::{Error, ErrorKind, Result};
use crate::object::socket::handing::{Handed, labelled, lines, receive_packet, send_packet};
use crate::object::socket::{Allowed, Connection, Listener, NameWatch};
use crate::sys::{ancillary, descriptors};
use crate::wait::Wait;

/// How long one who connected may take to ask.
const TURN: Duration = Duration::from_secs(3);
/// How long an answer may take that does not fit into the socket at once.
const ANSWER: Duration = Duration::from_secs(2);
/// Most guests at a time; others wait in the queue.
const GUESTS: usize = 64;

type Held = BTreeMap<String, OwnedFd>;

/// What a guest is doing.
#[derive(Debug)]
enum Stage {
    /// It has to ask by then.
    Asks(Duration),
    /// It asked for what another is about to take.
    Queues(Vec<u8>),
    /// It has copies, and is to say what becomes of them.
    Holds(Loan),
    /// It has its answer, or is gone.
    Done,
}

#[derive(Debug)]
struct Loan {
    labels: Vec<String>,
    takes: bool,
    is_accepted: bool,
}

#[derive(Debug)]
struct Guest {
    connection: Connection,
    stage: Stage,
}

/// A holder: it ends when it holds nothing any more, and when its file is gone
/// and its guests are.
///
/// # Errors
/// When it cannot start, or can take no guest at all.
pub(super) fn hold(listener: &mut Listener) -> Result<()> {
    settle(listener)?;
    let mut name = listener.watch_name()?;
    let mut held = Held::new();
    let mut guests: Vec<Guest> = Vec::new();
    let mut is_full = false;
    // The one who started it comes at once, unless it was killed.
    let opening = monotonic_now().saturating_add(TURN);
    loop {
        let takes = guests.len() < GUESTS && !is_full;
        let is_new = held.is_empty() && guests.is_empty();
        sleep(
            takes.then_some(&*listener),
            name.as_ref(),
            &guests,
            is_new.then_some(opening),
        )?;
        attend(&mut guests, &mut held);
        let before = guests.len();
        guests.retain(|guest| !matches!(guest.stage, Stage::Done));
        let has_answered = guests.len() < before;
        if has_answered && held.is_empty() {
            // Who comes in this moment finds nobody and tries once more.
            listener.leave_name();
            return Ok(());
        }
        is_full &= !has_answered;
        if takes {
            match listener.try_accept() {
                Ok(None) if guests.is_empty() && is_left(name.as_mut()) => return Ok(()),
                Ok(None) if is_new && monotonic_now() >= opening => {
                    listener.leave_name();
                    return Ok(());
                }
                Ok(Some(connection)) if connection.admit(&Allowed::Oneself).is_ok() => {
                    let stage = Stage::Asks(monotonic_now().saturating_add(TURN));
                    guests.push(Guest { connection, stage });
                }
                Ok(_) => {}
                // It waits in the queue until another has gone.
                Err(_) if !guests.is_empty() => is_full = true,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether nobody can come any more: what it holds would be held for nobody.
fn is_left(name: Option<&mut NameWatch>) -> bool {
    name.is_some_and(NameWatch::is_gone)
}

/// Lets go of everything that belongs to the one who started it.
fn settle(listener: &Listener) -> Result<()> {
    descriptors::close_others(&[listener.as_fd()]).map_err(Error::os)?;
    listener.answer_for_it()?;
    let null = OpenOptions::new().read(true).write(true).open("/dev/null");
    let null = null.map_err(Error::os)?;
    for standard in 0..=2 {
        descriptors::copy_to(null.as_raw_fd(), standard).map_err(Error::os)?;
    }
    chdir("/").map_err(Error::os)?;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).map_err(Error::os)?;
    // It is here to have descriptors, as many as there may be.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    Ok(())
}

/// Sleeps until somebody comes, says something, goes, or has had its turn, the
/// name is gone, or that moment has come.
fn sleep(
    listener: Option<&Listener>,
    name: Option<&NameWatch>,
    guests: &[Guest],
    moment: Option<Duration>,
) -> Result<()> {
    let listener = listener.map(AsFd::as_fd);
    let connections = guests.iter().map(|guest| guest.connection.as_fd());
    // With guests it goes on anyway, and looks when they are gone.
    let name = name.filter(|_| guests.is_empty());
    let mut entries: Vec<PollFd<'_>> = listener
        .into_iter()
        .chain(connections)
        .chain(name.and_then(NameWatch::news))
        .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
        .collect();
    let first = guests.iter().filter_map(|guest| match guest.stage {
        Stage::Asks(until) => Some(until),
        _ => None,
    });
    let recheck = name.and_then(NameWatch::recheck);
    let recheck = recheck.map(|span| monotonic_now().saturating_add(span));
    let left = first
        .chain(moment)
        .chain(recheck)
        .min()
        .map(|until| until.saturating_sub(monotonic_now()));
    match ppoll(&mut entries, left.map(Into::into), None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(Error::os(errno)),
    }
}

/// Goes on with every guest that can go on.
fn attend(guests: &mut [Guest], held: &mut Held) {
    // Those that have something first: what they take is gone for those that ask.
    for guest in guests.iter_mut() {
        if let Stage::Holds(loan) = &mut guest.stage
            && settles(&guest.connection, loan, held).unwrap_or(true)
        {
            guest.stage = Stage::Done;
        }
    }
    let has_ended = guests
        .iter()
        .any(|guest| matches!(guest.stage, Stage::Done));
    if has_ended && held.is_empty() {
        // Nobody is answered by a store that has nothing any more.
        return;
    }
    for index in 0..guests.len() {
        let reserved = reserved(guests);
        let guest = &mut guests[index];
        // Whoever talks nonsense, or not at all, has had its turn.
        let next = match &guest.stage {
            Stage::Asks(until) => asks(&guest.connection, *until, held, &reserved),
            Stage::Queues(question) => queues(&guest.connection, question, held, &reserved),
            Stage::Holds(_) | Stage::Done => continue,
        };
        guest.stage = next.unwrap_or(Stage::Done);
    }
}

/// The labels that somebody is about to take.
fn reserved(guests: &[Guest]) -> Vec<String> {
    let labels = guests.iter().filter_map(|guest| match &guest.stage {
        Stage::Holds(loan) if loan.takes => Some(loan.labels.iter().cloned()),
        _ => None,
    });
    labels.flatten().collect()
}

/// What a guest says now, if anything.
fn said(guest: &Connection) -> Result<Option<(Vec<u8>, Vec<OwnedFd>)>> {
    match receive_packet(guest, &mut Wait::until(Deadline::Now)) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        result => result.map(Some),
    }
}

fn tell(guest: &Connection, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> Result<()> {
    let mut wait = Wait::until(Deadline::after(ANSWER));
    send_packet(guest, bytes, fds, &mut wait)
}

/// Goes on with one who has something; whether that is over.
fn settles(guest: &Connection, loan: &mut Loan, held: &mut Held) -> Result<bool> {
    if !loan.is_accepted {
        // One whose table was full, or who was killed, does not say this.
        match said(guest)? {
            None => return Ok(false),
            Some((bytes, _)) if bytes != [TAKEN] => return Ok(true),
            Some(_) => loan.is_accepted = true,
        }
    }
    // It ends with exec(2); one that failed is told of before.
    let Some((bytes, _)) = said(guest)? else {
        return Ok(false);
    };
    if bytes.is_empty() && loan.takes {
        held.retain(|label, _| !loan.labels.contains(label));
    }
    tell(guest, &[END], &[]).map(|()| true)
}

/// Answers the question of a guest, if it has come.
fn asks(
    guest: &Connection,
    until: Duration,
    held: &mut Held,
    reserved: &[String],
) -> Result<Stage> {
    let (bytes, fds) = match said(guest) {
        Ok(None) if monotonic_now() < until => return Ok(Stage::Asks(until)),
        Ok(None) => return Ok(Stage::Done),
        Err(error) if error.kind() == ErrorKind::Limit => {
            return refuse(guest, REFUSED, &format!("the holder: {error}"));
        }
        Ok(Some(question)) => question,
        Err(error) => return Err(error),
    };
    match bytes.split_first() {
        Some((&STORE, labels)) => keep(guest, labelled(labels, fds), held),
        Some((&(TAKE | COPY), _)) => give(guest, &bytes, held, reserved),
        Some((&LIST, _)) => {
            let labels = lines(held.keys().map(String::as_str));
            tell(guest, &[&[LIST][..], &labels].concat(), &[]).map(|()| Stage::Done)
        }
        _ => refuse(guest, REFUSED, "the holder does not understand"),
    }
}

/// Tries once more, unless the guest has gone.
fn queues(guest: &Connection, question: &[u8], held: &Held, reserved: &[String]) -> Result<Stage> {
    match said(guest)? {
        None => give(guest, question, held, reserved),
        Some(_) => Ok(Stage::Done),
    }
}

fn refuse(guest: &Connection, code: u8, why: &str) -> Result<Stage> {
    tell(guest, &[&[code][..], why.as_bytes()].concat(), &[]).map(|()| Stage::Done)
}

fn keep(guest: &Connection, items: Vec<Handed>, held: &mut Held) -> Result<Stage> {
    let mut new = Held::new();
    for item in items {
        if held.contains_key(&item.label) || new.contains_key(&item.label) {
            let why = format!("there is a descriptor labelled {} already", item.label);
            return refuse(guest, EXISTS, &why);
        }
        new.insert(item.label, item.descriptor);
    }
    // Only what its owner knows of is kept.
    tell(guest, &[END], &[])?;
    held.append(&mut new);
    Ok(Stage::Done)
}

fn give(guest: &Connection, question: &[u8], held: &Held, reserved: &[String]) -> Result<Stage> {
    let takes = question.first() == Some(&TAKE);
    let text = String::from_utf8_lossy(question.get(1..).unwrap_or_default());
    let labels: Vec<String> = match text.is_empty() {
        true => held.keys().cloned().collect(),
        false => text.lines().map(str::to_owned).collect(),
    };
    if let Some(label) = labels.iter().find(|label| !held.contains_key(*label)) {
        let why = format!("there is no descriptor labelled {label}");
        return refuse(guest, MISSING, &why);
    }
    if takes && labels.iter().any(|label| reserved.contains(label)) {
        return Ok(Stage::Queues(question.to_vec()));
    }
    for batch in labels.chunks(ancillary::MOST) {
        let fds: Vec<BorrowedFd<'_>> = batch
            .iter()
            .filter_map(|label| held.get(label).map(AsFd::as_fd))
            .collect();
        let labels = lines(batch.iter().map(String::as_str));
        tell(guest, &[&[HERE][..], &labels].concat(), &fds)?;
    }
    tell(guest, &[END], &[])?;
    let is_accepted = false;
    Ok(Stage::Holds(Loan {
        labels,
        takes,
        is_accepted,
    }))
}
