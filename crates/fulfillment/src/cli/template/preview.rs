//! The command `fulfillment template preview`: draws a sample ticket as PDF or PNG.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use fulfillment_document::{CompiledTemplate, PdfRenderer, TemplateBundle};
use fulfillment_domain::locale;
use serde::Serialize;

use super::{find, picture, sample, stem};
use crate::cli::Context;
use crate::error::CliError;

/// Interval between two checks of a template for changes.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Draw a sample ticket by a template
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  fulfillment template preview gala.json                         writes gala.preview.pdf
  fulfillment template preview gala.json --out gala.png --watch  draws it again whenever it changes
  fulfillment template preview phone --language ar --out ar.png
Exit code: 0 drawn, 1 the template cannot be used.")]
pub(super) struct Preview {
    /// A template's JSON file, a `[[template]]`'s name, or a4, phone, thermal
    #[arg(value_name = "TEMPLATE")]
    template: String,
    /// Where to draw: a .pdf, or a .png of 150 dots an inch [default: the template's name with .preview.pdf]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The ticket's language, like de, ar-EG or ja
    #[arg(long, value_name = "TAG", default_value = "en", value_parser = language)]
    language: String,
    /// Draw again whenever the template or a file of it changes, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// A locale as orders have it; an invalid one is left out of an order, and refused here.
fn language(text: &str) -> Result<String, String> {
    match locale::read(text) {
        locale::Meaning::Unknown => Err("a locale is like de, ar-EG or zh-Hant".to_owned()),
        locale::Meaning::Tag(_) | locale::Meaning::None => Ok(text.to_owned()),
    }
}

/// The format of a preview.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Pdf,
    Png,
}

impl Kind {
    /// By the file's extension.
    fn of(out: &Path) -> Result<Self, CliError> {
        let ending = out.extension().map(OsStr::to_ascii_lowercase);
        match ending.as_ref().and_then(|ending| ending.to_str()) {
            Some("pdf") => Ok(Self::Pdf),
            Some("png") => Ok(Self::Png),
            _ => Err(CliError::misuse(format!("--out {}: the name must end in .pdf or .png", out.display()))),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Drawn {
    file: String,
    bytes: usize,
    /// The page's size in millimetres.
    width: f32,
    height: f32,
    hash: String,
    /// Characters that no font has.
    missing: String,
}

impl Preview {
    pub(super) async fn run(self, context: &Context) -> Result<(), CliError> {
        let out = self.out.clone().unwrap_or_else(|| stem(&self.template).with_extension("preview.pdf"));
        Kind::of(&out)?;
        let renderer = crate::wiring::renderer(&context.config()?)?;
        let mut last = self.look(context)?;
        self.draw(context, &renderer, &last, &out)?;
        if !self.watch {
            return Ok(());
        }
        eprintln!("watching {}; Ctrl-C ends", self.template);
        let mut unreadable = String::new();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // The template is being edited: mistakes are printed, and the next change is tried.
            match self.look(context) {
                Ok(bundle) if bundle == last => unreadable.clear(),
                Ok(bundle) => {
                    if let Err(stop) = self.draw(context, &renderer, &bundle, &out) {
                        stop.report();
                    }
                    last = bundle;
                }
                Err(stop) => {
                    let text = format!("{stop:?}");
                    if text != unreadable {
                        stop.report();
                    }
                    unreadable = text;
                }
            }
        }
    }

    fn look(&self, context: &Context) -> Result<TemplateBundle, CliError> {
        find(context, &self.template)?.map_err(|unusable| CliError::failed(unusable.to_string()))
    }

    fn draw(
        &self,
        context: &Context,
        renderer: &Arc<PdfRenderer>,
        bundle: &TemplateBundle,
        out: &Path,
    ) -> Result<(), CliError> {
        let template = CompiledTemplate::new(bundle).map_err(|refused| {
            let line = |problem: &_| format!("{}:{problem}", self.template);
            CliError::failed(refused.0.iter().map(line).collect::<Vec<_>>().join("\n"))
        })?;
        let page = renderer.draw(&template, &sample::of(&self.language)?).map_err(anyhow::Error::from)?;
        let file = match Kind::of(out)? {
            Kind::Png => picture::png(&page.pdf)?,
            Kind::Pdf => page.pdf,
        };
        write_whole(out, &file)?;
        let (width, height) = template.size();
        let drawn = Drawn {
            file: out.display().to_string(),
            bytes: file.len(),
            width,
            height,
            hash: bundle.hash().to_string(),
            missing: page.missing.into_iter().collect(),
        };
        context.answer(&drawn, describe)
    }
}

/// Written under another name and renamed: a viewer that follows the file never sees half of it.
fn write_whole(out: &Path, content: &[u8]) -> Result<(), CliError> {
    let mut name = out.file_name().map(OsStr::to_os_string).unwrap_or_default();
    name.push(".part");
    let part = out.with_file_name(name);
    std::fs::write(&part, content)
        .and_then(|()| std::fs::rename(&part, out))
        .with_context(|| format!("cannot write {}", out.display()))?;
    Ok(())
}

fn describe(drawn: &Drawn) -> String {
    let Drawn { file, width, height, missing, .. } = drawn;
    let mut text = format!("{file}: {width:.0} x {height:.0} mm");
    if !missing.is_empty() {
        text = format!("{text}; no font here has {missing:?}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_name_says() {
        assert_eq!(Kind::of(Path::new("a.PDF")).ok(), Some(Kind::Pdf));
        assert_eq!(Kind::of(Path::new("a.b/c.png")).ok(), Some(Kind::Png));
        for other in ["x.jpg", "x", "pdf", "x.pdf.tiff", ""] {
            let refused = format!("{:?}", Kind::of(Path::new(other)).unwrap_err());
            assert!(refused.contains(".pdf or .png"), "{other}: {refused}");
        }
    }
}
