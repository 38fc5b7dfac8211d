//! Makes a text fit its box: wraps it, then shrinks it, and finally truncates it with an ellipsis.

use std::sync::Arc;

use unicode_linebreak::linebreaks;
use unicode_segmentation::UnicodeSegmentation;

use crate::font::{FontError, Style};

use super::line::Line;
use super::sanitize::BREAK;
use super::shaping::Shaper;

/// The constraints of laying out a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit<'a> {
    /// The available width, in points.
    pub(crate) width: f32,
    /// Font sizes in points with the number of lines each may take, from the preferred one to the smallest.
    pub(crate) sizes: &'a [(f32, usize)],
    /// From baseline to baseline as a multiple of the size; where not given, it depends on the size.
    pub(crate) leading: Option<f32>,
    pub(crate) bold: bool,
    pub(crate) style: Style,
}

/// A text that fits: lines within the width, and no more of them than the size allows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paragraph {
    pub(crate) size: f32,
    /// The size chosen from those allowed; scripts with tall marks are drawn smaller than it.
    pub(crate) wished: f32,
    /// From baseline to baseline, in points.
    pub(crate) pitch: f32,
    pub(crate) lines: Vec<Arc<Line>>,
    /// The text is truncated.
    pub(crate) cut: bool,
}

impl Paragraph {
    /// The height of all lines, in points.
    pub(crate) fn height(&self) -> f32 {
        self.pitch * f32::from(u16::try_from(self.lines.len()).unwrap_or(u16::MAX))
    }

    /// The same in a smaller size.
    fn shrink(&mut self, size: f32) {
        self.pitch *= size / self.size;
        self.size = size;
    }
}

/// Scripts with marks far above and below the letters are scaled by this on the same pitch, so that a text takes the
/// same room in every script.
const TALL: f32 = 0.86;

/// From baseline to baseline for a font size, in points: headings are set tighter unless the leading is given.
pub(crate) fn pitch(size: f32, leading: Option<f32>) -> f32 {
    size * leading.unwrap_or(if size >= 20.0 { 1.2 } else { 1.35 })
}

/// Lays a text out. An empty text has no lines; a line feed ends a line, and so does a [`BREAK`] if all of the text
/// fits then.
pub(crate) fn fit(shaper: &mut Shaper<'_>, text: &str, fit: Fit<'_>) -> Result<Paragraph, FontError> {
    if !text.contains(BREAK) {
        return set_in(shaper, text, fit);
    }
    let missing = shaper.missing.len();
    let lines = set_in(shaper, &text.replace(BREAK, "\n"), fit)?;
    if !lines.cut {
        return Ok(lines);
    }
    shaper.missing.truncate(missing);
    set_in(shaper, &on_one_line(text), fit)
}

/// Joins lines with commas in their script's form, where they do not end with one.
pub(crate) fn on_one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for line in text.split(BREAK) {
        if let Some(last) = out.chars().next_back() {
            out.push_str(match last {
                ',' | ';' | '،' | '、' | '，' => " ",
                '\u{600}'..='\u{6FF}' => "، ",
                _ => ", ",
            });
        }
        out.push_str(line);
    }
    out
}

fn set_in(shaper: &mut Shaper<'_>, text: &str, fit: Fit<'_>) -> Result<Paragraph, FontError> {
    let Some(&(smallest, most)) = fit.sizes.last() else { return Ok(Paragraph::default()) };
    if text.is_empty() {
        return Ok(Paragraph::default());
    }
    let mut parts = Vec::with_capacity(1);
    for part in text.split('\n') {
        parts.push((part, shaper.line(part.to_owned(), fit.bold, fit.style)?));
    }
    let tall = parts.iter().flat_map(|(_, whole)| &whole.runs).any(|run| run.tall);
    let scale = if tall { TALL } else { 1.0 };
    let room = |size: f32| ems(fit.width, size * scale);
    let finish = |lines: Vec<Line>, size: f32| {
        let mut paragraph = Paragraph {
            size: size * scale,
            wished: size,
            pitch: pitch(size, fit.leading),
            lines: lines.into_iter().map(Arc::new).collect(),
            cut: false,
        };
        // A line shaped by itself may be slightly wider than it was as a part of the whole.
        let widest = paragraph.lines.iter().map(|line| line.width).max().unwrap_or(0);
        if widest > room(size) {
            #[expect(clippy::cast_precision_loss, reason = "both are below 2^24")]
            paragraph.shrink(size * scale * room(size) as f32 / widest as f32);
        }
        paragraph
    };
    if let Some(&(size, most)) = fit.sizes.first()
        && parts.len() <= most
        && parts.iter().all(|(_, whole)| whole.width <= room(size))
    {
        return Ok(finish(parts.into_iter().map(|(_, whole)| whole).collect(), size));
    }
    let measures: Vec<_> = parts.iter().map(|(part, whole)| Measure::new(part, whole)).collect();
    for &(size, most) in fit.sizes {
        let wrapped: Option<Vec<_>> =
            measures.iter().map(|measure| measure.wrap(room(size), false)).collect();
        let Some(wrapped) = wrapped.filter(|ends| ends.iter().map(Vec::len).sum::<usize>() <= most) else {
            continue;
        };
        let mut lines = Vec::with_capacity(most);
        for (measure, ends) in measures.iter().zip(wrapped) {
            let ends = measure.balance(room(size), ends);
            set(shaper, measure.text, &ends, fit, &mut lines)?;
        }
        return Ok(finish(lines, size));
    }
    // The text does not fit even in the smallest size: break words, truncate the rest.
    let mut lines = Vec::with_capacity(most);
    let mut short = false;
    for (index, measure) in measures.iter().enumerate() {
        let mut ends = measure.wrap(room(smallest), true).unwrap_or_default();
        let left = most - lines.len();
        let last = index + 1 == measures.len();
        if ends.len() > left || (ends.len() == left && !last) {
            let start = if left > 1 { ends.get(left - 2).copied().unwrap_or(0) } else { 0 };
            ends.truncate(left - 1);
            set(shaper, measure.text, &ends, fit, &mut lines)?;
            lines.push(cut(shaper, &measure.text[start..], room(smallest), fit)?);
            short = true;
            break;
        }
        set(shaper, measure.text, &ends, fit, &mut lines)?;
    }
    Ok(Paragraph { cut: short, ..finish(lines, smallest) })
}

/// How many thousandths of an em of a size go into a width.
#[expect(clippy::cast_possible_truncation, reason = "a page's width in thousandths is far from the limits")]
fn ems(width: f32, size: f32) -> i32 {
    (width * 1000.0 / size).floor() as i32
}

/// Shapes the lines that end at these positions.
fn set(
    shaper: &mut Shaper<'_>,
    text: &str,
    ends: &[usize],
    fit: Fit<'_>,
    lines: &mut Vec<Line>,
) -> Result<(), FontError> {
    let mut start = 0;
    for &end in ends {
        let mut line = shaper.line(text[start..end].trim().to_owned(), fit.bold, fit.style)?;
        line.goes_on = end < text.len() && text[start..end].ends_with(' ');
        lines.push(line);
        start = end;
    }
    Ok(())
}

/// The longest prefix of a text that fits with an ellipsis after it.
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
        if start < self.text.len() || self.text.is_empty() {
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
