//! Package `dict`.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::native;
use crate::error::Error;
use crate::execute::Context;
use crate::interpret::NativeKind::Scalar;
use crate::interpret::{Arguments, Native, dict_key};
use crate::table::KeyValue;
use crate::value::Value;

/// The functions of this family.
pub(super) const FUNCTIONS: &[Native] = &[
    native("dict", "fromList", "pairs", Scalar, from_list),
    native("dict", "get", "dict, key, default", Scalar, |_, a| {
        let found = dict_of(a)?.get(&dict_key(a.expect("key")?)?).cloned();
        found.map_or_else(|| a.expect("default").cloned(), Ok)
    }),
    native("dict", "insert", "dict, key, value", Scalar, |_, a| {
        let mut dict = dict_of(a)?.as_ref().clone();
        dict.insert(dict_key(a.expect("key")?)?, a.expect("value")?.clone());
        Ok(Value::Dict(Rc::new(dict)))
    }),
    native("dict", "remove", "dict, key", Scalar, |_, a| {
        let mut dict = dict_of(a)?.as_ref().clone();
        dict.remove(&dict_key(a.expect("key")?)?);
        Ok(Value::Dict(Rc::new(dict)))
    }),
];

fn dict_of(arguments: &Arguments) -> Result<Rc<BTreeMap<KeyValue, Value>>, Error> {
    match arguments.expect("dict")? {
        Value::Dict(dict) => Ok(Rc::clone(dict)),
        other => Err(Error::invalid(format!(
            "dict must be a dictionary, found {}",
            other.type_name()
        ))),
    }
}

fn from_list(_: &Context<'_>, arguments: &Arguments) -> Result<Value, Error> {
    let mut dict = BTreeMap::new();
    for pair in arguments.array("pairs")?.iter() {
        let Value::Record(pair) = pair else {
            return Err(Error::invalid("pairs must be records {key, value}"));
        };
        let member = |name: &str| {
            pair.get(name)
                .cloned()
                .ok_or_else(|| Error::invalid(format!("a pair lacks {name}")))
        };
        dict.insert(dict_key(&member("key")?)?, member("value")?);
    }
    Ok(Value::Dict(Rc::new(dict)))
}
