//! Two vectors into one, row by row.

use crate::error::Error;
use crate::table::Vector;

/// Row by row, null where either is; tight loops where both are plain.
pub(super) fn zip<A, B, R>(
    a: &Vector<A>,
    b: &Vector<B>,
    function: impl Fn(&A, &B) -> R,
) -> Vector<R>
where
    A: Clone + Default,
    B: Clone + Default,
    R: Clone + Default,
{
    match (a.as_slice(), b.as_slice(), a, b) {
        (_, _, Vector::Constant { value: x, len }, Vector::Constant { value: y, .. }) => {
            let value = x.as_ref().zip(y.as_ref()).map(|(x, y)| function(x, y));
            Vector::constant(value, *len)
        }
        (Some(x), Some(y), ..) => {
            Vector::dense(x.iter().zip(y).map(|(x, y)| function(x, y)).collect())
        }
        (Some(x), _, _, Vector::Constant { value: Some(y), .. }) => {
            Vector::dense(x.iter().map(|x| function(x, y)).collect())
        }
        (_, Some(y), Vector::Constant { value: Some(x), .. }, _) => {
            Vector::dense(y.iter().map(|y| function(x, y)).collect())
        }
        _ => a
            .iter()
            .zip(b.iter())
            .map(|(x, y)| Some(function(x?, y?)))
            .collect(),
    }
}

pub(super) fn try_zip<A, R>(
    a: &Vector<A>,
    b: &Vector<A>,
    function: impl Fn(&A, &A) -> Result<R, Error>,
) -> Result<Vector<R>, Error>
where
    A: Clone + Default,
    R: Clone + Default,
{
    let failed = std::cell::RefCell::new(None);
    let result = zip(a, b, |a, b| {
        function(a, b).unwrap_or_else(|error| {
            failed.borrow_mut().get_or_insert(error);
            R::default()
        })
    });
    failed.into_inner().map_or(Ok(result), Err)
}
