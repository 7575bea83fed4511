//! All processes at once: one pass over `/proc`.
//!
//! The pass is not one moment. What lives from its beginning to its end is in
//! it; what starts meanwhile may be missing, and the parent of a row may have
//! ended by the time at which it is used.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{File, read_dir};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::read;

use super::stat::{self, Row};
use crate::error::{Error, ErrorKind, Result};

/// The processes of this pid namespace, as far as `/proc` shows them.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// By number.
    rows: Vec<Row>,
    /// Places in `rows`, by parent.
    by_parent: Vec<usize>,
}

impl Table {
    /// Reads all of them.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn read() -> Result<Table> {
        let refused = |refusal: std::io::Error| Error::os(refusal).about("/proc");
        let folder = File::open("/proc").map_err(refused)?;
        let per_second = stat::ticks_per_second();
        let per_second = per_second
            .ok_or_else(|| Error::new(ErrorKind::Limit, "ticks of the kernel are unknown"))?;
        let mut path = Vec::with_capacity(32);
        let mut line = vec![0; 4096];
        let mut rows = Vec::new();
        for entry in read_dir("/proc").map_err(refused)? {
            let name = entry.map_err(refused)?.file_name();
            if !name.as_bytes().iter().all(u8::is_ascii_digit) {
                continue;
            }
            path.clear();
            path.extend_from_slice(name.as_bytes());
            path.extend_from_slice(b"/stat");
            let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
            let file = match openat(&folder, OsStr::from_bytes(&path), flags, Mode::empty()) {
                Ok(file) => file,
                // A process that cannot be looked at must not pass for absent.
                Err(errno @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)) => {
                    return Err(Error::os(errno).about("/proc"));
                }
                // Gone since the folder was read.
                Err(_) => continue,
            };
            let Ok(length) = read(&file, &mut line) else {
                continue;
            };
            rows.extend(Row::parse(&line[..length], per_second));
        }
        Ok(Table::of(rows))
    }

    fn of(mut rows: Vec<Row>) -> Table {
        rows.sort_unstable_by_key(|row| row.pid);
        let mut by_parent: Vec<usize> = (0..rows.len()).collect();
        by_parent.sort_by_key(|place| rows[*place].ppid);
        Table { rows, by_parent }
    }

    /// All rows, by number.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row of one process.
    pub fn get(&self, pid: i32) -> Option<&Row> {
        let place = self.rows.binary_search_by_key(&pid, |row| row.pid).ok()?;
        self.rows.get(place)
    }

    /// The children of a process, by number.
    pub fn children_of(&self, pid: i32) -> impl Iterator<Item = &Row> {
        let parent = |place: &usize| self.rows[*place].ppid;
        let first = self.by_parent.partition_point(|place| parent(place) < pid);
        let places = self.by_parent[first..].iter();
        places
            .take_while(move |place| parent(place) == pid)
            .map(|place| &self.rows[*place])
    }

    /// All processes below one, without itself; parents before their children.
    pub fn descendants(&self, pid: i32) -> Vec<&Row> {
        let mut found: Vec<&Row> = self.children_of(pid).collect();
        // Numbers that changed hands during the pass could close a ring.
        let mut seen: HashSet<i32> = found.iter().map(|row| row.pid).chain([pid]).collect();
        let mut next = 0;
        while let Some(row) = found.get(next) {
            let below = self.children_of(row.pid);
            let below: Vec<&Row> = below.filter(|row| seen.insert(row.pid)).collect();
            found.extend(below);
            next += 1;
        }
        found
    }

    /// The ancestors of a process, its parent first.
    pub fn ancestors(&self, pid: i32) -> impl Iterator<Item = &Row> {
        let parent = |pid: i32| self.get(self.get(pid)?.ppid);
        // No chain is longer than the table, unless numbers changed hands.
        std::iter::successors(parent(pid), move |row| parent(row.pid)).take(self.rows.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pid: i32, ppid: i32) -> Row {
        let line = format!("{pid} (x) S {ppid} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 9");
        Row::parse(line.as_bytes(), 100).unwrap()
    }

    fn pids<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<i32> {
        rows.into_iter().map(|row| row.pid).collect()
    }

    #[test]
    fn families_are_found() {
        let table = Table::of(
            [(9, 2), (2, 1), (7, 2), (1, 0), (3, 9), (5, 1)]
                .map(|(a, b)| row(a, b))
                .into(),
        );
        assert_eq!(pids(table.rows()), [1, 2, 3, 5, 7, 9]);
        assert_eq!(pids(table.children_of(2)), [7, 9]);
        assert_eq!(pids(table.descendants(2)), [7, 9, 3]);
        assert_eq!(pids(table.descendants(1)), [2, 5, 7, 9, 3]);
        assert_eq!(pids(table.ancestors(3)), [9, 2, 1]);
        assert_eq!(table.children_of(4).count(), 0);
        assert!(table.get(4).is_none());
    }

    #[test]
    fn a_ring_of_numbers_that_changed_hands_ends() {
        let table = Table::of([(2, 3), (3, 2)].map(|(a, b)| row(a, b)).into());
        assert_eq!(pids(table.descendants(2)), [3]);
        assert_eq!(table.ancestors(2).count(), 2);
    }

    #[test]
    fn this_process_and_its_child_are_in_it() {
        let mut child = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let table = Table::read().unwrap();
        let this = std::process::id() as i32;
        let found = table.get(child.id() as i32).unwrap().clone();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.ppid, this);
        assert!(pids(table.descendants(this)).contains(&found.pid));
        let start = table.get(this).unwrap().start;
        assert_eq!(Some(start), Row::of(this).map(|row| row.start));
        assert!(start <= found.start);
    }
}
