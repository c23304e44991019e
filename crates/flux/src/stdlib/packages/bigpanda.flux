// Alerts to BigPanda.
package bigpanda

import "http"
import "json"

option defaultUrl = "https://api.bigpanda.io/data/v2/alerts"
option defaultTokenPrefix = "Bearer"

statusFromLevel = (level) =>
    if level == "warn" then "warning" else if level == "info" or level == "ok" then "ok" else "critical"

sendAlert = (url, appKey, token, status, rec) =>
    http.post(
        url: url,
        headers: {"Authorization": defaultTokenPrefix + " " + token, "Content-Type": "application/json; charset=utf-8"},
        data: json.encode(v: {rec with app_key: appKey, status: status}),
    )

endpoint = (url=defaultUrl, token, appKey) =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)
                        status = sendAlert(url: url, appKey: appKey, token: token, status: o.status, rec: o)

                        return {r with _status: string(v: status), _sent: string(v: status / 100 == 2)}
                    },
                )
