//! Converts the tree that `usvg` has resolved to PDF content streams: groups, clip paths and masks.

use std::collections::HashMap;

use pdf_writer::types::MaskType;
use pdf_writer::{Chunk, Filter, Finish, Rect, Ref, Settings};
use usvg::tiny_skia_path::Transform;
use usvg::{BlendMode, ClipPath, FillRule, Group, Mask, Node, NonZeroRect, Opacity, Path, Tree};

use crate::pdf::{FormXObject, deflate_once};

use super::layer::{Layer, checked, fill_resources, matrix};

/// The maximum number of PDF objects of a drawing.
const MOST_OBJECTS: i32 = 20_000;
/// The longer side of the form.
const SIDE: f32 = 1000.0;

/// Draws the whole tree into a form that fills the unit square.
///
/// # Errors
/// A message: what cannot be drawn.
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
        // Blend modes apply within the drawing only, not to the page below it.
        form.group().transparency().isolated(true).color_space().device_rgb();
    }
    fill_resources(&mut form, &layer.used);
    form.finish();
    Ok(FormXObject::new(writer.chunk, id, writer.count))
}

pub(super) struct Writer {
    pub(super) chunk: Chunk,
    /// How many objects there are.
    count: i32,
    /// Objects by their content.
    known: HashMap<String, Ref>,
    pub(super) segments: usize,
    /// Whether something has a blend mode.
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

    /// An object that is written once: `key` has all of its content.
    pub(super) fn shared(&mut self, key: String, write: impl FnOnce(&mut Chunk, Ref)) -> Result<Ref, String> {
        if let Some(id) = self.known.get(&key) {
            return Ok(*id);
        }
        let id = self.id()?;
        write(&mut self.chunk, id);
        self.known.insert(key, id);
        Ok(id)
    }

    /// A transparency group within `area`; `around` is the layer it is drawn in.
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
                // Refused before; and `usvg` makes none of them without the features for them.
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
            // A graphics state has one mask: each further mask gets a group of its own.
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

    /// A graphics state with an opacity and a blend mode.
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

    /// A graphics state whose soft mask is the form's opacity or luminosity.
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

    /// Clips by one path. Several may overlap, each with its own fill rule, so they become a mask.
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
}

/// Collects the visible paths of a clip path with their transforms. Returns `false` if one of them is clipped itself.
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

/// An area a little larger than what is drawn, so that anti-aliased edges are not cut.
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
