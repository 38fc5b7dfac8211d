//! Shapes text into glyphs: finds face, script and direction, then calls the shaper.

use std::ops::Range;

use harfrust::{Buffer, BufferFlags, ClusterLevel, Direction, Script, ShapeOptions, Tag};
use unicode_bidi::ParagraphBidiInfo;
use unicode_script::UnicodeScript;
use unicode_segmentation::UnicodeSegmentation;

use crate::font::{Face, FontError, Glyph, Loaded, Style};

use super::line::{Drawn, Line, MISSING, Run};

/// The faces to draw with, in the order in which they are tried.
pub(crate) struct Shaper<'a> {
    faces: &'a [Face],
    /// Indexes into `faces` for regular and bold text.
    order: [Vec<usize>; 2],
    buffer: Option<Buffer>,
    /// Characters no face has, in the order met.
    pub(crate) missing: Vec<char>,
}

/// A piece of text in one face and one script; `level` is its bidi level.
struct Item {
    range: Range<usize>,
    face: usize,
    script: Script,
    rtl: bool,
}

const LATIN: Script = match Script::from_iso15924_tag(Tag::new(b"Latn")) {
    Some(script) => script,
    None => Script::UNKNOWN,
};

impl<'a> Shaper<'a> {
    /// `faces[0]` is the regular and `faces[1]` the bold built-in face; the rest are fallbacks. `language` is a
    /// lower-case tag: faces made for it are tried before the others.
    pub(crate) fn new(faces: &'a [Face], language: &str) -> Self {
        let order = [false, true].map(|bold| {
            let mut order: Vec<usize> = (2..faces.len()).filter(|&i| !faces[i].is_last_resort()).collect();
            // A stable sort: among equals, the caller's order holds.
            order
                .sort_by_key(|&i| (std::cmp::Reverse(faces[i].speaks(language)), faces[i].is_bold() != bold));
            order.insert(0, usize::from(bold));
            order
        });
        Self { faces, order, buffer: Some(Buffer::new()), missing: Vec::new() }
    }

    /// Shapes one line, reordered for reading.
    pub(crate) fn line(&mut self, text: String, bold: bool, style: Style) -> Result<Line, FontError> {
        let mut items = Vec::new();
        if text.chars().any(may_be_rtl) {
            let bidi = ParagraphBidiInfo::new(&text, None);
            let (levels, runs) = bidi.visual_runs(0..text.len());
            for run in runs {
                let rtl = levels.get(run.start).is_some_and(unicode_bidi::Level::is_rtl);
                let first = items.len();
                self.itemise(&text, run, rtl, bold, &mut items)?;
                if rtl {
                    items[first..].reverse();
                }
            }
        } else {
            self.itemise(&text, 0..text.len(), false, bold, &mut items)?;
        }
        let mut runs = Vec::with_capacity(items.len());
        for item in items {
            let mut run = self.shape(&text, &item, style)?;
            if run.drawn == Drawn::Pictures {
                self.check_pictures(&text, &mut run)?;
            }
            if run.glyphs.iter().any(|glyph| glyph.id == 0) {
                self.boxes(&run, bold, &mut runs)?;
            } else {
                runs.push(run);
            }
        }
        let width = runs.iter().flat_map(|run| &run.glyphs).map(|glyph| glyph.advance).sum();
        Ok(Line { text, runs, width, goes_on: false })
    }

    /// Splits a stretch of one direction by face and script.
    fn itemise(
        &mut self,
        text: &str,
        range: Range<usize>,
        rtl: bool,
        bold: bool,
        items: &mut Vec<Item>,
    ) -> Result<(), FontError> {
        let first = items.len();
        let own = usize::from(bold);
        let base = range.start;
        let stretch = &text[range];
        if stretch.is_ascii() {
            items.push(Item { range: base..base + stretch.len(), face: own, script: LATIN, rtl });
            return Ok(());
        }
        for (at, grapheme) in stretch.grapheme_indices(true) {
            let face = self.face_for(grapheme, bold)?;
            let script = grapheme.chars().find_map(real_script);
            let range = base + at..base + at + grapheme.len();
            match items[first..].last_mut() {
                Some(last)
                    if last.face == face
                        && script.is_none_or(|s| s == last.script || last.script == Script::UNKNOWN) =>
                {
                    last.range.end = range.end;
                    if let Some(script) = script {
                        last.script = script;
                    }
                }
                _ => items.push(Item { range, face, script: script.unwrap_or(Script::UNKNOWN), rtl }),
            }
        }
        for item in &mut items[first..] {
            if item.script == Script::UNKNOWN {
                item.script = LATIN;
            }
        }
        Ok(())
    }

