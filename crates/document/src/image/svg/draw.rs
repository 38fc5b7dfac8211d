//! What `usvg` has resolved, as content streams: groups, clip paths, masks, and paths.

use std::collections::{BTreeSet, HashMap};

use pdf_writer::types::{LineCapStyle, LineJoinStyle, MaskType};
use pdf_writer::{Chunk, Content, Filter, Finish, Name, Rect, Ref, Settings};
use usvg::tiny_skia_path::{self, PathSegment, Point, Transform};
use usvg::{
    BlendMode, ClipPath, FillRule, Group, LineCap, LineJoin, Mask, Node, NonZeroRect, Opacity, PaintOrder,
    Path, Stroke, Tree,
};

use crate::pdf::{FormXObject, deflate_once};

/// No drawing has more lines and curves, each counted as often as it is drawn.
const MOST_SEGMENTS: usize = 500_000;
/// No drawing takes more objects.
const MOST_OBJECTS: i32 = 20_000;
/// No coordinate is farther from the origin.
const FARTHEST: f32 = 10_000_000.0;
/// Graphics states that are saved at a time: ISO 32000-1, annex C, lets readers keep 28.
const MOST_SAVED: usize = 24;
/// The longer side of the form.
const SIDE: f32 = 1000.0;

/// Draws the whole into a form that fills the unit square.
///
/// # Errors
/// What cannot be drawn, in words.
pub(super) fn draw(tree: &Tree) -> Result<FormXObject, String> {
    let mut writer = Writer {
        chunk: Chunk::with_settings(Settings { pretty: false }),
        count: 0,
        known: HashMap::new(),
        segments: 0,
        blends: false,
    };
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = SIDE / width.max(height);
    let (wide, high) = (width * scale, height * scale);
    let upright = Transform::from_row(scale, 0.0, 0.0, -scale, 0.0, high);
    let mut layer = Layer::new(1, upright);
    layer.content.transform(matrix(upright)?);
    writer.children(tree.root(), &mut layer)?;
    let isolated = writer.blends;
    let id = writer.id()?;
    let data = deflate_once(&layer.content.finish());
    let mut form = writer.chunk.form_xobject(id, &data);
    form.filter(Filter::FlateDecode);
    form.bbox(Rect::new(0.0, 0.0, wide, high)).matrix([1.0 / wide, 0.0, 0.0, 1.0 / high, 0.0, 0.0]);
    if isolated {
        // What mixes with what lies below mixes with the drawing alone.
        form.group().transparency().isolated(true).color_space().device_rgb();
    }
    fill_resources(&mut form, &layer.used);
    form.finish();
    Ok(FormXObject::new(writer.chunk, id, writer.count))
}

/// A content stream that is being written.
pub(super) struct Layer {
    pub(super) content: Content,
    /// From where drawing is now to where the stream began.
    pub(super) at: Transform,
    /// What the stream calls by name: the name's first letter, and the object.
    used: BTreeSet<(u8, Ref)>,
    /// How many graphics states are saved, those of the streams around it included.
    saved: usize,
}

impl Layer {
    fn new(saved: usize, at: Transform) -> Self {
        let content = Content::with_settings(Settings { pretty: false });
        Self { content, at, used: BTreeSet::new(), saved }
    }

    /// The name of an object: `X` for forms, `G` for graphics states, `P` for patterns, `S` for shadings.
    pub(super) fn name(&mut self, kind: u8, id: Ref) -> String {
        self.used.insert((kind, id));
        name_of(kind, id)
    }

    pub(super) fn state(&mut self, id: Ref) {
        let name = self.name(b'G', id);
        self.content.set_parameters(Name(name.as_bytes()));
    }

    fn form(&mut self, id: Ref) {
        let name = self.name(b'X', id);
        self.content.x_object(Name(name.as_bytes()));
    }

    pub(super) fn save(&mut self) -> Result<(), String> {
        self.saved += 1;
        if self.saved > MOST_SAVED {
            return Err(format!("groups and clip paths stand more than {MOST_SAVED} deep in each other"));
        }
        self.content.save_state();
        Ok(())
    }

    pub(super) fn restore(&mut self) {
        self.saved -= 1;
        self.content.restore_state();
    }

    pub(super) fn transform(&mut self, by: Transform) -> Result<(), String> {
        if !by.is_identity() {
            self.content.transform(matrix(by)?);
            self.at = self.at.pre_concat(by);
        }
        Ok(())
    }
}

fn name_of(kind: u8, id: Ref) -> String {
    format!("{}{}", char::from(kind), id.get())
}

fn fill_resources(form: &mut pdf_writer::writers::FormXObject<'_>, used: &BTreeSet<(u8, Ref)>) {
    let mut resources = form.resources();
    for (kind, key) in [(b'X', "XObject"), (b'G', "ExtGState"), (b'P', "Pattern"), (b'S', "Shading")] {
        let mut entries = used.iter().filter(|(known, _)| *known == kind).peekable();
        if entries.peek().is_some() {
            let mut dict = resources.insert(Name(key.as_bytes())).dict();
            for &(kind, id) in entries {
                dict.pair(Name(name_of(kind, id).as_bytes()), id);
            }
        }
    }
}

