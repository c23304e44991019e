// TSBS: the newest point of every metric of every host.
from(bucket: {bucket})
    |> range(start: {start}, stop: {stop})
    |> filter(fn: (r) => r._measurement == "system_metrics")
    |> last()
