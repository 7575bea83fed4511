//! The bank account: a value that two processes add to and take from at once.

use anyhow::ensure;

use super::stage::Stage;

const START: i64 = 1000;
const BOOKINGS: usize = 400;

/// A part in one process, line by line, and a part in a process for each sum.
const BOOK: &str = "\
{ i=0; while [ $i -lt 20 ]; do read -r sum && ipc value add account \"$sum\" || exit; i=$((i + 1)); done
  ipc value add account --lines; } >/dev/null";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let start = START.to_string();
    stage.show(&["-q", "value", "create", "account", "int64", &start])?;
    let (paid_in, paid_out) = (sums(1, 1), sums(7, -1));
    stage.tell("$ print-bookings | ipc value add account --lines &")?;
    stage.tell("$ print-bookings | ipc value add account --lines &")?;
    let bookings = |sums: &[i64]| -> String {
        let lines = sums.iter().map(|sum| format!("{sum}\n"));
        lines.collect()
    };
    let first = stage.start(BOOK, Some(bookings(&paid_in).as_bytes()), &[])?;
    let second = stage.start(BOOK, Some(bookings(&paid_out).as_bytes()), &[])?;
    first.finish()?;
    second.finish()?;
    let expected = START + paid_in.iter().sum::<i64>() + paid_out.iter().sum::<i64>();
    let printed = String::from_utf8(stage.show(&["value", "get", "account"])?)?;
    stage.tell(printed.trim())?;
    ensure!(
        printed.trim() == expected.to_string(),
        "the balance is {}, and should be {expected}",
        printed.trim()
    );
    stage.tell(format_args!(
        "{} bookings, and none was lost",
        paid_in.len() + paid_out.len()
    ))
}

/// Sums as if by chance, the same in every run.
fn sums(seed: i64, sign: i64) -> Vec<i64> {
    let next = |last: &i64| Some((last * 1103 + 12345) % 9973);
    std::iter::successors(Some(seed), next)
        .take(BOOKINGS)
        .map(|sum| sign * sum)
        .collect()
}
