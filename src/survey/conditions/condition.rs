//! One thing to wait for.

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::poll::PollFlags;

use super::{Happened, SEMAPHORE_PERIOD};
use crate::backing::Access;
use crate::deadline::monotonic_now;
use crate::error::{Error, ErrorKind, Result};
use crate::name::Name;
use crate::object::mq::{self, Queue};
use crate::object::sem;
use crate::process::identity::{Fate, Process};
use crate::process::supervise::{Observer, Seen};
use crate::shared::array::{Array, Family};
use crate::shared::bell::Bell;
use crate::shared::comparison::Comparison;
use crate::shared::event::{Awaited, Event};
use crate::shared::lock::Lock;
use crate::shared::scalar::Scalar;
use crate::wait::{RECHECK, Wait};

/// How long a zombie may take to be reaped, where only then its status shows.
const PATIENCE: Duration = Duration::from_secs(1);

/// One thing to wait for, open.
#[derive(Debug)]
pub struct Condition(What);

#[derive(Debug)]
enum What {
    Process {
        process: Process,
        /// Until when to hope for the reap of a zombie.
        until: Option<Duration>,
    },
    /// A process that had ended before anybody could look at it.
    Past,
    Named(Name, Observer),
    Event(Name, Awaited),
    Queue(Name, Queue),
    Semaphore(Name),
    Lock(Name, Lock, Vec<Process>),
    Value {
        name: Name,
        array: Arc<Array>,
        comparison: Comparison,
        wanted: Scalar,
        /// Whether those who write tell of it.
        is_told: bool,
    },
}

impl Condition {
    /// The end of a process.
    pub fn process(process: Process) -> Condition {
        Condition(What::Process {
            process,
            until: None,
        })
    }

    /// The end of a process that is not there any more.
    pub fn past() -> Condition {
        Condition(What::Past)
    }

    /// The end of a named process.
    ///
    /// # Errors
    /// As [`Observer::of`].
    pub fn named(name: &Name) -> Result<Condition> {
        let observer = Observer::of(name)?;
        Ok(Condition(What::Named(name.clone(), observer)))
    }

    /// An event that is set, or pulsed from now on.
    ///
    /// # Errors
    /// As [`Event::look`].
    pub fn event(name: &Name) -> Result<Condition> {
        let awaited = Event::look(name)?.awaited();
        Ok(Condition(What::Event(name.clone(), awaited)))
    }

    /// A queue that is not empty.
    ///
    /// # Errors
    /// As [`Queue::open`].
    pub fn queue(name: &Name) -> Result<Condition> {
        let queue = Queue::open(name, mq::Access::Look)?;
        Ok(Condition(What::Queue(name.clone(), queue)))
    }

    /// A semaphore with a unit in it. It is not taken.
    ///
    /// # Errors
    /// As [`sem::peek`].
    pub fn semaphore(name: &Name) -> Result<Condition> {
        sem::peek(name)?;
        Ok(Condition(What::Semaphore(name.clone())))
    }

    /// A lock that could be taken alone, or has a free slot. It is not taken.
    ///
    /// # Errors
    /// As [`Lock::look`]; [`ErrorKind::Limit`] in another pid namespace than its own.
    pub fn lock(name: &Name) -> Result<Condition> {
        let lock = Lock::look(name)?;
        lock.require_this_namespace()
            .map_err(|error| error.about(name))?;
        Ok(Condition(What::Lock(name.clone(), lock, Vec::new())))
    }

    /// A value that compares so with a wanted one.
    ///
    /// # Errors
    /// As [`Array::open`]; [`ErrorKind::Usage`] when the wanted one is none of its type.
    pub fn value(name: &Name, comparison: Comparison, wanted: &[u8]) -> Result<Condition> {
        let array = Array::open(name, Family::Value, Access::Read)?;
        let wanted = array.header().element.parse(wanted);
        Ok(Condition(What::Value {
            wanted: wanted.map_err(|error| error.about(name))?,
            name: name.clone(),
            array: Arc::new(array),
            comparison,
            is_told: false,
        }))
    }

