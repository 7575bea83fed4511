//! Many bytes into and out of segments.

use std::process::Command;

use nix::sys::statvfs::statvfs;

use crate::lab::{IPC, Lab, command, from_file, ipc, pipeline};
use crate::report::{Report, Times};

const ROUNDS: usize = 15;
const BYTES: u64 = 128 << 20;
/// The source, a segment of ours and one of the other are there at once.
const NEEDED: u64 = 4 * BYTES;

pub fn measure(lab: &Lab, report: &mut Report) {
    let room = statvfs("/dev/shm").map_or(0, |fs| fs.blocks_available() * fs.fragment_size());
    if room < NEEDED {
        return report.skip("memory", "/dev/shm has less than 512 MiB free");
    }
    let source = lab.name("shm", "source");
    let file = format!("/dev/shm/{source}");
    let mut fill = command(&[&lab.floor("fill"), &file, &BYTES.to_string()]);
    assert!(fill.status().unwrap().success());
    let shop = Shop { lab, source, file };
    shop.fill_new(report);
    shop.overwrite(report);
    shop.out(report);
}

struct Shop<'a> {
    lab: &'a Lab,
    /// A segment full of bytes, and its file.
    source: String,
    file: String,
}

impl Shop<'_> {
    fn fill_new(&self, report: &mut Report) {
        let name = self.lab.name("shm", "new");
        let new = format!("/dev/shm/{name}");
        let (bytes, file) = (BYTES.to_string(), &self.file);
        let from_pipe = || command(&[&self.lab.floor("source"), &bytes]);
        let cat = || command(&["sh", "-c", "cat > \"$0\"", &new]);
        let runs: [&dyn Fn() -> f64; 7] = [
            &|| {
                pipeline([command(&[
                    IPC, "-q", "shm", "create", &name, "--from", file,
                ])])
            },
            &|| pipeline([self.copy(&[&new], file)]),
            &|| pipeline([command(&[&self.lab.floor("copy_in"), file, &new])]),
            &|| pipeline([command(&[&self.lab.floor("fill"), &new, &bytes])]),
            &|| {
                pipeline([
                    from_pipe(),
                    command(&[IPC, "-q", "shm", "create", &name, "--from", "-"]),
                ])
            },
            &|| pipeline([from_pipe(), command(&[&self.lab.floor("fill"), &new])]),
            &|| pipeline([from_pipe(), cat()]),
        ];
        let times = in_turns(&runs, || std::fs::remove_file(&new).unwrap());
        let [file, read_write, sendfile, write, pipe, pipe_c, pipe_cat] = times;
        report.speed(
            "new from a file",
            file,
            "C, read and write(2)",
            read_write,
            0.95,
        );
        report.speed("new from a file", file, "C, sendfile", sendfile, 0.95);
        // Only writes, where the others read as well.
        report.speed("new from a file", file, "C, write(2) alone", write, 0.95);
        report.speed(
            "new from a pipe",
            pipe,
            "C, read and write(2)",
            pipe_c,
            0.95,
        );
        report.speed("new from a pipe", pipe, "cat > FILE", pipe_cat, 1.0);
    }

    fn overwrite(&self, report: &mut Report) {
        let name = self.lab.name("shm", "old");
        ipc(&["shm", "create", &name, "--size", &BYTES.to_string()]);
        let old = format!("/dev/shm/{name}");
        let runs: [&dyn Fn() -> f64; 2] = [
            &|| {
                pipeline([command(&[
                    IPC, "-q", "shm", "write", &name, "-f", &self.file,
                ])])
            },
            &|| pipeline([self.copy(&[&old], &self.file)]),
        ];
        let [ours, floor] = in_turns(&runs, || {});
        report.speed(
            "existing from a file",
            ours,
            "C, read and write(2)",
            floor,
            0.95,
        );
    }

    fn out(&self, report: &mut Report) {
        let read = |words: &[&str]| {
            let mut read = command(&[IPC, "shm", "read", &self.source]);
            read.args(words);
            read
        };
        let sink = || command(&[self.lab.floor("sink")]);
        let runs: [&dyn Fn() -> f64; 4] = [
            &|| pipeline([read(&[]), sink()]),
            &|| pipeline([read(&["--snapshot"]), sink()]),
            &|| pipeline([command(&[&self.lab.floor("hand_over"), &self.file]), sink()]),
            &|| pipeline([command(&["cat", &self.file]), sink()]),
        ];
        let [pages, copy, sendfile, cat] = in_turns(&runs, || {});
        report.speed("to a pipe", pages, "C, sendfile", sendfile, 0.9);
        report.speed("to a pipe", pages, "cat", cat, 2.5);
        report.speed("to a pipe, --snapshot", copy, "cat", cat, 1.3);
    }

    /// The C copy of a file to a file.
    fn copy(&self, words: &[&str], from: &str) -> Command {
        let mut fill = command(&[self.lab.floor("fill")]);
        fill.args(words);
        from_file(fill, from)
    }
}

fn in_turns<const N: usize>(runs: &[&dyn Fn() -> f64; N], after: impl Fn()) -> [Times; N] {
    let mut samples: [Vec<f64>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (run, times) in runs.iter().zip(&mut samples) {
            times.push(run());
            after();
        }
    }
    samples.map(Times::of)
}
