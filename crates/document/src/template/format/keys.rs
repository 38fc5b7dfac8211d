//! The keys that a template may have, and its limits.

/// The version of the format that this engine reads.
pub(crate) const FORMAT: u16 = 1;

/// Points in a millimetre.
pub(crate) const MM: f32 = 72.0 / 25.4;

/// The maximum number of elements of a template.
pub(crate) const MOST_ELEMENTS: usize = 400;
/// The maximum nesting depth of containers.
pub(crate) const DEEPEST: usize = 8;
/// The maximum length, in millimetres: the longest page that every viewer shows.
pub(crate) const LONGEST: f32 = 5000.0;
/// The maximum number of characters of a text.
pub(crate) const MOST_CHARACTERS: usize = 2000;

/// The keys of the template itself, and of each type of element; the schema has the same.
pub(crate) const TOP: &[&str] =
    &["format", "name", "page", "colors", "styles", "texts", "elements", "$schema"];
pub(crate) const PAGE: &[&str] = &["width", "height", "mirror", "trim", "background"];
pub(crate) const PLACE: &[&str] = &["type", "x", "y", "width", "height", "grow"];
pub(crate) const LOOK: &[&str] =
    &["size", "min_size", "lines", "line_height", "weight", "figures", "align", "color", "role", "same_size"];
pub(crate) const TYPES: &[(&str, &[&str])] = &[
    ("text", &["text", "separator", "style", "valign"]),
    ("line", &["thickness", "dash", "color"]),
    ("rect", &["fill", "border", "border_color"]),
    ("image", &["file", "optional", "align", "valign", "alt"]),
    ("qr", &["size", "level", "align", "valign"]),
    ("stack", &["children", "gap", "padding", "background", "divider", "divider_color", "valign"]),
    (
        "row",
        &[
            "children",
            "gap",
            "padding",
            "background",
            "divider",
            "divider_color",
            "valign",
            "columns",
            "min_width",
        ],
    ),
];
