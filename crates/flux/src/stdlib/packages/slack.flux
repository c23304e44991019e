// Messages to Slack.
package slack

import "http"
import "json"

option defaultURL = "https://slack.com/api/chat.postMessage"

validateColorString = (color) =>
    if color == "good" or color == "warning" or color == "danger" or color =~ /^#[0-9a-fA-F]+$/ then
        color
    else
        die(msg: "color must be good, warning, danger or a hexadecimal number as in #36a64f")

message = (url=defaultURL, token="", channel, text, color) =>
    http.post(
        url: url,
        headers: {"Authorization": "Bearer " + token, "Content-Type": "application/json"},
        data: json.encode(
            v: {
                channel: channel,
                attachments: [{color: validateColorString(color: color), text: text, mrkdwn_in: ["text"]}],
                as_user: false,
            },
        ),
    )

endpoint = (url=defaultURL, token="") =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)

                        return {r with
                            _sent:
                                string(
                                    v:
                                        200 == message(url: url, token: token, channel: o.channel, text: o.text, color: o.color),
                                ),
                        }
                    },
                )
