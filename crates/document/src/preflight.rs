//! Preflight: checks a template with sample texts of tickets, and for faults that compiling it cannot detect.

use std::collections::BTreeSet;

use fulfillment_qr::Level;

use crate::font::FontError;
use crate::page::{Area, Colour};
use crate::renderer::PdfRenderer;
use crate::template::{
    CompiledTemplate, Element, Flow, Kind, LANGUAGES, Language, LayoutCache, MM, Position, Problem, Source,
    TemplateBundle, TemplateModel, TextBox, Values,
};
use crate::text::{self, Fit};

/// The smallest module size that phones read easily, in millimetres (GS1 and ticketing practice).
const SMALLEST_MODULE: f32 = 0.33;
/// Modules per side of the largest code that tickets usually have, with its quiet zone: version 7 at level M, version 9
/// at Q.
const MODULES_AT_M: f32 = 45.0 + 8.0;
const MODULES_AT_Q: f32 = 53.0 + 8.0;
/// The minimum contrast of text (WCAG 2.2, 1.4.3).
const LEAST_CONTRAST: f32 = 4.5;
/// Boxes that overlap by less than this count as separate, in points.
const TOUCHING: f32 = 0.1;

/// Texts in scripts that need more room than Latin: marks far above and below, and wide letters.
const TALL: [&str; 2] = ["हिन्दुस्तानी शास्त्रीय संगीत", "ศูนย์วัฒนธรรมแห่งประเทศไทย ที่นั่งปู่ฟ้า"];

impl PdfRenderer {
    /// Checks a template. Returns all errors, or if there are none, all warnings that an operator should look at before
    /// tickets are drawn with it, in the order of the JSON.
    ///
    /// # Errors
    /// [`FontError`] for a font that cannot be read.
    pub fn check(&self, bundle: &TemplateBundle) -> Result<Vec<Problem>, FontError> {
        let template = match CompiledTemplate::new(bundle) {
            Ok(template) => template,
            Err(refused) => return Ok(refused.0),
        };
        let model = &template.model;
        let mut problems = Vec::new();
        overlaps(model, &mut problems);
        codes(model, &mut problems);
        contrast(model, &mut problems);
        self.trials(model, &mut problems)?;
        problems.extend(template.warnings());
        problems.sort_by(|a, b| (a.at, &a.message).cmp(&(b.at, &b.message)));
        Ok(problems)
    }

    /// Lays out every text with usual values, with the longest reasonable values, and in tall scripts, in every
    /// language.
    fn trials(&self, model: &TemplateModel, problems: &mut Vec<Problem>) -> Result<(), FontError> {
        let mut texts = Vec::new();
        model.elements.iter().for_each(|element| collect(element, &mut texts));
        let usual = Values::from_fn(|known| known.usual.to_owned());
        let long = Values::from_fn(|known| known.long.to_owned());
        let tall = TALL.map(|text| {
            Values::from_fn(|known| {
                let ascii = known.usual.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
                let length = known.usual.chars().count();
                if ascii { known.usual.to_owned() } else { text.chars().take(length).collect() }
            })
        });
        let mut said: BTreeSet<(Position, &str)> = BTreeSet::new();
        for (kind, values) in [("usual", &usual), ("usual", &tall[0]), ("usual", &tall[1]), ("long", &long)] {
            for language in &LANGUAGES {
                let source = source_of(model, values, language);
                let mut shaper = self.shaper(source.tag);
                let cache = LayoutCache::default();
                let mut flow = Flow::new(model, source, &mut shaper, &cache);
                flow.page(None, "", false)?;
                for number in std::mem::take(&mut flow.cut) {
                    let Some((at, text)) = texts.iter().find(|(_, text)| text.number == number) else {
                        continue;
                    };
                    if said.iter().any(|(known, _)| known == at) {
                        continue;
                    }
                    said.insert((*at, kind));
                    let shown: String = text.text.fill(source).chars().take(80).collect();
                    let what = if kind == "usual" { "a usual" } else { "a long" };
                    problems.push(Problem::warning(*at, format!("{what} text is cut off here: {shown:?}")));
                }
            }
        }
        self.characters(model, &texts, &usual, problems)
    }

    /// Looks for characters in the template's own texts that no font has.
    fn characters(
        &self,
        model: &TemplateModel,
        texts: &[(Position, &TextBox)],
        values: &Values,
        problems: &mut Vec<Problem>,
    ) -> Result<(), FontError> {
        for (at, text) in texts {
            let mut missing = Vec::new();
            for language in &LANGUAGES {
                let source = source_of(model, values, language);
                let mut shaper = self.shaper(source.tag);
                let fit = Fit {
                    width: f32::MAX,
                    sizes: &text.sizes[..1],
                    leading: None,
                    bold: text.bold,
                    style: text.style,
                };
                text::fit(&mut shaper, &text.text.fill(source), fit)?;
                missing
                    .extend(shaper.missing.into_iter().filter(|c| !missing.contains(c)).collect::<Vec<_>>());
            }
            if !missing.is_empty() {
                let shown: String = missing.iter().take(12).collect();
                let count = missing.len();
                problems.push(Problem::warning(
                    *at,
                    format!("no font has {count} of its characters, such as {shown}"),
                ));
            }
        }
        Ok(())
    }
}

