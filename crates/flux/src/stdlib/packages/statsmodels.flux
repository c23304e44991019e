// Linear regression of a column over the numbers of its rows, by least squares; `errors` are the squares.
package statsmodels

linearRegression = (tables=<-) => {
    numbered =
        tables
            |> map(fn: (r) => ({r with x: 1.0}))
            |> cumulativeSum(columns: ["x"])
            |> map(fn: (r) => ({r with y: r._value, xx: r.x * r.x, xy: r.x * r._value, errors: 0.0, y_hat: 0.0}))
    sums =
        numbered
            |> reduce(
                fn: (r, accumulator) =>
                    ({
                        N: accumulator.N + 1.0,
                        sx: accumulator.sx + r.x,
                        sy: accumulator.sy + r.y,
                        sxx: accumulator.sxx + r.xx,
                        sxy: accumulator.sxy + r.xy,
                    }),
                identity: {N: 0.0, sx: 0.0, sy: 0.0, sxx: 0.0, sxy: 0.0},
            )
            |> tableFind(fn: (key) => true)
            |> getRecord(idx: 0)
    slope = (sums.N * sums.sxy - sums.sx * sums.sy) / (sums.N * sums.sxx - sums.sx * sums.sx)
    intercept = (sums.sy - slope * sums.sx) / sums.N

    return
        numbered
            |> map(
                fn: (r) =>
                    ({r with
                        N: sums.N,
                        slope: slope,
                        sx: sums.sx,
                        sy: sums.sy,
                        sxx: sums.sxx,
                        sxy: sums.sxy,
                        y_hat: slope * r.x + intercept,
                        errors: (r.y - slope * r.x - intercept) ^ 2.0,
                    }),
            )
            |> drop(columns: ["_value", "xx", "xy"])
}
