//! The picture: bytes that one process paints and another one shows.

use anyhow::ensure;

use super::stage::Stage;

const WIDTH: usize = 64;
const HEIGHT: usize = 18;
const SHADES: &[u8] = b" .:-=+*#%@";

pub(super) fn play(stage: &mut Stage<'_>) -> anyhow::Result<()> {
    let painted = paint();
    stage.tell("$ paint | ipc shm create picture --from -")?;
    stage
        .start("ipc -q shm create picture --from -", Some(&painted), &[])?
        .finish()?;
    let seen = stage.show(&["shm", "read", "picture"])?;
    ensure!(
        seen == painted,
        "{} bytes went in, and others came out",
        painted.len()
    );
    for row in seen.chunks(WIDTH) {
        let line: String = row
            .iter()
            .map(|shade| char::from(SHADES[usize::from(*shade) % SHADES.len()]))
            .collect();
        stage.tell(line.trim_end())?;
    }
    stage.tell(format_args!(
        "{} bytes went in, and the same came out",
        painted.len()
    ))
}

/// The Mandelbrot set, a byte for each point.
fn paint() -> Vec<u8> {
    let point = |index: usize| {
        let x = (index % WIDTH) as f64 / WIDTH as f64 * 3.2 - 2.3;
        let y = (index / WIDTH) as f64 / HEIGHT as f64 * 2.4 - 1.2;
        shade(x, y)
    };
    (0..WIDTH * HEIGHT).map(point).collect()
}

fn shade(x: f64, y: f64) -> u8 {
    let (mut re, mut im) = (0.0, 0.0);
    for step in 0..40 {
        (re, im) = (re * re - im * im + x, 2.0 * re * im + y);
        if re * re + im * im > 4.0 {
            return step % SHADES.len() as u8;
        }
    }
    SHADES.len() as u8 - 1
}
