// Events to Sensu Go (its core API, version 2).
package sensu

import "http"
import "json"
import "regexp"

toSensuName = (v) => regexp.replaceAllString(r: /[^a-zA-Z0-9_.\-]/, v: v, t: "_")

event = (
    url,
    apiKey,
    checkName,
    text,
    handlers=[],
    status=0,
    state="",
    namespace="default",
    entityName="influxdb",
) =>
    http.post(
        url: url + "/api/core/v2/namespaces/" + namespace + "/events",
        headers: {"Content-Type": "application/json; charset=utf-8", "Authorization": "Key " + apiKey},
        data: json.encode(
            v: {
                entity: {entity_class: "proxy", metadata: {name: toSensuName(v: entityName)}},
                check: {
                    output: text,
                    state: if state != "" then state else if status == 0 then "passing" else "failing",
                    status: status,
                    handlers: handlers,
                    interval: 60,
                    metadata: {name: toSensuName(v: checkName)},
                },
            },
        ),
    )

endpoint = (url, apiKey, handlers=[], namespace="default", entityName="influxdb") =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)
                        status = event(
                            url: url,
                            apiKey: apiKey,
                            checkName: o.checkName,
                            text: o.text,
                            handlers: handlers,
                            status: o.status,
                            namespace: namespace,
                            entityName: entityName,
                        )

                        return {r with _sent: string(v: status / 100 == 2)}
                    },
                )
