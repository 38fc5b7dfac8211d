//! Shared code of the PDF benchmark's peers written in Rust: the page, its code, and the commands to draw.

use std::io::{BufRead as _, Write as _};

use anyhow::{Context as _, Result, anyhow};
use fast_qr::{ECL, QRBuilder};
use serde::{Deserialize, Serialize};

/// `page.json`: lengths in points from the top left, `y` of a text its baseline.
#[derive(Clone, Deserialize, Serialize)]
pub struct Page {
    pub width: f32,
    pub height: f32,
    pub title: String,
    pub texts: Vec<Text>,
    pub rects: Vec<Area>,
    pub code: Code,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Text {
    pub role: Role,
    pub x: f32,
    pub y: f32,
    pub size: f32,
    pub bold: bool,
    pub grey: f32,
    pub text: String,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Heading,
    Label,
    Text,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Area {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
    pub grey: f32,
}

#[derive(Clone, Deserialize, Serialize)]
pub struct Code {
    pub x: f32,
    pub y: f32,
    pub side: f32,
    pub text: String,
}

impl Page {
    /// The page of one ticket.
    pub fn numbered(&self, number: u64) -> Self {
        let digits = format!("{number:010}");
        let mut page = self.clone();
        for text in page.texts.iter_mut().filter(|text| text.text == "{number}") {
            text.text = format!("{} {}", &digits[..5], &digits[5..]);
        }
        page.code.text = page.code.text.replace("{digits}", &digits);
        page
    }
}

/// Rows of modules, true for dark ones.
pub fn modules(text: &str) -> Result<Vec<Vec<bool>>> {
    let code = QRBuilder::new(text).ecl(ECL::Q).build().map_err(|error| anyhow!("{error}"))?;
    Ok((0..code.size).map(|y| code[y].iter().map(|module| module.value()).collect()).collect())
}

/// Dark modules as (x, y, length), merged along rows.
pub fn runs(modules: &[Vec<bool>]) -> Vec<(usize, usize, usize)> {
    let mut runs = Vec::new();
    for (y, row) in modules.iter().enumerate() {
        let mut x = 0;
        for group in row.chunk_by(|a, b| a == b) {
            if group[0] {
                runs.push((x, y, group.len()));
            }
            x += group.len();
        }
    }
    runs
}

/// A peer's arguments: the page, the regular and the bold face, and the mode.
pub struct Asked {
    pub page: Page,
    pub regular: Vec<u8>,
    pub bold: Vec<u8>,
    pub mode: String,
}

pub fn asked() -> Result<Asked> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [page, regular, bold, mode] = args.as_slice() else {
        return Err(anyhow!("usage: PEER PAGE.json REGULAR.ttf BOLD.ttf MODE"));
    };
    let read = |path: &String| std::fs::read(path).with_context(|| path.clone());
    Ok(Asked {
        page: serde_json::from_slice(&read(page)?)?,
        regular: read(regular)?,
        bold: read(bold)?,
        mode: mode.clone(),
    })
}

/// Answers each line: for `draw COUNT`, this thread's CPU time in nanoseconds for this many pages, and the last page's
/// size in bytes; for `save PATH`, writes a page to that file.
pub fn serve(mut draw: impl FnMut(u64) -> Result<Vec<u8>>) -> Result<()> {
    let mut number = 0;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        match line.split_once(' ') {
            Some(("draw", count)) => {
                let (begun, mut bytes) = (on_core()?, 0);
                for _ in 0..count.parse()? {
                    number += 1;
                    bytes = draw(number)?.len();
                }
                println!("{} {bytes}", on_core()? - begun);
            }
            Some(("save", path)) => {
                std::fs::write(path, draw(1_234_567_890)?)?;
                println!("saved");
            }
            _ => return Err(anyhow!("what is '{line}'?")),
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn on_core() -> Result<u64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(stat.split(' ').next().unwrap_or_default().parse()?)
}
