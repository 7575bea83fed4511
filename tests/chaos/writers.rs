//! Values and arrays under fire: writers are killed in the middle of a change.
//!
//! Checked: a steady read is of one change, or says that it is torn; the next
//! change makes it whole; of additions to one cell none that was answered is
//! lost, and none is made that nobody began.

use std::process::Child;

use ipc::backing::Access;
use ipc::deadline::Deadline;
use ipc::error::ErrorKind;
use ipc::name::Name;
use ipc::shared::array::{Array, Contents, Family};
use ipc::shared::element::Element;
use ipc::size::Mode;
use ipc::wait::Wait;

use crate::agent::PATIENCE;
use crate::lanes::{Dice, Object};
use crate::lines::{self, Lines, end, tell};

/// What a process is told: array, counter, whether it writes.
const ASKED: &str = "IPC_CHAOS_WRITER";
/// Long enough to be killed in the middle.
const LENGTH: usize = 50_000;

fn open(name: &str, family: Family) -> Array {
    Array::open(
        &Name::parse(name.as_bytes()).unwrap(),
        family,
        Access::Write,
    )
    .unwrap()
}

fn patient() -> Wait {
    Wait::until(Deadline::after(PATIENCE))
}

/// All elements of one change, or nothing where it is torn.
fn steady(array: &Array) -> Option<Vec<u8>> {
    match array.read_steady(0..LENGTH, &mut patient()) {
        Ok(bytes) => {
            let whole = bytes.chunks(8).all(|element| element == &bytes[..8]);
            assert!(whole, "a read of more than one change");
            Some(bytes)
        }
        // Others write all the time.
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) if error.kind() == ErrorKind::Broken => {
            assert!(error.to_string().contains("torn"), "{error}");
            None
        }
        Err(error) => {
            tell(&format!("busy {error}"));
            None
        }
    }
}

/// Writes, reads and adds over and over, if it was started to.
pub(crate) fn run_if_asked() {
    let Some(asked) = lines::asked(ASKED) else {
        return;
    };
    let (array, counter) = (
        open(&asked[0], Family::Array),
        open(&asked[1], Family::Value),
    );
    let element: Element = "int64".parse().unwrap();
    let one = element.parse_operand(b"1").unwrap();
    if asked[2] == "reads" {
        let mut whole = true;
        loop {
            let seen = steady(&array).is_some();
            // Once for each writer that was killed in the middle, not all the time.
            if whole && !seen {
                tell("torn");
            }
            whole = seen;
        }
    }
    for round in 0_u64.. {
        let number = format!("{}", (u64::from(std::process::id()) << 20) | (round % 1000));
        let number = element.parse(number.as_bytes()).unwrap();
        let all = (0..LENGTH).map(|index| (index, number.clone()));
        array
            .put(
                0..LENGTH,
                all.collect::<Vec<_>>().into_iter(),
                &mut patient(),
            )
            .unwrap();
        steady(&array);
        let sum = |now: &_| element.sum(now, &one, false).map(Some);
        counter.update(0, &mut patient(), sum).unwrap();
        tell("wrote");
    }
}

/// So many writers, until so many changes have been made.
pub(crate) fn run(count: usize, changes: u64) {
    let (array, counter) = (Object::new(), Object::new());
    let element: Element = "int64".parse().unwrap();
    let zero = element.parse(b"0").unwrap();
    let shape = Some(vec![LENGTH]);
    Array::create(
        &array.0,
        element,
        shape,
        Contents::All(&zero),
        Mode::default(),
    )
    .unwrap();
    let shape = Some(vec![]);
    Array::create(
        &counter.0,
        element,
        shape,
        Contents::All(&zero),
        Mode::default(),
    )
    .unwrap();
    let names =
        [&array, &counter].map(|one| String::from_utf8_lossy(one.0.as_bytes()).into_owned());
    let (mut told, tell) = Lines::new();
    let names_of = |role| format!("{};{};{role}", names[0], names[1]);
    let start = || lines::start(ASKED, &names_of("writes"), &tell);
    let mut reader = lines::start(ASKED, &names_of("reads"), &tell);
    let mut writers: Vec<Child> = (0..count).map(|_| start()).collect();
    let mut dice = Dice::new();
    let (mut done, mut torn, mut kills) = (0_u64, 0_u64, 0_u64);
    let mut take = |line: &str, done: &mut u64| match line {
        "wrote" => *done += 1,
        "torn" => torn += 1,
        _ => panic!("{line}"),
    };
    while done < changes {
        let line = told.next().unwrap();
        take(&line, &mut done);
        if line == "wrote" && dice.below(3) == 0 {
            let victim = dice.below(count);
            end(&mut writers[victim]);
            writers[victim] = start();
            kills += 1;
        }
    }
    writers.iter_mut().for_each(end);
    end(&mut reader);
    kills += count as u64;
    drop(tell);
    while let Some(line) = told.next() {
        take(&line, &mut done);
    }
    let sum = open(&names[1], Family::Value)
        .get(0, &mut patient())
        .unwrap();
    let sum: u64 = sum.shown().parse().unwrap();
    assert!(
        (done..=done + kills).contains(&sum),
        "{done} told, {sum} counted"
    );
    let after = open(&names[0], Family::Array);
    let nine = element.parse(b"9").unwrap();
    let all = (0..LENGTH).map(|index| (index, nine.clone()));
    after
        .put(
            0..LENGTH,
            all.collect::<Vec<_>>().into_iter(),
            &mut patient(),
        )
        .unwrap();
    assert_eq!(steady(&after).unwrap()[..8], 9_i64.to_ne_bytes());
    for (object, family) in [(&array, Family::Array), (&counter, Family::Value)] {
        Array::unlink(&object.0, family).unwrap();
    }
    println!(
        "{count} writers: {done} changes, {kills} killed, {torn} times seen torn, 0 violations"
    );
}
