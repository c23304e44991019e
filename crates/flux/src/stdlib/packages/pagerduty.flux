// Events to PagerDuty (its Events API, version 2).
package pagerduty

import "http"
import "json"
import "strings"

option defaultURL = "https://events.pagerduty.com/v2/enqueue"

actionFromLevel = (level) => if strings.toLower(v: level) == "ok" then "resolve" else "trigger"
actionFromSeverity = (severity) => actionFromLevel(level: severity)

severityFromLevel = (level) => {
    lower = strings.toLower(v: level)

    return
        if lower == "crit" then
            "critical"
        else if lower == "warn" then
            "warning"
        else if lower == "info" or lower == "ok" then
            "info"
        else
            "error"
}

sendEvent = (
    pagerdutyURL=defaultURL,
    routingKey,
    client,
    clientURL,
    dedupKey,
    class,
    group,
    severity,
    eventAction,
    source,
    component="",
    summary,
    timestamp,
    customDetails={},
) =>
    http.post(
        url: pagerdutyURL,
        headers: {"Accept": "application/vnd.pagerduty+json;version=2", "Content-Type": "application/json"},
        data: json.encode(
            v: {
                payload: {
                    summary: summary,
                    timestamp: timestamp,
                    source: source,
                    component: component,
                    severity: severity,
                    group: group,
                    class: class,
                    custom_details: customDetails,
                },
                routing_key: routingKey,
                dedup_key: dedupKey,
                event_action: eventAction,
                client: client,
                client_url: clientURL,
            },
        ),
    )

dedupKey = (tables=<-, exclude=["_start", "_stop", "_level"]) => tables |> _dedupKey(exclude: exclude)

endpoint = (url=defaultURL) =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> dedupKey()
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)

                        return {r with
                            _sent:
                                string(
                                    v:
                                        202 == sendEvent(
                                            pagerdutyURL: url,
                                            routingKey: o.routingKey,
                                            client: o.client,
                                            clientURL: o.clientURL,
                                            dedupKey: r._pagerdutyDedupKey,
                                            class: o.class,
                                            group: o.group,
                                            severity: o.severity,
                                            eventAction: o.eventAction,
                                            source: o.source,
                                            component: o.component,
                                            summary: o.summary,
                                            timestamp: o.timestamp,
                                            customDetails: o.customDetails,
                                        ),
                                ),
                        }
                    },
                )
