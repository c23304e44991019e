// Messages to Webex.
package webexteams

import "http"
import "json"

message = (url="https://webexapis.com", token, roomId, text, markdown) =>
    http.post(
        url: url + "/v1/messages",
        headers: {"Content-Type": "application/json; charset=utf-8", "Authorization": "Bearer " + token},
        data: json.encode(v: {text: text, markdown: markdown, roomId: roomId}),
    )

endpoint = (url="https://webexapis.com", token) =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)
                        status = message(url: url, token: token, roomId: o.roomId, text: o.text, markdown: o.markdown)

                        return {r with _status: string(v: status), _sent: string(v: status / 100 == 2)}
                    },
                )
