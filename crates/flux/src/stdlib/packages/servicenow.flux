// Events to ServiceNow (its Event Management).
package servicenow

import "dict"
import "experimental/record"
import "http"
import "json"

_severities = [
    "critical": "1",
    "major": "2",
    "minor": "3",
    "warning": "4",
    "info": "5",
    "clear": "0",
]

event = (
    url,
    username,
    password,
    source="Flux",
    node="",
    metricType="",
    resource="",
    metricName="",
    messageKey="",
    description,
    severity,
    additionalInfo=record.any,
) =>
    http.post(
        url: url,
        headers: {"Authorization": http.basicAuth(u: username, p: password), "Content-Type": "application/json"},
        data: json.encode(
            v: {
                records: [
                    {
                        source: source,
                        node: node,
                        type: metricType,
                        resource: resource,
                        metric_name: metricName,
                        message_key: messageKey,
                        description: description,
                        severity: dict.get(dict: _severities, key: severity, default: ""),
                        additional_info:
                            if additionalInfo == record.any then "" else string(v: json.encode(v: additionalInfo)),
                    },
                ],
            },
        ),
    )

endpoint = (url, username, password, source="Flux") =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)
                        status = event(
                            url: url,
                            username: username,
                            password: password,
                            source: source,
                            node: o.node,
                            metricType: o.metricType,
                            resource: o.resource,
                            metricName: o.metricName,
                            messageKey: o.messageKey,
                            description: o.description,
                            severity: o.severity,
                            additionalInfo: record.get(r: o, key: "additionalInfo", default: record.any),
                        )

                        return {r with _status: string(v: status), _sent: string(v: status / 100 == 2)}
                    },
                )
