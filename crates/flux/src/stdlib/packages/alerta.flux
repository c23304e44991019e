// Alerts to Alerta.
package alerta

import "http"
import "json"
import "strings"

// Alerta reads times to the millisecond.
_timestamp = (t) => strings.substring(v: string(v: t), start: 0, end: 23) + "Z"

alert = (
    url,
    apiKey,
    resource,
    event,
    environment="",
    severity,
    service=[],
    group="",
    value="",
    text="",
    tags=[],
    attributes,
    origin="InfluxDB",
    type="",
    timestamp=now(),
) =>
    http.post(
        url: url,
        headers: {"Authorization": "Key " + apiKey, "Content-Type": "application/json"},
        data: json.encode(
            v: {
                resource: resource,
                event: event,
                environment: environment,
                severity: severity,
                service: service,
                group: group,
                value: value,
                text: text,
                tags: tags,
                attributes: attributes,
                origin: origin,
                type: type,
                createTime: _timestamp(t: timestamp),
            },
        ),
    )

endpoint = (url, apiKey, environment="", origin="InfluxDB") =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)
                        status = alert(
                            url: url,
                            apiKey: apiKey,
                            resource: o.resource,
                            event: o.event,
                            environment: environment,
                            severity: o.severity,
                            service: o.service,
                            group: o.group,
                            value: o.value,
                            text: o.text,
                            tags: o.tags,
                            attributes: o.attributes,
                            origin: origin,
                            type: o.type,
                            timestamp: o.timestamp,
                        )

                        return {r with _status: string(v: status), _sent: string(v: status / 100 == 2)}
                    },
                )
