// An endpoint for monitor.notify: one request a row.
package http

endpoint = (url) =>
    (mapFn) =>
        (tables=<-) =>
            tables
                |> map(
                    fn: (r) => {
                        message = mapFn(r: r)

                        return {r with _sent: string(v: 200 == post(url: url, headers: message.headers, data: message.data))}
                    },
                )
