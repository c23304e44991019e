//! A column's values: one repeated value, or a slice of a shared array with its nulls.

use std::sync::Arc;

/// So many values of one type, some of them null. Clones and slices share their memory.
#[derive(Debug, Clone)]
pub enum Vector<T> {
    /// The same value in each row (a column of the group key, a tag), or null in each row.
    Constant {
        /// The value.
        value: Option<T>,
        /// How many rows.
        len: usize,
    },
    /// A value a row.
    Dense {
        /// The values; a null's place holds anything.
        values: Arc<Vec<T>>,
        /// Which values are there; `None` if all are.
        valid: Option<Arc<Vec<bool>>>,
        /// The first value of the slice.
        offset: usize,
        /// How many.
        len: usize,
    },
}

impl<T: Clone + Default> Vector<T> {
    /// The same value so many times.
    pub fn constant(value: Option<T>, len: usize) -> Self {
        Self::Constant { value, len }
    }

    /// A value a row, none null.
    pub fn dense(values: Vec<T>) -> Self {
        let len = values.len();
        Self::Dense {
            values: Arc::new(values),
            valid: None,
            offset: 0,
            len,
        }
    }

    /// A value a row, some null.
    pub fn nullable(values: Vec<Option<T>>) -> Self {
        values.into_iter().collect()
    }

    /// Values and which of them are there.
    pub fn with_validity(values: Vec<T>, valid: Vec<bool>) -> Self {
        let len = values.len();
        let valid = if valid.iter().all(|v| *v) {
            None
        } else {
            Some(Arc::new(valid))
        };
        Self::Dense {
            values: Arc::new(values),
            valid,
            offset: 0,
            len,
        }
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Constant { len, .. } | Self::Dense { len, .. } => *len,
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a row; `None` for null. Panics when there is no such row.
    pub fn get(&self, row: usize) -> Option<&T> {
        match self {
            Self::Constant { value, .. } => value.as_ref(),
            Self::Dense {
                values,
                valid,
                offset,
                ..
            } => {
                let at = offset + row;
                match valid {
                    Some(valid) if !valid[at] => None,
                    _ => Some(&values[at]),
                }
            }
        }
    }

    /// The plain slice, when there is a value a row and none is null.
    pub fn as_slice(&self) -> Option<&[T]> {
        match self {
            Self::Dense {
                values,
                valid: None,
                offset,
                len,
            } => Some(&values[*offset..offset + len]),
            _ => None,
        }
    }

    /// Whether some row is null.
    pub fn has_nulls(&self) -> bool {
        match self {
            Self::Constant { value, len } => value.is_none() && *len > 0,
            Self::Dense { valid: None, .. } => false,
            Self::Dense {
                valid: Some(valid),
                offset,
                len,
                ..
            } => valid[*offset..offset + len].iter().any(|v| !v),
        }
    }

    /// All values in order.
    pub fn iter(&self) -> impl Iterator<Item = Option<&T>> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The values that are not null, in order, each with its row.
    pub fn present(&self) -> impl Iterator<Item = (usize, &T)> + '_ {
        self.iter()
            .enumerate()
            .filter_map(|(row, value)| Some((row, value?)))
    }

    /// Rows `start..start + len`, sharing memory.
    #[must_use]
    pub fn slice(&self, start: usize, len: usize) -> Self {
        match self {
            Self::Constant { value, .. } => Self::Constant {
                value: value.clone(),
                len,
            },
            Self::Dense {
                values,
                valid,
                offset,
                ..
            } => Self::Dense {
                values: Arc::clone(values),
                valid: valid.clone(),
                offset: offset + start,
                len,
            },
        }
    }

    /// The rows of these numbers, in that order.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        match self {
            Self::Constant { value, .. } => Self::Constant {
                value: value.clone(),
                len: rows.len(),
            },
            Self::Dense {
                values,
                valid: None,
                offset,
                ..
            } => Self::dense(
                rows.iter()
                    .map(|row| values[offset + row].clone())
                    .collect(),
            ),
            Self::Dense {
                values,
                valid: Some(valid),
                offset,
                ..
            } => Self::with_validity(
                rows.iter()
                    .map(|row| values[offset + row].clone())
                    .collect(),
                rows.iter().map(|row| valid[offset + row]).collect(),
            ),
        }
    }

    /// One after another.
    pub fn concat(parts: &[&Self]) -> Self
    where
        T: PartialEq,
    {
        let total = parts.iter().map(|part| part.len()).sum();
        if let Some(value) = common_constant(parts) {
            return Self::Constant { value, len: total };
        }
        let mut values = Vec::with_capacity(total);
        let mut valid = Vec::new();
        for part in parts {
            if part.has_nulls() {
                valid.resize(values.len(), true);
                for value in part.iter() {
                    valid.push(value.is_some());
                    values.push(value.cloned().unwrap_or_default());
                }
                continue;
            }
            match part {
                Self::Constant { value, len } => {
                    values.extend(std::iter::repeat_n(value.clone().unwrap_or_default(), *len));
                }
                Self::Dense {
                    values: from,
                    offset,
                    len,
                    ..
                } => {
                    values.extend_from_slice(&from[*offset..offset + len]);
                }
            }
            if !valid.is_empty() {
                valid.resize(values.len(), true);
            }
        }
        valid.resize(values.len(), true);
        Self::with_validity(values, valid)
    }

    /// Each value through a function.
    pub fn map<U: Clone + Default>(&self, mut function: impl FnMut(&T) -> U) -> Vector<U> {
        match self {
            Self::Constant { value, len } => Vector::Constant {
                value: value.as_ref().map(function),
                len: *len,
            },
            Self::Dense {
                values,
                valid: None,
                offset,
                len,
            } => Vector::dense(values[*offset..offset + len].iter().map(function).collect()),
            Self::Dense { .. } => self.iter().map(|value| value.map(&mut function)).collect(),
        }
    }

    /// Bytes that the values hold themselves; texts are counted as their pointers.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Constant { .. } => size_of::<Self>(),
            Self::Dense { len, valid, .. } => len * (size_of::<T>() + usize::from(valid.is_some())),
        }
    }
}

/// `Some(value)` when all parts that have rows repeat the same value.
fn common_constant<T: Clone + PartialEq>(parts: &[&Vector<T>]) -> Option<Option<T>> {
    let mut common: Option<&Option<T>> = None;
    for part in parts {
        match part {
            Vector::Constant { len: 0, .. } | Vector::Dense { len: 0, .. } => {}
            Vector::Constant { value, .. } => match common {
                None => common = Some(value),
                Some(seen) if seen == value => {}
                Some(_) => return None,
            },
            Vector::Dense { .. } => return None,
        }
    }
    common.cloned()
}

impl<T: Clone + Default> FromIterator<Option<T>> for Vector<T> {
    fn from_iter<I: IntoIterator<Item = Option<T>>>(items: I) -> Self {
        let mut values = Vec::new();
        let mut valid = Vec::new();
        for item in items {
            valid.push(item.is_some());
            values.push(item.unwrap_or_default());
        }
        Self::with_validity(values, valid)
    }
}
