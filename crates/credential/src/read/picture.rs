//! A greyscale picture, searched at several scales and contrasts until a code is found.

use super::{ReadError, read_qr};

/// A picture of at most this many pixels is enlarged: for example a screenshot of a page, whose modules are hardly
/// wider than a pixel. At five times the side it has 25 million pixels.
const SMALL: usize = 1_000_000;
/// The factor by which it is enlarged, the interpolation, and the threshold for white, if it is made black and white.
/// No single one of them finds every code; together they find nearly all codes at 1.4 to 2 pixels per module.
const LOOKS: [(usize, Fill, Option<u8>); 7] = [
    (3, Fill::Cubic, None),
    (4, Fill::Cubic, None),
    (3, Fill::Linear, None),
    (5, Fill::Cubic, None),
    (2, Fill::Linear, None),
    (4, Fill::Cubic, Some(146)),
    (3, Fill::Cubic, Some(128)),
];

/// The interpolation between pixels.
#[derive(Clone, Copy)]
enum Fill {
    /// Catmull-Rom interpolation, which keeps edges steep.
    Cubic,
    Linear,
}

/// Brightness by pixel, row by row from the top.
pub(super) struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) luma: Vec<u8>,
}

impl Picture {
    /// The texts of all codes, from the first attempt that finds any: unchanged; at half its size, which removes noise
    /// and fine texture of a photograph; and enlarged.
    pub(super) fn codes(&self) -> Result<Vec<String>, ReadError> {
        let codes = self.seen()?;
        if !codes.is_empty() {
            return Ok(codes);
        }
        let codes = self.halved().seen()?;
        if !codes.is_empty() || self.luma.len() > SMALL {
            return Ok(codes);
        }
        for (times, fill, white_from) in LOOKS {
            let mut large = self.enlarged(times, fill);
            if let Some(white_from) = white_from {
                large.luma.iter_mut().for_each(|value| *value = if *value < white_from { 0 } else { 255 });
            }
            let codes = large.seen()?;
            if !codes.is_empty() {
                return Ok(codes);
            }
        }
        Ok(Vec::new())
    }

    fn seen(&self) -> Result<Vec<String>, ReadError> {
        read_qr(self.width, self.height, &self.luma)
    }

    /// Every four pixels become one.
    fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut luma = Vec::with_capacity(width * height);
        for rows in self.luma.chunks_exact(self.width.max(1)).collect::<Vec<_>>().chunks_exact(2) {
            let pairs = rows[0].chunks_exact(2).zip(rows[1].chunks_exact(2));
            luma.extend(pairs.map(|(a, b)| {
                let sum: u16 = a.iter().chain(b).copied().map(u16::from).sum();
                u8::try_from(sum / 4).unwrap_or(u8::MAX)
            }));
        }
        Self { width, height, luma }
    }

    /// Enlarged by this factor in width and height.
    fn enlarged(&self, times: usize, fill: Fill) -> Self {
        let places = places(times, fill);
        let wide: Vec<Vec<u8>> = self
            .luma
            .chunks_exact(self.width.max(1))
            .map(|row| {
                let at = |x: usize| row.get(x.min(self.width - 1)).copied().unwrap_or_default();
                (0..self.width * times).map(|x| places[x % times].mix(x / times, at)).collect()
            })
            .collect();
        let mut luma = Vec::with_capacity(self.luma.len() * times * times);
        for y in 0..self.height * times {
            let place = &places[y % times];
            luma.extend(
                (0..self.width * times).map(|x| {
                    place.mix(y / times, |y| wide.get(y.min(self.height - 1)).map_or(0, |row| row[x]))
                }),
            );
        }
        Self { width: self.width * times, height: self.height * times, luma }
    }
}

/// A position between two pixels of a line: the weights of the four pixels around it.
struct Place {
    weights: [i32; 4],
    /// It is before the middle of its pixel, so the four begin one earlier.
    before: bool,
}

impl Place {
    fn mix(&self, pixel: usize, at: impl Fn(usize) -> u8) -> u8 {
        let first = pixel + usize::from(!self.before);
        // Counted from one, so that positions before the line use its first pixel.
        let sum: i32 = self
            .weights
            .iter()
            .zip(first..)
            .map(|(w, at_plus)| w * i32::from(at(at_plus.saturating_sub(2))))
            .sum();
        let whole: i32 = self.weights.iter().sum();
        u8::try_from((sum / whole.max(1)).clamp(0, 255)).unwrap_or(u8::MAX)
    }
}

/// The `times` positions within a pixel, in integers: each is `n / d` of the way from a pixel to the next.
fn places(times: usize, fill: Fill) -> Vec<Place> {
    let d = i32::try_from(2 * times).unwrap_or(2);
    let places = (0..d / 2).map(|place| {
        let n = 2 * place + 1 - d / 2;
        let before = n < 0;
        let n = if before { n + d } else { n };
        let weights = match fill {
            Fill::Linear => [0, d - n, n, 0],
            Fill::Cubic => [
                -n * d * d + 2 * n * n * d - n * n * n,
                2 * d * d * d - 5 * n * n * d + 3 * n * n * n,
                n * d * d + 4 * n * n * d - 3 * n * n * n,
                -n * n * d + n * n * n,
            ],
        };
        Place { weights, before }
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enlarged_keeps_its_values_where_they_were() {
        let picture = Picture { width: 3, height: 2, luma: vec![0, 100, 200, 50, 150, 250] };
        for (times, fill, _) in LOOKS.into_iter().filter(|(times, ..)| times % 2 == 1) {
            let large = picture.enlarged(times, fill);
            assert_eq!((large.width, large.height), (3 * times, 2 * times));
            assert_eq!(large.luma.len(), large.width * large.height);
            for y in 0..2 {
                for x in 0..3 {
                    let at = (y * times + times / 2) * large.width + x * times + times / 2;
                    assert_eq!(large.luma[at], picture.luma[y * 3 + x], "{times} {x} {y}");
                }
            }
        }
        let flat = Picture { width: 5, height: 5, luma: vec![77; 25] };
        for (times, fill, _) in LOOKS {
            assert!(flat.enlarged(times, fill).luma.iter().all(|value| *value == 77));
        }
        let ramp = Picture { width: 4, height: 1, luma: vec![0, 80, 160, 240] };
        assert_eq!(ramp.enlarged(2, Fill::Linear).luma[..8], [0, 20, 60, 100, 140, 180, 220, 240]);
    }
}
