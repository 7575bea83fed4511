use std::sync::atomic::{AtomicU32, Ordering};

use std::time::Duration;

use super::trailer::{GENERATION, WRITER};
use super::*;
use crate::deadline::Deadline;
use crate::process::identity::since_boot;
use crate::shared::owner::{MAX_PID, Stamp};

static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A name that is free, and free again in the end.
struct Temporary(Name);

impl Temporary {
    fn new() -> Temporary {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("ipcu-{}-array-{number}", std::process::id());
        Temporary(Name::parse(name.as_bytes()).unwrap())
    }

    fn make(kind: &str, shape: &[usize]) -> Temporary {
        let temporary = Temporary::new();
        let shape = Some(shape.to_vec());
        let element = kind.parse().unwrap();
        Array::create(&temporary.0, element, shape, Contents::Zeros, Mode(0o600)).unwrap();
        temporary
    }

    fn open(&self, family: Family) -> Array {
        Array::open(&self.0, family, Access::Write).unwrap()
    }

    fn file(&self) -> File {
        backing::open(&path(&self.0), Access::Write).unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = backing::unlink(&path(&self.0));
    }
}

fn soon() -> Wait {
    Wait::until(Deadline::after(Duration::from_secs(30)))
}

fn now() -> Wait {
    Wait::until(Deadline::Now)
}

fn text(array: &Array, text: &str) -> Scalar {
    array.header().element.parse(text.as_bytes()).unwrap()
}

fn set(array: &Array, to: &str) -> Result<()> {
    array.put(0..1, [(0, text(array, to))].into_iter(), &mut soon())
}

#[test]
fn no_addition_is_lost_between_threads_with_mappings_of_their_own() {
    for kind in ["int8", "uint16", "int32", "uint64", "float32", "float64"] {
        let value = Temporary::make(kind, &[]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let array = value.open(Family::Value);
                    let element = array.header().element;
                    let one = element.parse(b"1").unwrap();
                    for _ in 0..25 {
                        let sum = |now: &_| element.sum(now, &one, false).map(Some);
                        array.update(0, &mut now(), sum).unwrap();
                    }
                });
            }
        });
        let array = value.open(Family::Value);
        assert_eq!(array.get(0, &mut now()).unwrap(), text(&array, "100"));
        assert_eq!(array.generation(), Some(200));
    }
}

#[test]
fn wide_elements_change_whole_and_one_after_the_other() {
    let value = Temporary::make("bytes100", &[]);
    let letters = ["a", "b", "c"];
    std::thread::scope(|scope| {
        for letter in letters {
            let value = &value;
            scope.spawn(move || {
                let array = value.open(Family::Value);
                for _ in 0..200 {
                    set(&array, &letter.repeat(100)).unwrap();
                }
            });
        }
        let array = value.open(Family::Value);
        set(&array, &"d".repeat(100)).unwrap();
        for _ in 0..200 {
            let Scalar::Bytes(seen) = array.get(0, &mut soon()).unwrap() else {
                panic!("no bytes");
            };
            assert_eq!(seen, vec![seen[0]; 100]);
        }
    });
    assert_eq!(value.open(Family::Value).generation(), Some(2 * 601));
}

#[test]
fn a_change_that_is_none_moves_nothing() {
    for kind in ["int64", "bytes20"] {
        let value = Temporary::make(kind, &[]);
        let array = value.open(Family::Value);
        let change = array.update(0, &mut now(), |_| Ok(None)).unwrap();
        assert_eq!(change.old, change.new);
        let refused = |_: &_| Err(Error::new(ErrorKind::Usage, "no"));
        assert!(array.update(0, &mut now(), refused).is_err());
        assert_eq!(array.generation(), Some(0));
        set(&array, "7").unwrap();
        assert_eq!(array.generation(), Some(2));
    }
}