fn source_of<'a>(model: &'a TemplateModel, values: &'a Values, language: &'static Language) -> Source<'a> {
    let tag = language.tags.first().copied().unwrap_or_default();
    Source { values, language, tag, own: &model.own }
}

/// Collects every text with its position in the JSON.
fn collect<'s>(element: &'s Element, texts: &mut Vec<(Position, &'s TextBox)>) {
    if let Kind::Text(text) = &element.kind {
        texts.push((element.at, text));
    }
    element.children().iter().for_each(|child| collect(child, texts));
}

/// Elements with texts, images or the code must not overlap; rectangles, lines and images drawn first are background.
fn overlaps(model: &TemplateModel, problems: &mut Vec<Problem>) {
    let behind = |element: &Element| matches!(element.kind, Kind::Rect { .. } | Kind::Line { .. });
    for (index, element) in model.elements.iter().enumerate() {
        for earlier in &model.elements[..index] {
            let picture =
                matches!(earlier.kind, Kind::Image { .. }) && !matches!(element.kind, Kind::Image { .. });
            let code = |element: &Element| matches!(element.kind, Kind::Code { .. });
            let covers_code = code(earlier) && behind(element);
            if !covers_code && (behind(element) || behind(earlier) || (picture && !code(element))) {
                continue;
            }
            if overlap(&element.area, &earlier.area) {
                let message = format!("it stands over what line {} puts there", earlier.at.line);
                problems.push(Problem::warning(element.at, message));
            }
        }
    }
}

fn overlap(a: &Area, b: &Area) -> bool {
    a.x + TOUCHING < b.x + b.width
        && b.x + TOUCHING < a.x + a.width
        && a.y + TOUCHING < b.y + b.height
        && b.y + TOUCHING < a.y + a.height
}

/// Checks that a template has a code, large enough, black on white.
fn codes(model: &TemplateModel, problems: &mut Vec<Problem>) {
    let mut found = false;
    let modules = match model.level {
        Level::M => MODULES_AT_M,
        Level::Q => MODULES_AT_Q,
    };
    walk(model, |element, background| {
        let Kind::Code { side, .. } = element.kind else { return };
        found = true;
        let module = side / modules / MM;
        if module < SMALLEST_MODULE {
            let message = format!(
                "a module of the code is {module:.2} mm wide, and phones want {SMALLEST_MODULE}: \"size\" is at least {:.0}",
                (SMALLEST_MODULE * modules).ceil()
            );
            problems.push(Problem::warning(element.at, message));
        }
        if background.is_some_and(|colour| colour != Colour::WHITE) {
            problems.push(Problem::warning(element.at, "the code does not stand on white"));
        }
    });
    if !found {
        let at = Position { line: 1, column: 1 };
        problems.push(Problem::warning(at, "there is no code on the page: nobody can be let in with it"));
    }
}

/// Checks the contrast of texts with the colour behind them. In front of an image, a person has to judge it.
fn contrast(model: &TemplateModel, problems: &mut Vec<Problem>) {
    walk(model, |element, background| {
        let Kind::Text(text) = &element.kind else { return };
        let Some(background) = background else { return };
        let ratio = ratio(text.colour, background);
        if ratio < LEAST_CONTRAST {
            let message = format!(
                "its colour has a contrast of {ratio:.1} to what it stands on, and {LEAST_CONTRAST} is the least that is easy to read"
            );
            problems.push(Problem::warning(element.at, message));
        }
    });
}

/// Calls `look` with every element and the colour behind it: its container's, else that of the last rectangle around
/// it, else white. Over an image or the page's background it is not known.
fn walk(model: &TemplateModel, mut look: impl FnMut(&Element, Option<Colour>)) {
    fn below(element: &Element, behind: Option<Colour>, look: &mut impl FnMut(&Element, Option<Colour>)) {
        look(element, behind);
        let behind = match &element.kind {
            Kind::Stack(container) | Kind::Row(container) => container.background.or(behind),
            _ => behind,
        };
        element.children().iter().for_each(|child| below(child, behind, look));
    }
    for (index, element) in model.elements.iter().enumerate() {
        let around = |earlier: &&Element| overlap(&earlier.area, &element.area);
        let behind =
            model.elements[..index].iter().rev().filter(around).find_map(|earlier| match earlier.kind {
                Kind::Rect { fill: Some(fill), .. } => Some(Some(fill)),
                Kind::Image { .. } => Some(None),
                _ => None,
            });
        let paper = model.artwork.background.is_none().then_some(Colour::WHITE);
        below(element, behind.unwrap_or(paper), &mut look);
    }
}

