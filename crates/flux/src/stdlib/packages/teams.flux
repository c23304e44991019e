// Cards to Microsoft Teams, by a webhook.
package teams

import "http"
import "json"
import "strings"

option summaryCutoff = 70

_shortened = (text) =>
    if strings.strlen(v: text) > summaryCutoff then
        strings.substring(v: text, start: 0, end: summaryCutoff) + "..."
    else
        text

message = (url, title, text, summary="") =>
    http.post(
        url: url,
        headers: {"Content-Type": "application/json; charset=utf-8"},
        data: json.encode(
            v: {
                "@type": "MessageCard",
                "@context": "http://schema.org/extensions",
                title: title,
                text: text,
                summary: _shortened(text: if summary == "" then text else summary),
            },
        ),
    )

endpoint = (url) =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)
                        status = message(
                            url: url,
                            title: o.title,
                            text: o.text,
                            summary: if exists o.summary then o.summary else "",
                        )

                        return {r with _status: string(v: status), _sent: string(v: status / 100 == 2)}
                    },
                )
