//! A content stream that is being written, and the resources it names.

use std::collections::BTreeSet;

use pdf_writer::{Content, Name, Ref, Settings};
use usvg::tiny_skia_path::Transform;

/// The maximum distance of a coordinate from the origin.
const FARTHEST: f32 = 10_000_000.0;
/// How many graphics states may be saved at a time: ISO 32000-1, annex C, lets readers keep 28.
const MOST_SAVED: usize = 24;
/// A content stream that is being written.
pub(super) struct Layer {
    pub(super) content: Content,
    /// The transform from the current coordinates to those at the stream's start.
    pub(super) at: Transform,
    /// The stream's resources: the name's first letter, and the object.
    pub(super) used: BTreeSet<(u8, Ref)>,
    /// How many graphics states are saved, those of the streams around it included.
    pub(super) saved: usize,
}

impl Layer {
    pub(super) fn new(saved: usize, at: Transform) -> Self {
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

    pub(super) fn form(&mut self, id: Ref) {
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

/// Writes a form's resources.
pub(super) fn fill_resources(form: &mut pdf_writer::writers::FormXObject<'_>, used: &BTreeSet<(u8, Ref)>) {
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

/// The values, if a PDF can represent them.
pub(super) fn checked<const N: usize>(values: [f32; N]) -> Result<[f32; N], String> {
    if values.iter().all(|value| value.abs() <= FARTHEST) {
        return Ok(values);
    }
    Err(format!("a coordinate or a scale in it is larger than {FARTHEST}"))
}

pub(super) fn matrix(by: Transform) -> Result<[f32; 6], String> {
    checked([by.sx, by.ky, by.kx, by.sy, by.tx, by.ty])
}
