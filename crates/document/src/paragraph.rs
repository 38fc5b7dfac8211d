//! Makes a text fit its box: wrap, then shrink, and at last an ellipsis.

use unicode_linebreak::linebreaks;
use unicode_segmentation::UnicodeSegmentation;

use crate::face::{FontError, Style};
use crate::shape::{Line, Shaper};

/// How a text may be set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit<'a> {
    /// The width there is, in points.
    pub(crate) width: f32,
    /// Font sizes in points with the lines each may take, from the wished one to the smallest.
    pub(crate) sizes: &'a [(f32, usize)],
    pub(crate) bold: bool,
    pub(crate) style: Style,
}

/// A text that fits: lines no wider than asked, and no more of them than the size may take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paragraph {
    pub(crate) size: f32,
    /// From baseline to baseline, in points.
    pub(crate) pitch: f32,
    pub(crate) lines: Vec<Line>,
}

impl Paragraph {
    /// The same in a smaller size.
    fn shrink(&mut self, size: f32) {
        self.pitch *= size / self.size;
        self.size = size;
    }
}

/// Scripts with marks far above and below the letters are set this much smaller on the same pitch, so that a text
/// takes the same room in every script.
const TALL: f32 = 0.86;

/// Line pitch for a font size: headings are set tighter.
fn pitch(size: f32) -> f32 {
    size * if size >= 20.0 { 1.2 } else { 1.35 }
}

/// Lays a text out. An empty text has no lines.
pub(crate) fn fit(shaper: &mut Shaper<'_>, text: &str, fit: Fit<'_>) -> Result<Paragraph, FontError> {
    let Some(&(smallest, most)) = fit.sizes.last() else { return Ok(Paragraph::default()) };
    if text.is_empty() {
        return Ok(Paragraph::default());
    }
    let whole = shaper.line(text.to_owned(), fit.bold, fit.style)?;
    let scale = if whole.runs.iter().any(|run| run.tall) { TALL } else { 1.0 };
    let room = |size: f32| ems(fit.width, size * scale);
    let finish = |lines: Vec<Line>, size: f32| {
        let mut paragraph = Paragraph { size: size * scale, pitch: pitch(size), lines };
        // A line shaped by itself may be a hair wider than it measured as a part of the whole.
        let widest = paragraph.lines.iter().map(|line| line.width).max().unwrap_or(0);
        if widest > room(size) {
            #[expect(clippy::cast_precision_loss, reason = "both are below 2^24")]
            paragraph.shrink(size * scale * room(size) as f32 / widest as f32);
        }
        paragraph
    };
    if let Some(&(size, _)) = fit.sizes.first()
        && whole.width <= room(size)
    {
        return Ok(finish(vec![whole], size));
    }
    let measure = Measure::new(text, &whole);
    for &(size, most) in fit.sizes {
        let Some(ends) = measure.wrap(room(size), false) else { continue };
        if ends.len() <= most {
            let ends = measure.balance(room(size), ends);
            return Ok(finish(set(shaper, text, &ends, fit)?, size));
        }
    }
    // Not even the smallest size has room: break words, cut what is left.
    let mut ends = measure.wrap(room(smallest), true).unwrap_or_default();
    let rest = if ends.len() > most { Some(if most > 1 { ends[most - 2] } else { 0 }) } else { None };
    if rest.is_some() {
        ends.truncate(most - 1);
    }
    let mut lines = set(shaper, text, &ends, fit)?;
    if let Some(start) = rest {
        lines.push(cut(shaper, &text[start..], room(smallest), fit)?);
    }
    Ok(finish(lines, smallest))
}

/// How many thousandths of an em of a size go into a width.
#[expect(clippy::cast_possible_truncation, reason = "a page's width in thousandths is far from the limits")]
fn ems(width: f32, size: f32) -> i32 {
    (width * 1000.0 / size).floor() as i32
}

/// Shapes the lines that end at these positions.
fn set(shaper: &mut Shaper<'_>, text: &str, ends: &[usize], fit: Fit<'_>) -> Result<Vec<Line>, FontError> {
    let mut start = 0;
    let mut lines = Vec::with_capacity(ends.len());
    for &end in ends {
        let mut line = shaper.line(text[start..end].trim().to_owned(), fit.bold, fit.style)?;
        line.goes_on = end < text.len() && text[start..end].ends_with(' ');
        lines.push(line);
        start = end;
    }
    Ok(lines)
}

