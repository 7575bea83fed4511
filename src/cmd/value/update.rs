//! A change of a number in one step, by operands, and what it prints.

use std::cmp::Ordering;

use clap::Args;

use super::operands::Operands;
use super::{Target, became, report};
use crate::backing::Access;
use crate::cmd::context::Context;
use crate::deadline::Deadline;
use crate::error::Result;
use crate::exit::Exit;
use crate::shared::element::Element;
use crate::shared::scalar::Scalar;
use crate::wait::Wait;

/// The number, what changes it, and which of old and new is printed.
#[derive(Debug, Args)]
pub(super) struct Update {
    #[command(flatten)]
    target: Target,

    #[command(flatten)]
    operands: Operands,

    /// Print the former value instead
    #[arg(long)]
    old: bool,
}

impl Update {
    /// Changes the number by each operand. `next` tells what it becomes; nothing
    /// is written, and nobody woken, when it is nothing.
    pub(super) fn run<Operand>(
        &self,
        context: &mut Context,
        parse: impl Fn(Element, &[u8]) -> Result<Operand>,
        next: impl Fn(Element, &Scalar, &Operand) -> Result<Option<Scalar>>,
    ) -> anyhow::Result<Exit> {
        let (name, array) = self.target.open(context, Access::Write)?;
        let element = array.header().element;
        element
            .require_number()
            .map_err(|error| error.about(&name))?;
        // Numbers are changed in one step: there is nobody to wait for.
        let mut wait = Wait::until(Deadline::Never);
        // A retry would count twice.
        context.out.stdout().check()?;
        self.operands.change(context, |context, text| {
            let operand = parse(element, text)?;
            let change = array.update(0, &mut wait, |now| next(element, now, &operand));
            let change = change.map_err(|error| error.about(&name))?;
            report(context, &self.target.name, &change, self.old)?;
            Ok(became(&name, &change))
        })
    }
}

/// What a number becomes by one that is to its `side`; NaN is no number.
pub(super) fn if_it_is(side: Ordering, now: &Scalar, given: &Scalar) -> Option<Scalar> {
    let wins = given.compare(now) == Some(side) || now.is_nan();
    wins.then(|| given.clone())
}
