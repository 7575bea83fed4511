//! Operations of the library within one process, where nothing waits.
//!
//! `cargo bench --bench operations`. An invocation costs a thousand times more
//! than any of these; they matter to loops and to who uses the library.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a benchmark may panic and say why"
)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ipc::name::Name;
use ipc::object::mq::{Access, Geometry, Queue};
use ipc::object::sem::Semaphore;
use ipc::size::{Mode, Size};

fn name(stem: &str) -> Name {
    Name::parse(format!("ipcb-{}-{stem}", std::process::id()).as_bytes()).unwrap()
}

fn semaphore(c: &mut Criterion) {
    let name = name("sem");
    Semaphore::create(&name, 1, Mode::default()).unwrap();
    let semaphore = Semaphore::open(&name).unwrap();
    Semaphore::unlink(&name).unwrap();
    c.bench_function("sem: try_acquire and release", |bencher| {
        bencher.iter(|| {
            assert!(semaphore.try_acquire(1));
            semaphore.release(1).unwrap()
        });
    });
}

fn queue(c: &mut Criterion) {
    let name = name("mq");
    let geometry = Geometry {
        max_messages: 4,
        max_size: 64,
    };
    Queue::create(&name, geometry, Mode::default()).unwrap();
    let queue = Queue::open(&name, Access::Receive).unwrap();
    Queue::unlink(&name).unwrap();
    let mut buffer = [0; 64];
    c.bench_function("mq: try_send and try_receive, 64 B", |bencher| {
        bencher.iter(|| {
            assert!(queue.try_send(0, &[7; 64]).unwrap());
            queue.try_receive(&mut buffer).unwrap()
        });
    });
}

fn parsing(c: &mut Criterion) {
    c.bench_function("parse: a name", |bencher| {
        bencher.iter(|| Name::parse(black_box(b"/jobs")).unwrap());
    });
    c.bench_function("parse: a size", |bencher| {
        bencher.iter(|| black_box("64MiB").parse::<Size>().unwrap());
    });
}

criterion_group!(operations, semaphore, queue, parsing);
criterion_main!(operations);
