//! What is done about zombies.

use std::io::{BufRead, IsTerminal, stderr, stdin};

use serde_json::json;

use super::Zombies;
use crate::cmd::context::{Context, ending};
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::output::tell;
use crate::process::identity::ancestors;
use crate::process::zombies::{Cure, Parent, Zombie, end_parent, inject, nudge};

impl Zombies {
    /// Does it to one parent after the other, and tells what came of it.
    pub(super) fn cure(&self, context: &mut Context, parents: &[Parent]) -> anyhow::Result<Exit> {
        let mut overall: Option<Exit> = None;
        for parent in parents {
            let this = match self.cure_one(context, parent) {
                Ok(Some(cure)) => {
                    report(context, parent.pid, cure)?;
                    match cure.reaped {
                        reaped if reaped == cure.before => Exit::Done,
                        0 => Exit::No,
                        _ => Exit::Partly,
                    }
                }
                // It was asked whether to, and the answer was no.
                Ok(None) => Exit::No,
                Err(error) => ending(&error.into(), |failure| context.report(failure)),
            };
            overall = Some(overall.map_or(this, |so_far| so_far.and(this)));
        }
        if parents.is_empty() {
            self.tell_of_none(context)?;
        }
        Ok(overall.unwrap_or(Exit::No))
    }

    /// There is nothing to cure: neither done nor failed.
    fn tell_of_none(&self, context: &mut Context) -> Result<()> {
        let named: Vec<i32> = self.parent.iter().copied().chain(self.inject).collect();
        let such = if self.older.is_zero() && self.settle.is_zero() {
            "no zombies"
        } else {
            "no such zombies"
        };
        if named.is_empty() {
            context.remark(format_args!("there are {such}"));
        }
        for pid in named {
            if context.out.is_json() {
                let none = Cure {
                    before: 0,
                    reaped: 0,
                    has_parent_ended: false,
                };
                report(context, pid, none)?;
            }
            context.remark(format_args!("process {pid} has {such}"));
        }
        Ok(())
    }

    fn cure_one(&self, context: &Context, parent: &Parent) -> Result<Option<Cure>> {
        if self.inject.is_some() {
            return inject_all(context, parent).map(Some);
        }
        if self.nudge {
            return nudge(parent, self.wait).map(Some);
        }
        spare_ancestors(parent.pid)?;
        if !self.yes && !agreed(parent)? {
            return Ok(None);
        }
        end_parent(parent, self.wait).map(Some)
    }
}

/// Stops at the first one that is refused: what holds for it holds for all.
fn inject_all(context: &Context, parent: &Parent) -> Result<Cure> {
    let mut reaped = 0;
    for zombie in &parent.zombies {
        match inject(parent.pid, zombie) {
            Ok(()) => reaped += 1,
            // Reaped by the parent itself since it was listed.
            Err(_) if !Zombie::is_there(zombie) => reaped += 1,
            Err(error) if reaped == 0 => return Err(error),
            Err(error) => {
                context.report(&error.into());
                break;
            }
        }
    }
    Ok(Cure {
        before: parent.zombies.len(),
        reaped,
        has_parent_ended: false,
    })
}

/// Ending one of those would end what this command was typed in.
fn spare_ancestors(pid: i32) -> Result<()> {
    let this = std::process::id().cast_signed();
    let why = match pid {
        1 => "is the first process of its pid namespace",
        pid if pid == this => "is this process",
        pid if ancestors(this).any(|ancestor| ancestor == pid) => "is an ancestor of this process",
        _ => return Ok(()),
    };
    let error = Error::new(ErrorKind::Usage, format!("{why}, and is not ended"));
    Err(error.about(format!("process {pid}")))
}

fn agreed(parent: &Parent) -> Result<bool> {
    if !stdin().is_terminal() || !stderr().is_terminal() {
        let error = Error::new(ErrorKind::Usage, "nobody is there to be asked");
        return Err(error.hint("--yes ends the parent without a question"));
    }
    tell(format_args!(
        "End {} ({})? Type y to do so.",
        parent.pid, parent.command
    ));
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer).map_err(Error::os)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn report(context: &mut Context, parent: i32, cure: Cure) -> Result<()> {
    if context.out.is_json() {
        return context.out.json(&json!({
            "pid": parent, "zombies": cure.before, "reaped": cure.reaped,
            "parent_ended": cure.has_parent_ended,
        }));
    }
    let ended = if cure.has_parent_ended {
        ", the parent has ended"
    } else {
        ""
    };
    context.out.line(format_args!(
        "{}: {} of {} zombies are gone{ended}",
        parent, cure.reaped, cure.before
    ))
}
