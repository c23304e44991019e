// Alerts to Opsgenie (its Alert API, version 2).
package opsgenie

import "http"
import "json"
import "strings"

// The longest texts that the API takes.
_messageLimit = 130
_aliasLimit = 512
_descriptionLimit = 15000

_cut = (text, limit) =>
    if strings.strlen(v: text) > limit then strings.substring(v: text, start: 0, end: limit) else text

_text = (v) => string(v: json.encode(v: v))

sendAlert = (
    url="https://api.opsgenie.com/v2/alerts",
    apiKey,
    message,
    alias="",
    description="",
    responders=[],
    visibleTo=[],
    actions=[],
    tags=[],
    details="{}",
    entity="",
    priority="P3",
) =>
    http.post(
        url: url,
        headers: {"Content-Type": "application/json; charset=utf-8", "Authorization": "GenieKey " + apiKey},
        data:
            bytes(
                v:
                    "{\"message\":${_text(v: _cut(text: message, limit: _messageLimit))},\"alias\":${_text(
                            v: _cut(text: alias, limit: _aliasLimit),
                        )},\"description\":${_text(v: _cut(text: description, limit: _descriptionLimit))},\"responders\":${respondersToJSON(
                            v: responders,
                        )},\"visibleTo\":${respondersToJSON(v: visibleTo)},\"actions\":${_text(v: actions)},\"tags\":${_text(
                            v: tags,
                        )},\"details\":${details},\"entity\":${_text(v: entity)},\"priority\":${_text(v: priority)}}",
            ),
    )

endpoint = (url="https://api.opsgenie.com/v2/alerts", apiKey, entity="") =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)
                        status = sendAlert(
                            url: url,
                            apiKey: apiKey,
                            entity: entity,
                            message: o.message,
                            alias: o.alias,
                            description: o.description,
                            responders: o.responders,
                            visibleTo: o.visibleTo,
                            actions: o.actions,
                            tags: o.tags,
                            details: o.details,
                            priority: o.priority,
                        )

                        return {r with _status: string(v: status), _sent: string(v: status / 100 == 2)}
                    },
                )
