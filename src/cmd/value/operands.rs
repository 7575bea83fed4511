//! Operands from the command line, a file or a stream of lines.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};

use clap::Args;

use crate::cmd::context::{Context, bytes};
use crate::cmd::options::Source;
use crate::error::{Error, Result};
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
