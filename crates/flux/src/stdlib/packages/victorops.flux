// Alerts to Splunk On-Call, once VictorOps (its REST endpoint).
package victorops

import "http"
import "json"

_second = uint(v: 1000000000)

alert = (
    url,
    messageType,
    entityID="",
    entityDisplayName="",
    stateMessage="",
    timestamp=now(),
    monitoringTool="InfluxDB",
) =>
    http.post(
        url: url,
        headers: {"Content-Type": "application/json"},
        data: json.encode(
            v: {
                message_type: messageType,
                entity_id: entityID,
                entity_display_name: entityDisplayName,
                state_message: stateMessage,
                state_start_time: uint(v: timestamp) / _second,
                monitoring_tool: monitoringTool,
            },
        ),
    )

endpoint = (url, monitoringTool="InfluxDB") =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)
                        status = alert(
                            url: url,
                            messageType: o.messageType,
                            entityID: o.entityID,
                            entityDisplayName: o.entityDisplayName,
                            stateMessage: o.stateMessage,
                            timestamp: o.timestamp,
                            monitoringTool: monitoringTool,
                        )

                        return {r with _status: string(v: status), _sent: string(v: status / 100 == 2)}
                    },
                )
