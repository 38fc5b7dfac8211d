//! Reads the objects of Ordering's answer field by field, and collects everything that is wrong with them.

use std::fmt;

use crate::fields::{Fields, Unreadable};
use crate::ticket::{Flag, Flags};

/// Why an answer of Ordering's is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a JSON object: a truncated body, or another server's answer. Worth asking again soon.
    #[error("the answer {0}")]
    Garbled(Unreadable),
    /// An answer for another order.
    #[error("the answer is for another order")]
    OtherOrder,
    /// JSON that does not fit the contract, with every fault.
    #[error("the answer does not fit: {0}")]
    Misfit(Faults),
}

/// All faults of an answer, in the order they were found. Never empty in a [`Refusal`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults(pub Vec<Unreadable>);

/// The most faults that a message lists; the others are counted.
const FAULTS_SHOWN: usize = 20;

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().take(FAULTS_SHOWN).enumerate() {
            write!(f, "{}{fault}", if i == 0 { "" } else { "; " })?;
        }
        match self.0.len().saturating_sub(FAULTS_SHOWN) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// The most notes that an order keeps; the others are counted.
const NOTES_KEPT: usize = 50;

/// What was found while an answer was read: notes and flags for its record, and faults that refuse it.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    notes: Vec<String>,
    notes_left_out: usize,
    flags: Flags,
    faults: Vec<Unreadable>,
    strict: bool,
}

impl Remarks {
    /// For an operator's own request: a detail that cannot be read is a fault.
    pub(super) fn strict() -> Self {
        Self { strict: true, ..Self::default() }
    }

    /// The first fault that was found.
    pub(super) fn first_fault(self) -> Option<Unreadable> {
        self.faults.into_iter().next()
    }

    /// Adds a note: a plain sentence without personal data.
    pub(super) fn note(&mut self, sentence: impl Into<String>) {
        if self.notes.len() < NOTES_KEPT {
            self.notes.push(sentence.into());
        } else {
            self.notes_left_out += 1;
        }
    }

    /// Adds a note, and gives every ticket of the order the flag.
    pub(super) fn flag(&mut self, flag: Flag, sentence: impl Into<String>) {
        self.flags.insert(flag);
        self.note(sentence);
    }

    /// Adds a fault: the answer is refused.
    pub(super) fn fault(&mut self, fault: Unreadable) {
        self.faults.push(fault);
    }

    /// The notes and flags of an answer without faults.
    pub(super) fn finish(mut self) -> Result<(Vec<String>, Flags), Refusal> {
        if !self.faults.is_empty() {
            return Err(Refusal::Misfit(Faults(self.faults)));
        }
        if self.notes_left_out > 0 {
            self.notes.push(format!("{} more notes are not kept", self.notes_left_out));
        }
        Ok((self.notes, self.flags))
    }
}

/// How one field is read: [`Fields::text`], [`Fields::amount`] and the like.
pub(super) type Read<'a, T> = fn(&Fields<'a>, &str) -> Result<Option<T>, Unreadable>;

/// One object of the answer, read field by field; remarks name the field by its path.
#[derive(Debug)]
pub(super) struct Reader<'r, 'a> {
    fields: &'r Fields<'a>,
    path: String,
    remarks: &'r mut Remarks,
}

impl<'r, 'a> Reader<'r, 'a> {
    /// Reads `fields`, which are at `path`: `""` for the answer itself, `items[3].` for an item.
    pub(super) fn new(fields: &'r Fields<'a>, path: impl Into<String>, remarks: &'r mut Remarks) -> Self {
        Self { fields, path: path.into(), remarks }
    }

    /// The object itself.
    pub(super) fn fields(&self) -> &'r Fields<'a> {
        self.fields
    }

    /// A detail. If it cannot be read, it is ignored, flagged and noted; it holds no ticket back.
    pub(super) fn optional<T>(&mut self, name: &str, read: Read<'a, T>) -> Option<T> {
        read(self.fields, name).unwrap_or_else(|e| {
            self.left_out(name, &e.reason);
            None
        })
    }

    /// A field that decides what is issued, and may be absent. If it cannot be read, it is a fault.
    pub(super) fn decisive<T>(&mut self, name: &str, read: Read<'a, T>) -> Option<T> {
        read(self.fields, name).unwrap_or_else(|e| {
            self.fault(name, e.reason);
            None
        })
    }

    /// A field without which no ticket can be issued. If it is absent or unreadable, it is a fault and the result is
    /// `None`.
    pub(super) fn required<T>(&mut self, name: &str, read: Read<'a, T>) -> Option<T> {
        match read(self.fields, name) {
            Ok(Some(value)) => return Some(value),
            Ok(None) => self.fault(name, "is missing"),
            Err(e) => self.fault(name, e.reason),
        }
        None
    }

    /// Notes that a detail was ignored, and why. Never with the value: it can be personal data.
    pub(super) fn left_out(&mut self, name: &str, reason: &str) {
        if self.remarks.strict {
            return self.fault(name, reason);
        }
        let note = format!("{}{name} was left out: it {reason}", self.path);
        self.flag(Flag::DetailLeftOut, note);
    }

    /// Adds a note, and gives every ticket of the order the flag. See [`Remarks::flag`].
    pub(super) fn flag(&mut self, flag: Flag, sentence: impl Into<String>) {
        self.remarks.flag(flag, sentence);
    }

    /// Adds a note.
    pub(super) fn note(&mut self, sentence: impl Into<String>) {
        self.remarks.note(sentence);
    }

    /// The path of the object, as messages name it: `items[3]`.
    pub(super) fn path(&self) -> &str {
        self.path.trim_end_matches('.')
    }

    /// Adds a fault for this field: the answer is refused.
    pub(super) fn fault(&mut self, name: &str, reason: impl Into<String>) {
        self.remarks.fault(Unreadable::field(&format!("{}{name}", self.path), reason));
    }

    /// The number of faults so far, for [`Self::forgive`].
    pub(super) fn faults(&self) -> usize {
        self.remarks.faults.len()
    }

    /// Removes the faults found after the first `since`, because the line issues no ticket; each becomes a note.
    pub(super) fn forgive(&mut self, since: usize) {
        let since = since.min(self.remarks.faults.len());
        for Unreadable { field, reason } in self.remarks.faults.split_off(since) {
            let note = format!("{} was left out: it {reason}", field.unwrap_or_default());
            self.flag(Flag::DetailLeftOut, note);
        }
    }

    /// Reads a nested object, whose fields are at `path` from here.
    pub(super) fn nested<'n>(&'n mut self, fields: &'n Fields<'a>, path: &str) -> Reader<'n, 'a> {
        Reader { fields, path: format!("{}{path}.", self.path), remarks: &mut *self.remarks }
    }
}
