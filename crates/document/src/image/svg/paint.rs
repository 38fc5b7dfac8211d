//! What paths are filled and stroked with: colours, and gradients as shadings (ISO 32000-1, 8.7.4).

use std::iter;

use pdf_writer::types::{ColorSpaceOperand, FunctionShadingType, MaskType};
use pdf_writer::{Name, Ref};
use usvg::tiny_skia_path::{Rect, Transform};
use usvg::{BaseGradient, Opacity, Paint, SpreadMethod, Stop};

use super::draw::Writer;
use super::layer::{Layer, checked, matrix};

/// A gradient's geometry, of either kind.
struct Shape {
    kind: FunctionShadingType,
    /// The positions of its first and last colour, as a shading's `Coords`.
    coordinates: Vec<f32>,
}

impl Writer {
    /// Sets the paint to use in `area`. Returns whether it saved the graphics state.
    pub(super) fn paint(
        &mut self,
        paint: &Paint,
        opacity: Opacity,
        area: Rect,
        stroking: bool,
        layer: &mut Layer,
    ) -> Result<bool, String> {
        let (shape, gradient): (_, &BaseGradient) = match paint {
            Paint::Color(colour) => {
                let saved = self.translucent(opacity, layer)?;
                let [r, g, b] =
                    [colour.red, colour.green, colour.blue].map(|channel| f32::from(channel) / 255.0);
                if stroking {
                    layer.content.set_stroke_rgb(r, g, b);
                } else {
                    layer.content.set_fill_rgb(r, g, b);
                }
                return Ok(saved);
            }
            Paint::LinearGradient(linear) => {
                let coordinates = checked([linear.x1(), linear.y1(), linear.x2(), linear.y2()])?.to_vec();
                (Shape { kind: FunctionShadingType::Axial, coordinates }, linear)
            }
            Paint::RadialGradient(radial) => {
                let [fx, fy, fr] = [radial.fx(), radial.fy(), radial.fr().get()];
                let coordinates = checked([fx, fy, fr, radial.cx(), radial.cy(), radial.r().get()])?.to_vec();
                (Shape { kind: FunctionShadingType::Radial, coordinates }, radial)
            }
            Paint::Pattern(_) => return Err("it is filled with a pattern: turn it into shapes".to_owned()),
        };
        if gradient.spread_method() != SpreadMethod::Pad {
            return Err("a gradient in it repeats itself (spreadMethod): write its colours out".to_owned());
        }
        let stops = gradient.stops();
        let clear = stops.iter().any(|stop| stop.opacity() != Opacity::ONE);
        let alike = stops.iter().all(|stop| stop.opacity() == stops[0].opacity());
        let all = if clear && alike { opacity * stops[0].opacity() } else { opacity };
        let mut saved = self.translucent(all, layer)?;
        if clear && !alike {
            if !saved {
                layer.save()?;
                saved = true;
            }
            let state = self.shaded_mask(&shape, gradient, area, layer)?;
            layer.state(state);
        }
        let shading = self.shading(&shape, stops, false)?;
        let by = matrix(layer.at.pre_concat(gradient.transform()))?;
        let pattern = self.shared(format!("pattern {by:?} {}", shading.get()), |chunk, id| {
            chunk.shading_pattern(id).shading_ref(shading).matrix(by);
        })?;
        let name = layer.name(b'P', pattern);
        if stroking {
            layer.content.set_stroke_color_space(ColorSpaceOperand::Pattern);
            layer.content.set_stroke_pattern(iter::empty(), Name(name.as_bytes()));
        } else {
            layer.content.set_fill_color_space(ColorSpaceOperand::Pattern);
            layer.content.set_fill_pattern(iter::empty(), Name(name.as_bytes()));
        }
        Ok(saved)
    }

    fn translucent(&mut self, opacity: Opacity, layer: &mut Layer) -> Result<bool, String> {
        if opacity == Opacity::ONE {
            return Ok(false);
        }
        layer.save()?;
        let state = self.opacity(opacity, None)?;
        layer.state(state);
        Ok(true)
    }

    /// A graphics state whose soft mask is the opacity of a gradient's stops.
    fn shaded_mask(
        &mut self,
        shape: &Shape,
        gradient: &BaseGradient,
        area: Rect,
        around: &Layer,
    ) -> Result<Ref, String> {
        let shading = self.shading(shape, gradient.stops(), true)?;
        let (x, y) = (area.width() / 50.0, area.height() / 50.0);
        let area = [area.left() - x, area.top() - y, area.right() + x, area.bottom() + y];
        let transform: Transform = gradient.transform();
        let form = self.layer(around, area, true, |_, layer| {
            layer.transform(transform)?;
            let name = layer.name(b'S', shading);
            layer.content.shading(Name(name.as_bytes()));
            Ok(())
        })?;
        self.masked(form, MaskType::Luminosity)
    }

    /// A gradient's colours, or its opacities as greys.
    fn shading(&mut self, shape: &Shape, stops: &[Stop], opacities: bool) -> Result<Ref, String> {
        let values = |stop: &Stop| {
            let colour = stop.color();
            let channels = [colour.red, colour.green, colour.blue];
            if opacities {
                vec![stop.opacity().get()]
            } else {
                channels.iter().map(|channel| f32::from(*channel) / 255.0).collect()
            }
        };
        let mut last = 0.0_f32;
        let mut points: Vec<(f32, Vec<f32>)> = Vec::new();
        for stop in stops {
            // No offset is less than the one before it.
            last = last.max(stop.offset().get());
            points.push((last, values(stop)));
        }
        // The stops have to cover the range from 0 to 1.
        let (Some(first), Some(last)) = (points.first().cloned(), points.last().cloned()) else {
            return Err("a gradient in it has no colours".to_owned());
        };
        points.insert(0, (0.0, first.1));
        points.push((1.0, last.1));
        let spans: Vec<_> = points.windows(2).filter(|pair| pair[0].0 < pair[1].0).collect();
        let mut functions = Vec::new();
        for span in &spans {
            let (from, to) = (&span[0].1, &span[1].1);
            functions.push(self.shared(format!("span {from:?} {to:?}"), |chunk, id| {
                let mut function = chunk.exponential_function(id);
                function.domain([0.0, 1.0]).n(1.0);
                function.c0(from.iter().copied()).c1(to.iter().copied());
            })?);
        }
        let bounds: Vec<f32> = spans.iter().skip(1).map(|span| span[0].0).collect();
        let function = match functions[..] {
            [one] => one,
            _ => self.shared(format!("spans {functions:?} {bounds:?}"), |chunk, id| {
                let encode = functions.iter().flat_map(|_| [0.0, 1.0]);
                let mut function = chunk.stitching_function(id);
                function.domain([0.0, 1.0]).functions(functions.iter().copied());
                function.bounds(bounds.iter().copied()).encode(encode);
            })?,
        };
        let Shape { kind, coordinates } = shape;
        self.shared(format!("shading {kind:?} {coordinates:?} {function:?} {opacities}"), |chunk, id| {
            let mut shading = chunk.function_shading(id);
            shading.shading_type(*kind);
            if opacities {
                shading.color_space().device_gray();
            } else {
                shading.color_space().device_rgb();
            }
            shading.coords(coordinates.iter().copied()).function(function).extend([true, true]);
        })
    }
}