/// Numbers that a PDF can have.
pub(super) fn checked<const N: usize>(values: [f32; N]) -> Result<[f32; N], String> {
    if values.iter().all(|value| value.abs() <= FARTHEST) {
        return Ok(values);
    }
    Err(format!("a coordinate or a scale in it is larger than {FARTHEST}"))
}

pub(super) fn matrix(by: Transform) -> Result<[f32; 6], String> {
    checked([by.sx, by.ky, by.kx, by.sy, by.tx, by.ty])
}

pub(super) struct Writer {
    pub(super) chunk: Chunk,
    /// How many objects there are.
    count: i32,
    /// Objects by what is in them.
    known: HashMap<String, Ref>,
    segments: usize,
    /// Whether something mixes with what lies below it.
    blends: bool,
}

impl Writer {
    fn id(&mut self) -> Result<Ref, String> {
        if self.count >= MOST_OBJECTS {
            return Err(format!("it takes more than {MOST_OBJECTS} objects of a PDF"));
        }
        self.count += 1;
        Ok(Ref::new(self.count))
    }

    /// An object that is written once: `key` has all that is in it.
    pub(super) fn shared(&mut self, key: String, write: impl FnOnce(&mut Chunk, Ref)) -> Result<Ref, String> {
        if let Some(id) = self.known.get(&key) {
            return Ok(*id);
        }
        let id = self.id()?;
        write(&mut self.chunk, id);
        self.known.insert(key, id);
        Ok(id)
    }

    /// A transparency group within `area`, `around` being what it is drawn in.
    pub(super) fn layer(
        &mut self,
        around: &Layer,
        area: [f32; 4],
        grey: bool,
        draw: impl FnOnce(&mut Self, &mut Layer) -> Result<(), String>,
    ) -> Result<Ref, String> {
        let [x1, y1, x2, y2] = checked(area)?;
        let mut layer = Layer::new(around.saved, Transform::identity());
        draw(self, &mut layer)?;
        let id = self.id()?;
        let data = deflate_once(&layer.content.finish());
        let mut form = self.chunk.form_xobject(id, &data);
        form.filter(Filter::FlateDecode);
        form.bbox(Rect::new(x1, y1, x2, y2));
        let mut group = form.group();
        group.transparency().isolated(true);
        if grey {
            group.color_space().device_gray();
        } else {
            group.color_space().device_rgb();
        }
        group.finish();
        fill_resources(&mut form, &layer.used);
        form.finish();
        Ok(id)
    }

    fn children(&mut self, group: &Group, layer: &mut Layer) -> Result<(), String> {
        for node in group.children() {
            match node {
                Node::Group(group) => self.group(group, layer)?,
                Node::Path(path) => self.path(path, layer)?,
                // Refused before; without its features, the library makes none of them.
                Node::Image(_) | Node::Text(_) => return Err("it has an image or a text in it".to_owned()),
            }
        }
        Ok(())
    }

    fn group(&mut self, group: &Group, layer: &mut Layer) -> Result<(), String> {
        let blend = blend_mode(group.blend_mode())?;
        let plain =
            group.opacity() == Opacity::ONE && blend.is_none() && group.mask().is_none() && !group.isolate();
        if plain && group.clip_path().is_none() && group.transform().is_identity() {
            return self.children(group, layer);
        }
        self.blends |= blend.is_some();
        layer.save()?;
        layer.transform(group.transform())?;
        let area = with_margin(group.layer_bounding_box());
        let mut masks = Vec::new();
        let mut clip = group.clip_path();
        while let Some(path) = clip {
            masks.extend(self.clip(path, area, layer)?);
            clip = path.clip_path();
        }
        if let Some(mask) = group.mask() {
            masks.push(self.mask(mask, layer)?);
        }
        if plain && masks.is_empty() {
            self.children(group, layer)?;
        } else {
            let mut form = self.layer(layer, area, false, |writer, inner| writer.children(group, inner))?;
            // There is one mask at a time: the others get a group each.
            let last = masks.pop();
            for mask in masks {
                form = self.layer(layer, area, false, |_, inner| {
                    inner.state(mask);
                    inner.form(form);
                    Ok(())
                })?;
            }
            if let Some(mask) = last {
                layer.state(mask);
            }
            if group.opacity() != Opacity::ONE || blend.is_some() {
                let state = self.opacity(group.opacity(), blend)?;
                layer.state(state);
            }
            layer.form(form);
        }
        layer.restore();
        Ok(())
    }

