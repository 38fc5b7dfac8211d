//! Paths: filled, stroked, and as outlines to clip by.

use pdf_writer::types::{LineCapStyle, LineJoinStyle};
use usvg::tiny_skia_path::{self, PathSegment, Point};
use usvg::{FillRule, LineCap, LineJoin, PaintOrder, Path, Stroke};

use super::draw::Writer;
use super::layer::{Layer, checked};

/// The maximum number of lines and curves, each counted as often as it is drawn.
const MOST_SEGMENTS: usize = 500_000;

impl Writer {
    pub(super) fn path(&mut self, path: &Path, layer: &mut Layer) -> Result<(), String> {
        if !path.is_visible() {
            return Ok(());
        }
        let strokes_first = path.paint_order() == PaintOrder::StrokeAndFill;
        for stroking in [strokes_first, !strokes_first] {
            if stroking && let Some(stroke) = path.stroke() {
                let area = path.stroke_bounding_box();
                let restore = self.paint(stroke.paint(), stroke.opacity(), area, true, layer)?;
                stroke_style(stroke, layer)?;
                self.outline(path.data(), layer)?;
                layer.content.stroke();
                if restore {
                    layer.restore();
                }
            } else if !stroking && let Some(fill) = path.fill() {
                let restore = self.paint(fill.paint(), fill.opacity(), path.bounding_box(), false, layer)?;
                self.outline(path.data(), layer)?;
                match fill.rule() {
                    FillRule::NonZero => layer.content.fill_nonzero(),
                    FillRule::EvenOdd => layer.content.fill_even_odd(),
                };
                if restore {
                    layer.restore();
                }
            }
        }
        Ok(())
    }

    pub(super) fn outline(&mut self, path: &tiny_skia_path::Path, layer: &mut Layer) -> Result<(), String> {
        self.segments += path.verbs().len();
        if self.segments > MOST_SEGMENTS {
            return Err(format!("its paths have more than {MOST_SEGMENTS} lines and curves"));
        }
        let (mut pen, mut start) = (Point::zero(), Point::zero());
        let content = &mut layer.content;
        for segment in path.segments() {
            let [x1, y1, x2, y2, x, y] = match segment {
                PathSegment::MoveTo(to) | PathSegment::LineTo(to) => [0.0, 0.0, 0.0, 0.0, to.x, to.y],
                // The same curve as a cubic one.
                PathSegment::QuadTo(by, to) => {
                    let toward = |from: f32, by: f32| from + (by - from) * 2.0 / 3.0;
                    [
                        toward(pen.x, by.x),
                        toward(pen.y, by.y),
                        toward(to.x, by.x),
                        toward(to.y, by.y),
                        to.x,
                        to.y,
                    ]
                }
                PathSegment::CubicTo(by1, by2, to) => [by1.x, by1.y, by2.x, by2.y, to.x, to.y],
                PathSegment::Close => [0.0, 0.0, 0.0, 0.0, start.x, start.y],
            };
            let [x1, y1, x2, y2, x, y] = checked([x1, y1, x2, y2, x, y])?;
            match segment {
                PathSegment::MoveTo(to) => {
                    start = to;
                    content.move_to(x, y)
                }
                PathSegment::LineTo(_) => content.line_to(x, y),
                PathSegment::QuadTo(..) | PathSegment::CubicTo(..) => content.cubic_to(x1, y1, x2, y2, x, y),
                PathSegment::Close => content.close_path(),
            };
            pen = Point::from_xy(x, y);
        }
        Ok(())
    }
}

fn stroke_style(stroke: &Stroke, layer: &mut Layer) -> Result<(), String> {
    let [width, miter] = checked([stroke.width().get(), stroke.miterlimit().get()])?;
    layer.content.set_line_width(width).set_miter_limit(miter);
    layer.content.set_line_cap(match stroke.linecap() {
        LineCap::Butt => LineCapStyle::ButtCap,
        LineCap::Round => LineCapStyle::RoundCap,
        LineCap::Square => LineCapStyle::ProjectingSquareCap,
    });
    layer.content.set_line_join(match stroke.linejoin() {
        LineJoin::Miter | LineJoin::MiterClip => LineJoinStyle::MiterJoin,
        LineJoin::Round => LineJoinStyle::RoundJoin,
        LineJoin::Bevel => LineJoinStyle::BevelJoin,
    });
    let dashes = stroke.dasharray().unwrap_or_default();
    let whole = dashes.iter().sum::<f32>();
    let [whole, offset] = checked([whole, stroke.dashoffset()])?;
    for dash in dashes {
        checked([*dash])?;
    }
    let offset = if whole > 0.0 { offset.rem_euclid(whole) } else { 0.0 };
    let dashes = if whole > 0.0 { dashes } else { &[] };
    layer.content.set_dash_pattern(dashes.iter().copied(), offset);
    Ok(())
}