/// The longest beginning of a text that fits with an ellipsis after it.
fn cut(shaper: &mut Shaper<'_>, text: &str, width: i32, fit: Fit<'_>) -> Result<Line, FontError> {
    let ends: Vec<usize> = text.grapheme_indices(true).map(|(at, grapheme)| at + grapheme.len()).collect();
    let beginning = |end: usize| format!("{}…", text[..end].trim_end());
    let (mut fits, mut too_long) = (0, ends.len());
    let mut best = shaper.line("…".to_owned(), fit.bold, fit.style)?;
    while fits < too_long {
        let middle = fits.midpoint(too_long);
        let line = shaper.line(beginning(ends[middle]), fit.bold, fit.style)?;
        if line.width <= width {
            best = line;
            fits = middle + 1;
        } else {
            too_long = middle;
        }
    }
    Ok(best)
}

/// Widths of a text's parts, in reading order.
struct Measure<'t> {
    text: &'t str,
    /// Where each cluster starts, and how wide everything before it is; the last entry is the text's end.
    clusters: Vec<(usize, i32)>,
    /// Where a line may end.
    breaks: Vec<usize>,
}

impl<'t> Measure<'t> {
    fn new(text: &'t str, whole: &Line) -> Self {
        let mut widths: Vec<(usize, i32)> = Vec::new();
        for glyph in whole.runs.iter().flat_map(|run| &run.glyphs) {
            let start = glyph.start as usize;
            match widths.last_mut() {
                Some(last) if last.0 == start => last.1 += glyph.advance,
                _ => widths.push((start, glyph.advance)),
            }
        }
        widths.sort_by_key(|&(start, _)| start);
        let mut before = 0;
        let mut clusters: Vec<(usize, i32)> = widths
            .into_iter()
            .map(|(start, width)| {
                let entry = (start, before);
                before += width;
                entry
            })
            .collect();
        clusters.push((text.len(), before));
        let breaks = linebreaks(text).map(|(at, _)| at).collect();
        Self { text, clusters, breaks }
    }

    /// The width of everything before a position.
    fn before(&self, at: usize) -> i32 {
        let index = self.clusters.partition_point(|&(start, _)| start < at).min(self.clusters.len() - 1);
        self.clusters[index].1
    }

    /// The width of a line without the spaces at its end.
    fn width(&self, start: usize, end: usize) -> i32 {
        let end = start + self.text[start..end].trim_end().len();
        self.before(end) - self.before(start)
    }

    /// Fills lines one after the other; returns where each ends. Without `anywhere`, `None` if a word is wider than
    /// a line.
    fn wrap(&self, width: i32, anywhere: bool) -> Option<Vec<usize>> {
        let (mut lines, mut start, mut fits) = (Vec::new(), 0, 0);
        let mut breaks = self.breaks.iter().copied().peekable();
        while let Some(&end) = breaks.peek() {
            if self.width(start, end) <= width {
                fits = end;
                breaks.next();
            } else if fits > start {
                lines.push(fits);
                start = fits;
            } else if anywhere {
                // At least one cluster a line, however narrow the line.
                let ends = self.text[start..end].grapheme_indices(true).map(|(at, g)| start + at + g.len());
                let mut last = start;
                for at in ends {
                    if last > start && self.width(start, at) > width {
                        break;
                    }
                    last = at;
                }
                lines.push(last);
                start = last;
                fits = last;
            } else {
                return None;
            }
        }
        if start < self.text.len() {
            lines.push(self.text.len());
        }
        Some(lines)
    }

    /// The narrowest lines with the same count of them, so that none is left with a lone short word.
    fn balance(&self, width: i32, breaks: Vec<usize>) -> Vec<usize> {
        if breaks.len() < 2 {
            return breaks;
        }
        let (mut low, mut high, mut best) = (width / 2, width, breaks);
        for _ in 0..6 {
            let middle = low.midpoint(high);
            match self.wrap(middle, false) {
                Some(lines) if lines.len() <= best.len() => {
                    best = lines;
                    high = middle;
                }
                _ => low = middle,
            }
        }
        best
    }
}
