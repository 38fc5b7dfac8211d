//! Draws the benchmark page with krilla. Modes: `plain` and `tagged` as in its examples; `tuned` and `tuned-tagged`
//! shape texts with one face that is kept, shape texts that all tickets share once, and draw the code as an image.

use std::collections::HashMap;
use std::num::NonZeroU16;

use anyhow::{Context as _, Result, anyhow};
use bench_common::{Area, Page, Role, Text, asked, modules, runs, serve};
use krilla::color::luma;
use krilla::configure::{Accessibility, Archival, Configuration, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::{BitsPerComponent, CustomImage, Image, ImageColorspace};
use krilla::metadata::{DateTime, Metadata};
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{Artifact, ArtifactType, ContentTag, SpanTag, Tag, TagGroup, TagTree};
use krilla::text::{Font, GlyphId, KrillaGlyph, TextDirection};
use krilla::{Document, SerializeSettings};

#[cfg(feature = "tuned")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let asked = asked()?;
    let font = |bytes: &[u8]| Font::new(bytes.to_vec().into(), 0).context("the font");
    let face = |bytes| rustybuzz::Face::from_slice(bytes, 0).context("the face");
    let mut peer = Peer {
        fonts: [font(&asked.regular)?, font(&asked.bold)?],
        faces: [face(&asked.regular)?, face(&asked.bold)?],
        known: HashMap::new(),
        tagged: asked.mode.ends_with("tagged"),
        tuned: asked.mode.starts_with("tuned"),
    };
    serve(|number| peer.draw(&asked.page.numbered(number)))
}

struct Peer<'a> {
    fonts: [Font; 2],
    faces: [rustybuzz::Face<'a>; 2],
    known: HashMap<(String, bool), Vec<KrillaGlyph>>,
    tagged: bool,
    tuned: bool,
}

impl Peer<'_> {
    fn draw(&mut self, page: &Page) -> Result<Vec<u8>> {
        let configuration = if self.tagged {
            ConfigurationBuilder::new()
                .with_archival_validator(Archival::A2_A)
                .with_accessibility_validator(Accessibility::UA1)
                .finish()
                .map_err(|error| anyhow!("{error:?}"))?
        } else {
            Configuration::default()
        };
        let mut document = Document::new_with(SerializeSettings {
            configuration,
            enable_tagging: self.tagged,
            ..SerializeSettings::default()
        });
        let mut tags = TagTree::new().with_lang(Some("en".into()));
        let settings = PageSettings::from_wh(page.width, page.height).context("the page's size")?;
        let mut sheet = document.start_page_with(settings);
        let mut surface = sheet.surface();
        for area in &page.rects {
            surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(ArtifactType::Other)));
            rect(&mut surface, area)?;
            surface.end_tagged();
        }
        for text in &page.texts {
            let id = surface.start_tagged(ContentTag::Span(SpanTag::empty()));
            self.text(&mut surface, text);
            surface.end_tagged();
            let mut group = match text.role {
                Role::Heading => TagGroup::new(Tag::Hn(NonZeroU16::MIN, Some(text.text.clone()))),
                Role::Label => TagGroup::new(Tag::Span),
                Role::Text => TagGroup::new(Tag::P),
            };
            group.push(id);
            tags.push(group);
        }
        let id = surface.start_tagged(ContentTag::Other);
        self.code(&mut surface, page)?;
        surface.end_tagged();
        let mut figure = TagGroup::new(Tag::Figure(Some("The ticket's code".into())));
        figure.push(id);
        tags.push(figure);
        surface.finish();
        sheet.finish();
        if self.tagged {
            document.set_tag_tree(tags);
            // krilla refuses a document for UA-1 without an outline.
            let mut outline = Outline::new();
            let top = XyzDestination::new(0, Point::from_xy(0.0, 0.0));
            outline.push_child(OutlineNode::new(page.title.clone(), top));
            document.set_outline(outline);
        }
        let date = DateTime::new(2026).month(11).day(23).hour(18).minute(40).second(12).utc_offset_hour(0);
        document.set_metadata(
            Metadata::new().title(page.title.clone()).language("en".into()).creation_date(date),
        );
        document.finish().map_err(|error| anyhow!("{error:?}"))
    }

    fn text(&mut self, surface: &mut Surface<'_>, text: &Text) {
        surface.set_fill(Some(grey(text.grey)));
        let (at, font) = (Point::from_xy(text.x, text.y), self.fonts[usize::from(text.bold)].clone());
        if !self.tuned {
            return surface.draw_text(at, font, text.size, &text.text, false, TextDirection::Auto);
        }
        let face = &self.faces[usize::from(text.bold)];
        let varies = text.text.bytes().filter(u8::is_ascii_digit).count() == 10;
        if varies {
            let glyphs = shape(face, &text.text);
            return surface.draw_glyphs(at, &glyphs, font, &text.text, text.size, false);
        }
        let key = (text.text.clone(), text.bold);
        let glyphs = self.known.entry(key).or_insert_with(|| shape(face, &text.text));
        surface.draw_glyphs(at, glyphs, font, &text.text, text.size, false);
    }

    fn code(&self, surface: &mut Surface<'_>, page: &Page) -> Result<()> {
        let modules = modules(&page.code.text)?;
        let (side, size) = (page.code.side, u16::try_from(modules.len())?);
        if self.tuned {
            let image = Image::from_custom(
                Grey(modules.iter().map(|row| bytes(row)).collect::<Vec<_>>().concat(), size),
                false,
            )
            .map_err(|error| anyhow!(error))?;
            surface.push_transform(&Transform::from_translate(page.code.x, page.code.y));
            surface.draw_image(image, Size::from_wh(side, side).context("the code's size")?);
            surface.pop();
            return Ok(());
        }
        let module = side / f32::from(size);
        let mut path = PathBuilder::new();
        let at = |modules: usize| module * f32::from(u16::try_from(modules).unwrap_or(0));
        for (x, y, length) in runs(&modules) {
            let run = Rect::from_xywh(page.code.x + at(x), page.code.y + at(y), at(length), module);
            path.push_rect(run.context("a run")?);
        }
        surface.set_fill(Some(grey(0.0)));
        surface.draw_path(&path.finish().context("the code")?);
        Ok(())
    }
}

