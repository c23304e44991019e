//! The language's evaluation: expressions and statements to values, and the streams that piping builds.

mod arguments;
mod call;
mod expression;
mod function;
mod lambda;
mod scope;
mod statement;

pub use arguments::Arguments;
pub use expression::dict_key;
pub use function::{
    BoundFunction, Closure, Function, Native, NativeKind, Parameter, parse_signature,
};
pub use lambda::{Lambda, Mask, columns_like, columns_of_records};
pub use scope::{Package, Scope};