    /// The first face that has every character of the cluster.
    fn face_for(&mut self, grapheme: &str, bold: bool) -> Result<usize, FontError> {
        let own = usize::from(bold);
        if wants_emoji(grapheme) {
            for &index in self.order[own].iter().filter(|&&index| self.faces[index].is_emoji()) {
                let loaded = self.faces[index].load()?;
                if grapheme.chars().all(|c| is_ignorable(c) || loaded.has(c)) {
                    return Ok(index);
                }
            }
        }
        let loaded = self.faces[own].load()?;
        if grapheme.chars().all(|c| is_ignorable(c) || loaded.has(c)) {
            return Ok(own);
        }
        // A face may have a combined character but not its parts, or the other way round. The shaper composes and
        // decomposes, so the base decides when no face has every part.
        let base = grapheme.chars().find(|&c| !is_ignorable(c)).unwrap_or(' ');
        let mut has_base = None;
        for &index in &self.order[own] {
            let face = &self.faces[index];
            if !face.may_have(base) {
                continue;
            }
            let loaded = face.load()?;
            if grapheme.chars().all(|c| is_ignorable(c) || loaded.has(c)) {
                return Ok(index);
            }
            if has_base.is_none() && loaded.has(base) {
                has_base = Some(index);
            }
        }
        if let Some(index) = self.last_resort(grapheme, base, bold, &mut has_base)? {
            return Ok(index);
        }
        let chosen = has_base.unwrap_or(own);
        let loaded = self.faces[chosen].load()?;
        for c in grapheme.chars().filter(|&c| !is_ignorable(c)) {
            if !loaded.has(c) && !self.missing.contains(&c) {
                self.missing.push(c);
            }
        }
        Ok(chosen)
    }

    /// The first face of last resort that has every character of the cluster; those of the requested weight come first.
    /// One that cannot be read is skipped, because no setting chose it.
    fn last_resort(
        &self,
        grapheme: &str,
        base: char,
        bold: bool,
        has_base: &mut Option<usize>,
    ) -> Result<Option<usize>, FontError> {
        let usable = |wanted: &dyn Fn(&Face) -> bool| {
            for weight in [bold, !bold] {
                for (index, face) in self.faces.iter().enumerate() {
                    if !face.is_last_resort() || face.is_bold() != weight || !wanted(face) {
                        continue;
                    }
                    match face.load() {
                        Err(FontError::Unusable(_)) => {}
                        loaded => return loaded.map(|_| Some(index)),
                    }
                }
            }
            Ok(None)
        };
        let whole = usable(&|face| grapheme.chars().all(|c| is_ignorable(c) || face.may_have(c)))?;
        if whole.is_none() && has_base.is_none() {
            *has_base = usable(&|face| face.may_have(base))?;
        }
        Ok(whole)
    }

    fn shape(&mut self, text: &str, item: &Item, style: Style) -> Result<Run, FontError> {
        let loaded: &Loaded = self.faces[item.face].load()?;
        let direction = if item.rtl { Direction::RightToLeft } else { Direction::LeftToRight };
        let plan = loaded.plan(item.script, direction, style);
        let mut buffer = self.buffer.take().unwrap_or_default();
        buffer.reset();
        buffer.set_direction(direction);
        buffer.set_script(Some(item.script));
        buffer.set_cluster_level(ClusterLevel::MonotoneCharacters);
        buffer.set_flags(BufferFlags::REMOVE_DEFAULT_IGNORABLES);
        buffer.push_str(&text[item.range.clone()]);
        let options = ShapeOptions::new().plan(Some(&plan)).features(style.features());
        let shaped = harfrust::shape(&loaded.shaper(), &mut buffer, options);
        let glyphs = if shaped.is_ok() { collect(loaded, &buffer, item) } else { Vec::new() };
        self.buffer = Some(buffer);
        if shaped.is_err() {
            return Err(FontError::Unusable(self.faces[item.face].name().to_owned()));
        }
        let drawn = if loaded.has_pictures() { Drawn::Pictures } else { Drawn::Outlines };
        Ok(Run { face: item.face, rtl: item.rtl, tall: is_tall(item.script), drawn, glyphs })
    }

