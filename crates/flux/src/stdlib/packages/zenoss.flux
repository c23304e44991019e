// Events to Zenoss (its JSON API's events router).
package zenoss

import "http"
import "json"

event = (
    url,
    username="",
    password="",
    apiKey="",
    action="EventsRouter",
    method="add_event",
    type="rpc",
    tid=1,
    summary="",
    device="",
    component="",
    severity,
    eventClass="",
    eventClassKey="",
    collector="",
    message="",
) =>
    http.post(
        url: url,
        headers:
            if apiKey == "" then
                {"Authorization": http.basicAuth(u: username, p: password), "Content-Type": "application/json"}
            else
                {"z-api-key": apiKey, "Content-Type": "application/json"},
        data: json.encode(
            v: {
                action: action,
                method: method,
                data: [
                    {
                        summary: summary,
                        device: device,
                        component: component,
                        severity: severity,
                        evclass: eventClass,
                        evclasskey: eventClassKey,
                        collector: collector,
                        message: message,
                    },
                ],
                type: type,
                tid: tid,
            },
        ),
    )

endpoint = (
    url,
    username="",
    password="",
    apiKey="",
    action="EventsRouter",
    method="add_event",
    type="rpc",
    tid=1,
) =>
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
                            apiKey: apiKey,
                            action: action,
                            method: method,
                            type: type,
                            tid: tid,
                            summary: o.summary,
                            device: o.device,
                            component: o.component,
                            severity: o.severity,
                            eventClass: o.eventClass,
                            eventClassKey: o.eventClassKey,
                            collector: o.collector,
                            message: o.message,
                        )

                        return {r with _status: string(v: status), _sent: string(v: status / 100 == 2)}
                    },
                )