/// The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio").
fn ratio(a: Colour, b: Colour) -> f32 {
    let luminance = |Colour(channels): Colour| {
        let [red, green, blue] = channels.map(|channel| {
            let value = f32::from(channel) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    };
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::usable;

    fn found(elements: &str) -> Vec<String> {
        let json = format!(
            "{{\"format\": 1, \"page\": {{\"width\": 100, \"height\": 100}}, \"elements\": [\n{elements}]}}"
        );
        let renderer = PdfRenderer::new(Vec::new()).unwrap();
        let problems = renderer.check(&TemplateBundle::new(json)).unwrap();
        problems
            .iter()
            .filter(|problem| !problem.message.contains("no font"))
            .map(ToString::to_string)
            .collect()
    }

    const CODE: &str = r#"{"type": "qr", "x": 0, "y": 0, "size": 40},"#;

    #[test]
    fn each_fault_is_found_and_placed() {
        for (elements, expected) in [
            (r#"{"type": "text", "text": "a", "x": 50, "y": 0, "width": 40}"#, ""),
            (
                r#"{"type": "text", "text": "a", "x": 39, "y": 0, "width": 40}"#,
                "2:44: warning: it stands over what line 2",
            ),
            (
                r#"{"type": "rect", "x": 30, "y": 0, "width": 40, "height": 20}"#,
                "2:44: warning: it stands over",
            ),
            (
                r##"{"type": "text", "text": "a", "x": 50, "y": 0, "width": 40, "color": "#999999"}"##,
                "2:44: warning: its colour has a contrast of 2.8",
            ),
            (
                r##"{"type": "stack", "x": 50, "y": 0, "width": 40, "background": "#555555", "children": [{"type": "text", "text": "a"}]}"##,
                "2:130: warning: its colour has a contrast of 2.",
            ),
            (
                r#"{"type": "text", "text": "{event.name}", "x": 50, "y": 0, "width": 40}"#,
                "2:44: warning: a usual text is cut off here: \"Sofia",
            ),
            (
                r#"{"type": "text", "text": "{ticket.number}", "x": 50, "y": 0, "width": 26}"#,
                "2:44: warning: a long text is cut off here",
            ),
        ] {
            let problems = found(&format!("{CODE}{elements}"));
            let first = problems.first().map(String::as_str).unwrap_or_default();
            assert!(
                first.starts_with(expected) && problems.is_empty() == expected.is_empty(),
                "{elements}: {problems:?}"
            );
        }
    }

    #[test]
    fn a_code_is_there_large_and_on_white() {
        assert!(found("")[0].contains("no code on the page"));
        assert!(
            found(r#"{"type": "qr", "x": 0, "y": 0, "size": 20}"#)[0].contains("\"size\" is at least 21")
        );
        let tinted = r##"{"type": "rect", "x": 0, "y": 0, "width": 90, "height": 90, "fill": "#eeeeee"},
            {"type": "qr", "x": 5, "y": 5, "size": 40}"##;
        assert!(found(tinted)[0].contains("does not stand on white"));
    }

    #[test]
    fn contrast_over_a_picture_is_not_guessed() {
        let json = format!(
            "{{\"format\": 1, \"page\": {{\"width\": 100, \"height\": 100}}, \"elements\": [{CODE}{}]}}",
            r##"{"type": "image", "file": "dark.svg", "x": 45, "y": 0, "width": 50, "height": 50, "alt": "Night"},
            {"type": "text", "text": "a", "x": 50, "y": 5, "width": 40, "color": "#ffffff"},
            {"type": "rect", "x": 45, "y": 60, "width": 50, "height": 30, "fill": "#ffffff"},
            {"type": "text", "text": "b", "x": 50, "y": 65, "width": 40, "color": "#ffffff"}"##
        );
        let night =
            br#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><path d="M0 0H10V10H0Z"/></svg>"#;
        let bundle = TemplateBundle {
            files: [("dark.svg".to_owned(), night.to_vec())].into(),
            ..TemplateBundle::new(json)
        };
        let problems = PdfRenderer::new(Vec::new()).unwrap().check(&bundle).unwrap();
        let contrasts: Vec<_> = problems.iter().filter(|p| p.message.contains("contrast")).collect();
        assert_eq!(contrasts.len(), 1, "{problems:?}");
        assert_eq!((contrasts[0].at.line, contrasts[0].message.contains("contrast of 1.0")), (4, true));
    }

    #[test]
    fn characters_without_a_font_are_named() {
        let json = r#"{"format": 1, "page": {"width": 100, "height": 100}, "elements": [
            {"type": "qr", "x": 0, "y": 0, "size": 40},
            {"type": "text", "text": "会", "x": 50, "y": 0, "width": 40}]}"#;
        let problems = PdfRenderer::new(Vec::new()).unwrap().check(&TemplateBundle::new(json)).unwrap();
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].at.line, problems[0].message.contains('会')), (3, true));
        assert!(usable(&problems));
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((ratio(Colour::BLACK, Colour::WHITE) - 21.0).abs() < 0.01);
        assert!((ratio(Colour([0x77; 3]), Colour::WHITE) - 4.48).abs() < 0.01);
    }
}