    /// Has the bell ring when it may have come about, if no descriptor tells.
    pub(super) fn ring(&mut self, bell: &Bell) -> Result<()> {
        match &mut self.0 {
            What::Event(_, awaited) => awaited.ring(bell),
            What::Lock(_, lock, _) => lock.ring(bell),
            What::Value { array, is_told, .. } => {
                *is_told = array.ring(bell)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether it has come about.
    pub(super) fn look(&mut self, wait: &mut Wait) -> Result<Option<Happened>> {
        match &mut self.0 {
            What::Past => Ok(Some(Happened::Ended(None))),
            What::Process { process, until } => Ok(end_of(process, until)),
            What::Named(name, observer) => match observer.look() {
                Err(error) => Err(error.or_about(&*name)),
                Ok(Seen::Going) => Ok(None),
                Ok(Seen::Ended(ending)) => Ok(Some(Happened::Ended(Some(ending)))),
                Ok(Seen::Unknown) => Ok(Some(Happened::Ended(None))),
            },
            What::Event(name, awaited) => {
                let has_come = awaited.has_come().map_err(|error| error.about(&*name))?;
                Ok(has_come.then_some(Happened::Set))
            }
            What::Queue(name, queue) => match queue.depth()? {
                0 => queue
                    .require_name()
                    .map(|()| None)
                    .map_err(|error| error.about(&*name)),
                count => Ok(Some(Happened::Messages(count))),
            },
            What::Semaphore(name) => match sem::peek(name) {
                Ok(0) => Ok(None),
                Ok(units) => Ok(Some(Happened::Units(units))),
                Err(error) if error.kind() == ErrorKind::Missing => {
                    Err(Error::new(ErrorKind::Broken, "was removed while waiting").about(&*name))
                }
                Err(error) => Err(error),
            },
            What::Lock(name, lock, holders) => {
                let found = lock.in_the_way().map_err(|error| error.about(&*name))?;
                let Some(found) = found else {
                    return Ok(Some(Happened::Free));
                };
                *holders = found;
                Ok(None)
            }
            What::Value {
                name,
                array,
                comparison,
                wanted,
                ..
            } => {
                let now = array.get(0, wait).map_err(|error| error.about(&*name))?;
                if comparison.holds(now.compare(wanted)) {
                    return Ok(Some(Happened::Value(now)));
                }
                array
                    .require_name()
                    .map(|()| None)
                    .map_err(|error| error.about(&*name))
            }
        }
    }

    /// What to poll, and for what.
    pub(super) fn descriptors(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        match &self.0 {
            // A zombie stays readable: what is waited for then is its reap.
            What::Process { process, until } => {
                let events = match until {
                    None => PollFlags::POLLIN,
                    Some(_) => PollFlags::empty(),
                };
                vec![(process.as_fd(), events)]
            }
            What::Named(_, observer) => {
                let descriptors = observer.descriptors().into_iter();
                descriptors.map(|one| (one, PollFlags::POLLIN)).collect()
            }
            What::Queue(_, queue) => vec![(queue.as_fd(), PollFlags::POLLIN)],
            What::Lock(_, _, holders) => holders
                .iter()
                .map(|holder| (holder.as_fd(), PollFlags::POLLIN))
                .collect(),
            What::Past | What::Event(..) | What::Semaphore(_) | What::Value { .. } => Vec::new(),
        }
    }

    /// How often it has to be looked at by the clock.
    pub(super) fn period(&self) -> Option<Duration> {
        match &self.0 {
            What::Semaphore(_) => Some(SEMAPHORE_PERIOD),
            What::Process {
                until: Some(until), ..
            } => Some(until.saturating_sub(monotonic_now())),
            // Nobody tells that a queue was removed.
            What::Queue(..) => Some(RECHECK),
            What::Value { is_told: false, .. } => Some(RECHECK),
            What::Named(_, observer) => observer.needs_clock().then_some(RECHECK),
            _ => None,
        }
    }
}

/// The end of a process, if it has come.
fn end_of(process: &Process, until: &mut Option<Duration>) -> Option<Happened> {
    match process.fate() {
        Fate::Alive => None,
        Fate::Ended(ending) => Some(Happened::Ended(Some(ending))),
        Fate::Unknown => Some(Happened::Ended(None)),
        Fate::Hidden => {
            let now = monotonic_now();
            let until = until.get_or_insert(now.saturating_add(PATIENCE));
            (*until <= now).then_some(Happened::Ended(None))
        }
    }
}