    /// Treats a glyph whose picture is missing or damaged as one that no font has.
    fn check_pictures(&mut self, text: &str, run: &mut Run) -> Result<(), FontError> {
        let loaded = self.faces[run.face].load()?;
        for glyph in &mut run.glyphs {
            if glyph.id != 0 && loaded.picture(glyph.id).is_none() {
                glyph.id = 0;
                let rest = text.get(glyph.start as usize..).unwrap_or_default();
                self.missing.extend(rest.chars().next().filter(|c| !self.missing.contains(c)));
            }
        }
        Ok(())
    }

    /// Splits a run where its face has no glyph, and puts boxes of a built-in face there: a font's own glyph for
    /// missing characters must not be drawn (ISO 19005-2, 6.2.11.8), and some draw nothing.
    fn boxes(&mut self, run: &Run, bold: bool, runs: &mut Vec<Run>) -> Result<(), FontError> {
        let face = usize::from(bold);
        let loaded = self.faces[face].load()?;
        let id = MISSING.chars().next().map_or(0, |c| loaded.glyph(c));
        let width = i32::from(loaded.width(id));
        for glyphs in run.glyphs.chunk_by(|a, b| (a.id == 0) == (b.id == 0)) {
            let mut piece = Run { glyphs: glyphs.to_vec(), ..*run };
            if glyphs.first().is_some_and(|glyph| glyph.id == 0) {
                piece = Run { face, drawn: Drawn::Boxes, ..piece };
                for glyph in &mut piece.glyphs {
                    *glyph = Glyph { id, natural: width, advance: width, dx: 0, dy: 0, ..*glyph };
                }
            }
            runs.push(piece);
        }
        Ok(())
    }
}

/// Reads the shaper's result in thousandths of an em, with the text range of every cluster.
fn collect(loaded: &Loaded, buffer: &Buffer, item: &Item) -> Vec<Glyph> {
    let em = i32::from(loaded.font.units_per_em());
    let scale = |units: i32| (units * 2000 + em * units.signum()) / (2 * em);
    let infos = buffer.glyph_infos();
    let base = u32::try_from(item.range.start).unwrap_or(0);
    let end = u32::try_from(item.range.end).unwrap_or(u32::MAX);
    let mut glyphs: Vec<Glyph> = infos
        .iter()
        .zip(buffer.glyph_positions())
        .map(|(info, position)| {
            let id = u16::try_from(info.glyph_id).unwrap_or(0);
            Glyph {
                id,
                natural: i32::from(loaded.width(id)),
                advance: scale(position.x_advance),
                dx: scale(position.x_offset),
                dy: scale(position.y_offset),
                start: base + info.cluster,
                end,
            }
        })
        .collect();
    // In reading order a cluster ends where the next one starts.
    let (mut next, mut current) = (end, u32::MAX);
    let mut close = |glyph: &mut Glyph| {
        if glyph.start != current {
            next = if current == u32::MAX { end } else { current };
            current = glyph.start;
        }
        glyph.end = next;
    };
    if item.rtl {
        glyphs.iter_mut().for_each(&mut close);
    } else {
        glyphs.iter_mut().rev().for_each(&mut close);
    }
    glyphs
}

/// Whether a line with this character needs the bidi algorithm.
fn may_be_rtl(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFE}'
        | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}')
}

/// The script of a character that has one of its own.
fn real_script(c: char) -> Option<Script> {
    if c.is_ascii_alphabetic() {
        return Some(LATIN);
    }
    match c.script() {
        unicode_script::Script::Common
        | unicode_script::Script::Inherited
        | unicode_script::Script::Unknown => None,
        script => {
            let name: [u8; 4] = script.short_name().as_bytes().try_into().ok()?;
            Script::from_iso15924_tag(Tag::new(&name))
        }
    }
}

/// Whether a script needs more room between lines than Latin: all except these do.
fn is_tall(script: Script) -> bool {
    const FLAT: [&[u8; 4]; 11] =
        [b"Latn", b"Grek", b"Cyrl", b"Hebr", b"Armn", b"Geor", b"Hani", b"Hira", b"Kana", b"Hang", b"Bopo"];
    !FLAT.contains(&&script.tag().to_be_bytes())
}

/// Whether characters are to be drawn as an emoji where a text form is possible too: U+FE0F requests it, and keycaps
/// and skin tones are always emoji (Unicode UTS #51).
fn wants_emoji(grapheme: &str) -> bool {
    grapheme.chars().any(|c| matches!(c, '\u{FE0F}' | '\u{20E3}' | '\u{1F3FB}'..='\u{1F3FF}'))
}

/// Characters a font need not have: joiners and variation selectors.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}