#[test]
fn a_dead_writer_leaves_it_torn_until_the_next_set() {
    let value = Temporary::make("bytes20", &[]);
    let array = value.open(Family::Value);
    let (at, file) = (array.trailer.unwrap() as u64, value.file());
    let dead = OwnerWordOf::nobody();
    file.write_all_at(&dead.to_ne_bytes(), at + WRITER as u64)
        .unwrap();
    file.write_all_at(&5_u64.to_ne_bytes(), at + GENERATION as u64)
        .unwrap();
    let torn = |result: Result<Scalar>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Broken);
        assert!(error.to_string().contains("torn"), "{error}");
    };
    torn(array.get(0, &mut now()));
    torn(
        array
            .update(0, &mut now(), |now| Ok(Some(now.clone())))
            .map(|change| change.new),
    );
    let info = ArrayInfo::look(&value.0, Family::Value).unwrap();
    assert_eq!((info.status.as_str(), info.value), ("torn", Some(None)));
    set(&array, "whole").unwrap();
    assert_eq!(array.get(0, &mut now()).unwrap(), text(&array, "whole"));
    assert_eq!(array.generation(), Some(6));
    assert_eq!(array.trailer().unwrap().writer().owner(), None);
}

/// Words of owners that are not this process.
struct OwnerWordOf;

impl OwnerWordOf {
    /// A pid that no process has.
    fn nobody() -> u64 {
        Stamp::at(since_boot()).0 << 23 | u64::from(MAX_PID)
    }

    fn process(pid: u32) -> u64 {
        Stamp::at(since_boot()).0 << 23 | u64::from(pid)
    }
}

#[test]
fn a_live_writer_is_waited_for_and_not_judged_from_elsewhere() {
    let value = Temporary::make("bytes20", &[]);
    let array = value.open(Family::Value);
    let (at, file) = (array.trailer.unwrap() as u64, value.file());
    let this = OwnerWordOf::process(std::process::id());
    file.write_all_at(&this.to_ne_bytes(), at + WRITER as u64)
        .unwrap();
    file.write_all_at(&5_u64.to_ne_bytes(), at + GENERATION as u64)
        .unwrap();
    let busy = array.get(0, &mut now()).unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::WouldBlock);
    // A dead number of another pid namespace may be alive there.
    file.write_all_at(&OwnerWordOf::nobody().to_ne_bytes(), at + WRITER as u64)
        .unwrap();
    file.write_all_at(&1_u64.to_ne_bytes(), at + 32).unwrap();
    let busy = array.get(0, &mut now()).unwrap_err();
    assert_eq!(busy.kind(), ErrorKind::WouldBlock);
    let refused = set(&array, "x").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Limit);
    assert!(
        refused.to_string().contains("pid namespace 1 "),
        "{refused}"
    );
}

#[test]
fn a_waiter_with_a_read_only_mapping_is_woken_by_the_high_half() {
    let value = Temporary::make("int64", &[]);
    let waiter = Array::open(&value.0, Family::Value, Access::Read).unwrap();
    let refused = set(&waiter, "1").unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
    let wanted = text(&waiter, "0x700000000");
    std::thread::scope(|scope| {
        let woken = scope.spawn(|| {
            // It would not look again before the test is given up.
            waiter.wait_until(Duration::from_secs(3600), &mut soon(), |now, _| {
                *now == wanted
            })
        });
        set(&value.open(Family::Value), "0x700000000").unwrap();
        assert_eq!(woken.join().unwrap().unwrap(), wanted);
    });
}

#[test]
fn nothing_is_taken_for_what_cannot_be_made() {
    let value = Temporary::new();
    let element = "int64".parse().unwrap();
    let all = backing::space().unwrap().limit.unwrap_or(u64::MAX / 2);
    let too_many = usize::try_from(all / 8 + 1).unwrap();
    for shape in [
        vec![too_many],
        vec![usize::MAX],
        vec![usize::MAX, 2],
        vec![1 << 40, 1 << 40],
    ] {
        let made = Array::create(&value.0, element, Some(shape), Contents::Zeros, Mode(0o600));
        assert_eq!(made.unwrap_err().kind(), ErrorKind::Limit);
    }
    let few = || [b"1", b"2"].map(|word| element.parse(word)).into_iter();
    for count in [1, 3] {
        let mut elements = few();
        let contents = Contents::Elements(&mut elements);
        let made = Array::create(&value.0, element, Some(vec![count]), contents, Mode(0o600));
        assert_eq!(made.unwrap_err().kind(), ErrorKind::Usage);
    }
    let raw = Contents::Raw(b"nine bytes");
    let made = Array::create(&value.0, element, None, raw, Mode(0o600));
    assert_eq!(made.unwrap_err().kind(), ErrorKind::Usage);
    assert!(backing::look(&path(&value.0)).is_err());
}

