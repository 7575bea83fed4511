//! States that differ in names alone are one: it leaves a thirtieth of them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use ipc::shared::owner::{MAX_PID, OwnerWord, Stamp};

use crate::state::{At, Config, FIRST_CLI, Outcome, Pc, State};

impl State {
    /// Moves all stamps and the sequence as far down as they can be: nothing
    /// depends on more than order, equality and oddness.
    pub(crate) fn compress(&mut self) {
        let mut stamps = Vec::with_capacity(24);
        self.each_stamp(&mut |stamp| stamps.push(stamp.0));
        stamps.sort_unstable();
        stamps.dedup();
        let mut least = 0;
        let lower: Vec<u64> = stamps
            .iter()
            .map(|stamp| {
                let low = least + ((least ^ stamp) & 1);
                least = low + 1;
                low
            })
            .collect();
        self.each_stamp(&mut |stamp| {
            let rank = stamps.partition_point(|other| *other < stamp.0);
            stamp.0 = lower[rank];
        });
        for cli in self
            .shells
            .iter_mut()
            .filter_map(|shell| shell.cli.as_mut())
        {
            cli.sequence = u8::from(cli.sequence == self.sequence);
        }
        self.sequence = 1;
    }

    fn each_stamp(&mut self, visit: &mut dyn FnMut(&mut Stamp)) {
        self.each_word(&mut |word| {
            let mut stamp = word.stamp();
            visit(&mut stamp);
            *word = OwnerWord(word.0 & ((1 << 23) - 1) | stamp.0 << 23);
        });
        self.shells
            .iter_mut()
            .for_each(|shell| visit(&mut shell.start));
        visit(&mut self.last);
        visit(&mut self.clock);
    }

    fn each_word(&mut self, visit: &mut dyn FnMut(&mut OwnerWord)) {
        self.words.iter_mut().for_each(&mut *visit);
        self.notes.iter_mut().for_each(|(word, _)| visit(word));
        for shell in &mut self.shells {
            if let At::Inside(_, word) = &mut shell.at {
                visit(word);
            }
            let Some(cli) = &mut shell.cli else { continue };
            for word in [&mut cli.word, &mut cli.next, &mut cli.won] {
                visit(word);
            }
            for pc in [&mut cli.pc, &mut cli.back] {
                if let Pc::Exit(Outcome::Holds(_, word)) = pc {
                    visit(word);
                }
            }
            cli.seen.iter_mut().for_each(|(word, _)| visit(word));
        }
    }

    /// Puts shells of one role into an order: which of them is first is all the same.
    pub(crate) fn sort_shells(&mut self, config: &Config) {
        let roles = config.roles;
        let key = |state: &State, at: usize| {
            let shell = &state.shells[at];
            let cli = shell
                .cli
                .map(|cli| (cli.job as u8, discriminant(&cli.pc), cli.helper));
            let mut hasher = DefaultHasher::new();
            (shell.alive, shell.todo, discriminant(&shell.at), cli).hash(&mut hasher);
            hasher.finish()
        };
        for upper in (1..roles.len()).rev() {
            for at in 0..upper {
                let alike = roles[at] == roles[at + 1] && !(config.meddles && at == 0);
                if alike && key(self, at) > key(self, at + 1) {
                    self.swap_shells(at as u8);
                }
            }
        }
    }

    /// Two neighbours change places, with all their numbers.
    fn swap_shells(&mut self, at: u8) {
        let (one, two) = (at + 1, at + 2);
        let other = |number: u8| match number {
            _ if number == one => two,
            _ if number == two => one,
            _ if number < FIRST_CLI => number,
            _ if number / 16 == one => number + 16,
            _ if number / 16 == two => number - 16,
            _ => number,
        };
        self.each_word(&mut |word| {
            let pid = other(word.owner().unwrap_or(0) as u8);
            *word = OwnerWord(word.0 & !u64::from(MAX_PID) | u64::from(pid));
        });
        self.truth
            .iter_mut()
            .for_each(|truth| *truth = other(*truth));
        self.notes
            .iter_mut()
            .for_each(|(_, noted)| *noted = other(*noted));
        self.shells.swap(at.into(), usize::from(at) + 1);
        for shell in &mut self.shells {
            shell.pid = other(shell.pid);
            let Some(cli) = &mut shell.cli else { continue };
            cli.pid = other(cli.pid);
            cli.seen
                .iter_mut()
                .for_each(|(_, process)| *process = other(*process));
        }
    }
}
