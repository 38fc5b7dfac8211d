//! Enums whose values are words in the record, in JSON, in settings and in metrics.

/// A stored word that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {word:?}")]
pub struct UnknownWord {
    /// What kind of word was looked for.
    pub what: &'static str,
    /// What was found.
    pub word: String,
}

/// Declares an enum without data and the word of each value, once: `ALL`, `as_str`, `Display`, `FromStr` and
/// `Serialize` are generated from it. The text after the enum's name is the kind of word in [`UnknownWord`].
///
/// ```
/// fulfillment_domain::words! {
///     /// How a seat is reached.
///     pub enum Access: "access to a seat" {
///         /// Without steps.
///         StepFree = "step_free",
///         /// By stairs.
///         Stairs = "stairs",
///     }
/// }
/// assert_eq!("stairs".parse(), Ok(Access::Stairs));
/// assert_eq!("lift".parse::<Access>().unwrap_err().to_string(), r#"unknown access to a seat "lift""#);
/// ```
#[macro_export]
macro_rules! words {
    (
        $(#[$about:meta])*
        pub enum $name:ident: $what:literal {
            $($(#[$doc:meta])* $value:ident = $word:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$doc])* $value,)+
        }

        impl $name {
            /// All values, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$value),+];

            /// The word of this value.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$value),)+
                    _ => Err($crate::words::UnknownWord { what: $what, word: text.to_owned() }),
                }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use crate::{EventKind, EventStatus, Flag, OrderState, Spelling, Subject, TicketStatus};

    #[test]
    fn words_are_read_as_they_are_written() {
        macro_rules! check {
            ($($name:ty),*) => {
                $(for value in <$name>::ALL {
                    assert_eq!(value.as_str().parse(), Ok(*value));
                    assert_eq!(value.to_string(), value.as_str());
                    assert_eq!(serde_json::to_value(value).unwrap(), value.as_str());
                })*
            };
        }
        check!(EventKind, EventStatus, Flag, OrderState, Spelling, Subject, TicketStatus);
        assert_eq!(
            "generated".parse::<TicketStatus>().unwrap_err().to_string(),
            "unknown ticket status \"generated\""
        );
    }
}