    /// A graphics state with an opacity and a way to mix.
    pub(super) fn opacity(
        &mut self,
        opacity: Opacity,
        blend: Option<pdf_writer::types::BlendMode>,
    ) -> Result<Ref, String> {
        let value = opacity.get();
        self.shared(format!("opacity {value} {blend:?}"), |chunk, id| {
            let mut state = chunk.ext_graphics(id);
            state.non_stroking_alpha(value).stroking_alpha(value);
            if let Some(blend) = blend {
                state.blend_mode(blend);
            }
        })
    }

    /// A graphics state that shows what is drawn by it where the form is opaque, or light.
    pub(super) fn masked(&mut self, form: Ref, by: MaskType) -> Result<Ref, String> {
        self.shared(format!("mask {} {by:?}", form.get()), |chunk, id| {
            chunk.ext_graphics(id).soft_mask().subtype(by).group(form);
        })
    }

    fn mask(&mut self, mask: &Mask, around: &Layer) -> Result<Ref, String> {
        let rect = mask.rect();
        let area = [rect.left(), rect.top(), rect.right(), rect.bottom()];
        let mut form =
            self.layer(around, area, false, |writer, layer| writer.children(mask.root(), layer))?;
        if let Some(outer) = mask.mask() {
            let state = self.mask(outer, around)?;
            form = self.layer(around, area, false, |_, layer| {
                layer.state(state);
                layer.form(form);
                Ok(())
            })?;
        }
        let by = match mask.kind() {
            usvg::MaskType::Luminance => MaskType::Luminosity,
            usvg::MaskType::Alpha => MaskType::Alpha,
        };
        self.masked(form, by)
    }

    /// Clips by one path; several overlap each in its own way, so they become a mask.
    fn clip(&mut self, clip: &ClipPath, area: [f32; 4], layer: &mut Layer) -> Result<Option<Ref>, String> {
        let mut paths = Vec::new();
        if simple(clip.root(), clip.transform(), &mut paths) && paths.len() <= 1 {
            match paths.pop() {
                Some((path, at)) => {
                    let data = path.data().clone().transform(at).ok_or("a clip path in it is too large")?;
                    self.outline(&data, layer)?;
                    match path.fill().map(usvg::Fill::rule) {
                        Some(FillRule::EvenOdd) => layer.content.clip_even_odd(),
                        _ => layer.content.clip_nonzero(),
                    };
                }
                None => drop(layer.content.rect(0.0, 0.0, 0.0, 0.0).clip_nonzero()),
            }
            layer.content.end_path();
            return Ok(None);
        }
        let form = self.layer(layer, area, false, |writer, inner| {
            inner.transform(clip.transform())?;
            writer.children(clip.root(), inner)
        })?;
        self.masked(form, MaskType::Alpha).map(Some)
    }

    fn path(&mut self, path: &Path, layer: &mut Layer) -> Result<(), String> {
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

    fn outline(&mut self, path: &tiny_skia_path::Path, layer: &mut Layer) -> Result<(), String> {
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

/// Collects the visible paths of a clip path with what maps their points; not if one of them is clipped itself.
fn simple<'t>(group: &'t Group, at: Transform, paths: &mut Vec<(&'t Path, Transform)>) -> bool {
    group.children().iter().all(|node| match node {
        Node::Group(group) => {
            group.clip_path().is_none()
                && group.mask().is_none()
                && simple(group, at.pre_concat(group.transform()), paths)
        }
        Node::Path(path) => {
            if path.is_visible() {
                paths.push((path, at));
            }
            true
        }
        Node::Image(_) | Node::Text(_) => false,
    })
}

/// A little more than what is drawn, so that nothing is cut where edges are smoothed.
fn with_margin(area: NonZeroRect) -> [f32; 4] {
    let (x, y) = (area.width() / 50.0, area.height() / 50.0);
    [area.left() - x, area.top() - y, area.right() + x, area.bottom() + y]
}

fn blend_mode(mode: BlendMode) -> Result<Option<pdf_writer::types::BlendMode>, String> {
    use pdf_writer::types::BlendMode as Pdf;
    Ok(Some(match mode {
        BlendMode::Normal => return Ok(None),
        BlendMode::Multiply => Pdf::Multiply,
        BlendMode::Screen => Pdf::Screen,
        BlendMode::Overlay => Pdf::Overlay,
        BlendMode::Darken => Pdf::Darken,
        BlendMode::Lighten => Pdf::Lighten,
        BlendMode::ColorDodge => Pdf::ColorDodge,
        BlendMode::ColorBurn => Pdf::ColorBurn,
        BlendMode::HardLight => Pdf::HardLight,
        BlendMode::SoftLight => Pdf::SoftLight,
        BlendMode::Difference => Pdf::Difference,
        BlendMode::Exclusion => Pdf::Exclusion,
        BlendMode::Hue => Pdf::Hue,
        BlendMode::Saturation => Pdf::Saturation,
        BlendMode::Color => Pdf::Color,
        BlendMode::Luminosity => Pdf::Luminosity,
        BlendMode::PlusLighter => return Err("a PDF cannot mix colours by \"plus-lighter\"".to_owned()),
    }))
}
