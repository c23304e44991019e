// Package experimental: what is a variant of a function that needs no import.
package experimental

count = (tables=<-) => tables |> count()
distinct = (tables=<-) => tables |> distinct()
first = (tables=<-) => tables |> first()
histogram = (tables=<-, bins, normalize=false) => tables |> histogram(bins: bins, normalize: normalize)
histogramQuantile = (tables=<-, quantile=0.5, minValue=0.0) =>
    tables |> histogramQuantile(quantile: quantile, minValue: minValue)
integral = (tables=<-, unit=1s, interpolate="") => tables |> integral(unit: unit, interpolate: interpolate)
kaufmansAMA = (tables=<-, n) => tables |> kaufmansAMA(n: n)
last = (tables=<-) => tables |> last()
max = (tables=<-) => tables |> max()
mean = (tables=<-) => tables |> mean()
min = (tables=<-) => tables |> min()
mode = (tables=<-) => tables |> mode()
quantile = (tables=<-, q, compression=0.0, method="estimate_tdigest") =>
    tables |> quantile(q: q, compression: compression, method: method)
skew = (tables=<-) => tables |> skew()
spread = (tables=<-) => tables |> spread()
stddev = (tables=<-, mode="sample") => tables |> stddev(mode: mode)
sum = (tables=<-) => tables |> sum()
unique = (tables=<-) => tables |> unique()
window = (tables=<-, every=0s, period=0s, offset=0s, location=location, createEmpty=false) =>
    tables |> window(every: every, period: period, offset: offset, location: location, createEmpty: createEmpty)
