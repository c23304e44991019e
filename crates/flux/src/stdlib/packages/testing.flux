// Assertions about values and errors; those about streams are in Rust.
package testing

import "array"
import "experimental"

option load = (tables=<-) => tables

diff = (got=<-, want, epsilon=0.000001, nansEqual=false, verbose=false) =>
    experimental.diff(got: got, want: want) |> yield(name: "errorOutput")

assertEqualValues = (got, want) =>
    diff(got: array.from(rows: [{v: got}]), want: array.from(rows: [{v: want}]))

shouldError = (fn, want) => {
    caught = experimental.catch(fn: fn)
    message = if exists caught.msg then caught.msg else die(msg: "shouldError expected an error")

    return array.from(rows: [{v: message}]) |> filter(fn: (r) => r.v !~ want) |> yield(name: "errorOutput")
}