fn bytes(row: &[bool]) -> Vec<u8> {
    row.iter().map(|dark| if *dark { 0 } else { 255 }).collect()
}

/// The code as an image of one byte per module.
#[derive(Clone, Hash)]
struct Grey(Vec<u8>, u16);

impl CustomImage for Grey {
    fn color_channel(&self) -> &[u8] {
        &self.0
    }
    fn alpha_channel(&self) -> Option<&[u8]> {
        None
    }
    fn bits_per_component(&self) -> BitsPerComponent {
        BitsPerComponent::Eight
    }
    fn size(&self) -> (u32, u32) {
        (self.1.into(), self.1.into())
    }
    fn icc_profile(&self) -> Option<&[u8]> {
        None
    }
    fn color_space(&self) -> ImageColorspace {
        ImageColorspace::Luma
    }
}

fn grey(value: f32) -> Fill {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1")]
    let value = (value * 255.0).round() as u8;
    Fill { paint: luma::Color::new(value).into(), ..Fill::default() }
}

fn rect(surface: &mut Surface<'_>, area: &Area) -> Result<()> {
    let mut path = PathBuilder::new();
    path.push_rect(Rect::from_xywh(area.x, area.y, area.width, area.height).context("a rectangle")?);
    surface.set_fill(Some(grey(area.grey)));
    surface.draw_path(&path.finish().context("a path")?);
    Ok(())
}

/// Shapes as krilla does, but with a face that is kept; the page's texts are Latin.
fn shape(face: &rustybuzz::Face<'_>, text: &str) -> Vec<KrillaGlyph> {
    let mut buffer = rustybuzz::UnicodeBuffer::new();
    buffer.push_str(text);
    buffer.guess_segment_properties();
    let shaped = rustybuzz::shape(face, &[], buffer);
    let infos = shaped.glyph_infos();
    #[expect(clippy::cast_precision_loss, reason = "font units are small")]
    let em = |units: i32| units as f32 / face.units_per_em() as f32;
    let end = |cluster: u32| {
        infos
            .iter()
            .map(|info| info.cluster)
            .find(|next| *next > cluster)
            .map_or(text.len(), |next| next as usize)
    };
    infos
        .iter()
        .zip(shaped.glyph_positions())
        .map(|(info, position)| {
            let [advance, dx, dy] = [position.x_advance, position.x_offset, position.y_offset].map(em);
            let range = info.cluster as usize..end(info.cluster);
            KrillaGlyph::new(GlyphId::new(info.glyph_id), advance, dx, dy, 0.0, range, None)
        })
        .collect()
}
