// Messages to Telegram, by a bot.
package telegram

import "http"
import "json"

option defaultURL = "https://api.telegram.org/bot"
option defaultParseMode = "MarkdownV2"
option defaultDisableWebPagePreview = false
option defaultSilent = true

message = (
    token,
    channel,
    text,
    url=defaultURL,
    parseMode=defaultParseMode,
    disableWebPagePreview=defaultDisableWebPagePreview,
    silent=defaultSilent,
) =>
    http.post(
        url: url + token + "/sendMessage",
        headers: {"Content-Type": "application/json; charset=utf-8"},
        data: json.encode(
            v: {
                chat_id: channel,
                text: text,
                parse_mode: parseMode,
                disable_web_page_preview: disableWebPagePreview,
                disable_notification: silent,
            },
        ),
    )

endpoint = (
    token,
    url=defaultURL,
    parseMode=defaultParseMode,
    disableWebPagePreview=defaultDisableWebPagePreview,
) =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        o = mapFn(r: r)
                        status = message(
                            url: url,
                            token: token,
                            channel: o.channel,
                            text: o.text,
                            parseMode: parseMode,
                            disableWebPagePreview: disableWebPagePreview,
                            silent: o.silent,
                        )

                        return {r with _status: string(v: status), _sent: string(v: status / 100 == 2)}
                    },
                )
