//! PDF syntax: objects, streams, form XObjects and the file around them, independent of what is drawn.

mod compress;
mod objects;
mod syntax;
mod writer;
mod xobject;

pub(crate) use compress::{Deflate, deflate, deflate_once};
pub(crate) use objects::{ObjectBuffer, ObjectStream};
pub(crate) use syntax::{digits, hex, integer, reference, text_string};
pub(crate) use writer::{FileWriter, assemble};
pub(crate) use xobject::{FormXObject, NumberedForms};