#[test]
fn elements_are_as_many_as_they_are_when_there_is_no_shape() {
    let array = Temporary::new();
    let element: Element = "int32".parse().unwrap();
    let mut numbers = (0..100_000).map(|number| Ok(Scalar::Int(number)));
    let contents = Contents::Elements(&mut numbers);
    let header = Array::create(&array.0, element, None, contents, Mode(0o600)).unwrap();
    assert_eq!(header.shape, [100_000]);
    let array = array.open(Family::Array);
    let last = array.get(99_999, &mut now()).unwrap();
    assert_eq!(last, Scalar::Int(99_999));
    assert_eq!(array.read_steady(1..2, &mut now()).unwrap(), [1, 0, 0, 0]);
}

/// Small and the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.next() % choices.len()]
    }
}

/// A file that may be right in every part, or not.
fn hostile(random: &mut Random) -> Vec<u8> {
    let descr = random.of(&[
        "<i8", "|i1", "|b1", "|S16", "|S3", "<f4", ">i8", "|O", "i8", "<u2",
    ]);
    let order = random.of(&[
        "False", "False", "False", "False", "False", "False", "True", "0",
    ]);
    let shape = random.of(&[
        "()",
        "(1,)",
        "(2, 3)",
        "(0,)",
        "(0, 18446744073709551615, 8)",
        "(18446744073709551615,)",
        "(9223372036854775807, 2)",
        "(99999,)",
        "(3)",
        "(-1,)",
        "(1,,)",
    ]);
    let text = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    let size = random.of(&[118, 118, 118, 118, 118, 118, 117, 54, 200, 9000]);
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([random.of(&[1, 1, 1, 1, 1, 1, 2, 3, 4]), 0]);
    if bytes[6] == 1 {
        bytes.extend((size as u16).to_le_bytes());
    } else {
        bytes.extend((size as u32).to_le_bytes());
    }
    bytes.extend(format!("{text:<width$}\n", width = size - 1).bytes());
    bytes.resize(
        bytes.len() + random.of(&[0, 1, 8, 48, 300]),
        random.next() as u8,
    );
    if random.next().is_multiple_of(4) {
        let at = bytes.len().min(random.next() % 400);
        let magic = [&b"ipcvalue\x01\0\0\0"[..], &[0xff; 60]].concat();
        bytes.splice(at.., magic);
    }
    for _ in 0..random.of(&[0, 0, 0, 0, 1, 3]) {
        let at = random.next() % bytes.len();
        bytes[at] = random.next() as u8;
    }
    bytes.truncate(random.of(&[
        usize::MAX,
        usize::MAX,
        usize::MAX,
        usize::MAX,
        0,
        5,
        9,
        64,
        128,
        140,
    ]));
    bytes
}

#[test]
fn ten_thousand_hostile_files_are_an_answer_and_never_a_signal() {
    let (mut random, mut usable) = (Random(0x9e37_79b9_7f4a_7c15), 0);
    let value = Temporary::new();
    let file = File::create_new(path(&value.0)).unwrap();
    for round in 0..10_000 {
        let bytes = hostile(&mut random);
        file.set_len(0).unwrap();
        file.write_all_at(&bytes, 0).unwrap();
        for family in [Family::Value, Family::Array] {
            ArrayInfo::look(&value.0, family).unwrap();
            ArrayInfo::find(&value.0, family).unwrap();
            let Ok(array) = Array::open(&value.0, family, Access::Write) else {
                continue;
            };
            usable += 1;
            let selection = crate::shared::select::Selection::all(&array.header().shape);
            let _ = array.read_steady(selection.span(), &mut now());
            for index in selection.indexes().take(3) {
                let scalar = array.get(index, &mut now());
                let scalar = scalar.unwrap_or(Scalar::Bytes(Vec::new()));
                let element = array.header().element;
                if element.is_text() == matches!(scalar, Scalar::Bytes(_)) {
                    let _ = array.put(index..index + 1, [(index, scalar)].into_iter(), &mut now());
                }
                let _ = array.update(index, &mut now(), |old| Ok(Some(old.clone())));
            }
        }
        assert!(
            file.metadata().unwrap().len() >= bytes.len() as u64,
            "{round}"
        );
    }
    assert!(usable > 500, "only {usable} could be opened");
}
