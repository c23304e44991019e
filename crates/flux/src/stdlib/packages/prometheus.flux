// Metrics of Prometheus: its text format scraped, and quantiles of its histograms.
package prometheus

import "experimental"

_withQuantile = (tables=<-, quantile) =>
    tables
        |> set(key: "quantile", value: string(v: quantile))
        |> experimental.group(mode: "extend", columns: ["quantile"])

histogramQuantile = (tables=<-, quantile, metricVersion=2, onNonmonotonic="error") =>
    if metricVersion == 2 then
        tables
            |> group(mode: "except", columns: ["le", "_value"])
            |> map(fn: (r) => ({r with le: float(v: r.le)}))
            |> histogramQuantile(quantile: quantile, onNonmonotonic: onNonmonotonic)
            |> group(mode: "except", columns: ["le", "_value", "_time"])
            |> _withQuantile(quantile: quantile)
    else if metricVersion == 1 then
        tables
            |> filter(fn: (r) => r._field != "sum" and r._field != "count")
            |> map(fn: (r) => ({r with le: float(v: r._field)}))
            |> group(mode: "except", columns: ["_field", "le", "_value"])
            |> histogramQuantile(quantile: quantile, onNonmonotonic: onNonmonotonic)
            |> group(mode: "except", columns: ["_time", "_value", "le", "_field"])
            |> _withQuantile(quantile: quantile)
    else
        die(msg: "metricVersion must be 1 or 2")
