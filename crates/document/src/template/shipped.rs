//! The templates that ship in the binary.

use super::bundle::TemplateBundle;

/// A template that ships with the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shipped {
    /// A4 portrait with a fold at half its height.
    A4,
    /// One screen of a phone.
    Phone,
    /// A strip of 80 mm for thermal printers.
    Thermal,
}

impl Shipped {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::A4, Self::Phone, Self::Thermal];

    /// Its name in the settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A4 => "a4",
            Self::Phone => "phone",
            Self::Thermal => "thermal",
        }
    }

    /// The template of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shipped| shipped.name() == name)
    }

    /// The template itself, to draw with, brand or change.
    #[must_use]
    pub fn bundle(self) -> TemplateBundle {
        TemplateBundle::new(match self {
            Self::A4 => include_str!("../../templates/a4.json"),
            Self::Phone => include_str!("../../templates/phone.json"),
            Self::Thermal => include_str!("../../templates/thermal.json"),
        })
    }
}
