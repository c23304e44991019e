//! Families of types, the constraints on type variables: `A: Addable`.

use super::monotype::Basic;

macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        /// A family of types.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($kind),* }

        impl Kind {
            /// Every kind, in the order in which broken constraints are reported.
            const ALL: &[Kind] = &[$(Kind::$kind),*];

            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => stringify!($kind)),* }
            }
        }
    };
}

kinds!(
    Addable,
    Subtractable,
    Divisible,
    Numeric,
    Comparable,
    Equatable,
    Nullable,
    Negatable,
    Timeable,
    Record,
    Basic,
    Stringable,
);

impl Kind {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether a basic type belongs to the family.
    pub(super) fn holds(self, basic: Basic) -> bool {
        use Basic as B;
        match self {
            Self::Addable => matches!(basic, B::Int | B::Uint | B::Float | B::String),
            Self::Subtractable | Self::Divisible | Self::Numeric => {
                matches!(basic, B::Int | B::Uint | B::Float)
            }
            Self::Comparable => !matches!(basic, B::Bool | B::Regexp | B::Bytes),
            Self::Equatable => basic != B::Regexp,
            Self::Nullable | Self::Stringable => !matches!(basic, B::Regexp | B::Bytes),
            Self::Negatable => matches!(basic, B::Int | B::Uint | B::Float | B::Duration),
            Self::Timeable => matches!(basic, B::Time | B::Duration),
            Self::Basic => true,
            Self::Record => false,
        }
    }
}

/// The constraints on one type variable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KindSet(u16);

impl KindSet {
    pub(super) fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u16;
    }

    pub(super) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Kind> {
        Kind::ALL
            .iter()
            .copied()
            .filter(move |kind| self.0 & (1 << *kind as u16) != 0)
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}
