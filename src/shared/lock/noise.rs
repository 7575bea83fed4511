//! Pages of noise: no header and no word may do more than be refused.

use std::os::unix::fs::FileExt;

use super::tests::{Fixture, Someone, take};
use super::*;
use crate::shared::lock::acquire::Want;

/// Numbers that are the same in every run (xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(8) {
            part.copy_from_slice(&self.next().to_ne_bytes()[..part.len()]);
        }
    }
}

fn page_file(fixture: &Fixture) -> std::fs::File {
    let path = fixture.name.file_in(
        std::path::Path::new(crate::backing::DIRECTORY),
        PageKind::Lock.prefix(),
    );
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

#[test]
fn ten_thousand_headers_of_noise_are_refused() {
    let fixture = Fixture::new("headers", Geometry::Plain);
    let (file, mut noise) = (page_file(&fixture), Noise(4711));
    let mut good = [0; 32];
    file.read_exact_at(&mut good, 0).unwrap();
    for round in 0..10_000 {
        let mut bytes = [0; 128];
        noise.fill(&mut bytes);
        // Every other one is right up to some byte, so that each check is reached.
        let right = if round % 2 == 0 { 0 } else { round / 2 % 20 };
        bytes[..right].copy_from_slice(&good[..right]);
        file.write_all_at(&bytes, 0).unwrap();
        assert_eq!(
            Lock::open(&fixture.name).unwrap_err().kind(),
            ErrorKind::Broken
        );
        let info = LockInfo::look(&fixture.name).unwrap();
        assert_eq!((info.status.as_str(), info.state), ("corrupt", None));
    }
}

#[test]
fn words_of_noise_under_a_good_header_harm_nobody() {
    let fixture = Fixture::new("words", Geometry::Plain);
    let (file, mut noise) = (page_file(&fixture), Noise(42));
    let someone = Someone::new();
    for round in 0..200 {
        let mut bytes = [0; 4096 - 64];
        noise.fill(&mut bytes);
        if round % 2 == 0 {
            // A gate that is free, with every bit of its stamp.
            bytes[64..72].copy_from_slice(&(u64::MAX << 23).to_ne_bytes());
        }
        file.write_all_at(&bytes, 64).unwrap();
        let (lock, owner) = (fixture.lock(), someone.process());
        let _ = LockInfo::look(&fixture.name).unwrap();
        let _ = lock.verify(Stamp(noise.next())).unwrap();
        for want in [Want::Exclusive, Want::Shared] {
            let _ = take(&lock, &owner, want);
            let _ = lock.release(&owner);
        }
        let _ = lock.break_holds().unwrap();
    }
}
