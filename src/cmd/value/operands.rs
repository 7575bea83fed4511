//! Operands from the command line, a file or a stream of lines.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};

use clap::Args;

use crate::cmd::context::{Context, bytes};
use crate::cmd::options::Source;
use crate::error::{Error, ErrorKind, Result};
use crate::exit::Exit;
use crate::shared::element::MAX_BYTES;

/// One operand, or with --lines one after the other.
#[derive(Debug, Args)]
pub(super) struct Operands {
    /// The value; - or none at all is standard input
    #[arg(id = "data", value_name = "VALUE", allow_hyphen_values = true)]
    operand: Option<OsString>,

    #[command(flatten)]
    source: Source,

    /// Take each line of the input as a value, one after the other
    #[arg(long, short)]
    lines: bool,
}

impl Operands {
    /// Changes something by each operand and prints what came of it. `act` says in
    /// words what it did, for a person whom the output does not reach.
    pub(super) fn change(
        &self,
        context: &mut Context,
        mut act: impl FnMut(&mut Context, &[u8]) -> Result<String>,
    ) -> anyhow::Result<Exit> {
        let mut last = String::new();
        let exit = self.each(context, |context, text| {
            // Lines that wait for their output are all told of by the last one.
            last = act(context, text)?;
            Ok(Exit::Done)
        });
        let is_output = |error: &anyhow::Error| {
            let error = error.downcast_ref::<Error>();
            error.is_some_and(|error| error.kind() == ErrorKind::OutputFailed)
        };
        match exit {
            Err(error) if is_output(&error) && !last.is_empty() => Err(error.context(last)),
            Err(error) => Err(error),
            Ok(exit) if last.is_empty() => Ok(exit),
            Ok(exit) => context.deliver(|| last).map(|()| exit),
        }
    }

    /// Does `act` with each operand. One that fails is the last.
    pub(super) fn each(
        &self,
        context: &mut Context,
        mut act: impl FnMut(&mut Context, &[u8]) -> Result<Exit>,
    ) -> anyhow::Result<Exit> {
        let arguments = self.operand.as_slice();
        if !self.source.is_stream(arguments) {
            let operand = self.operand.as_ref().map_or(&[][..], bytes);
            return Ok(act(context, operand)?);
        }
        let input = self.source.open(arguments)?;
        if !self.lines {
            return Ok(act(context, &whole(input)?)?);
        }
        let mut input = BufReader::new(input);
        let mut line = Vec::new();
        for number in 1_u64.. {
            if !input.buffer().contains(&b'\n') {
                // Whoever answers to what is printed must see it before we sleep.
                context.out.flush()?;
            }
            line.clear();
            let length = input.read_until(b'\n', &mut line);
            if length.map_err(|refusal| Error::os(refusal).about("input"))? == 0 {
                break;
            }
            let operand = line.strip_suffix(b"\n").unwrap_or(&line);
            match act(context, operand) {
                Ok(Exit::Done) => {}
                Ok(other) => return Ok(other),
                Err(error) => {
                    return Err(anyhow::Error::new(error).context(format!("line {number}")));
                }
            }
        }
        Ok(Exit::Done)
    }
}

/// All of the input, but no more than can be too long for every type.
fn whole(input: impl Read) -> Result<Vec<u8>> {
    let mut operand = Vec::new();
    input
        .take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut operand)
        .map_err(|refusal| Error::os(refusal).about("input"))?;
    Ok(operand)
}
