// Overall equipment effectiveness: availability times performance times quality.
package oee

import "contrib/tomhollingworth/events"
import "experimental"

computeAPQ = (productionEvents, partEvents, runningState, plannedTime, idealCycleTime) => {
    running =
        productionEvents
            |> events.duration(unit: 1ns, columnName: "runTime")
            |> filter(fn: (r) => r.state == runningState)
            |> sum(column: "runTime")
            |> duplicate(column: "_stop", as: "_time")
    made =
        partEvents
            |> difference(columns: ["partCount", "badCount"], nonNegative: true)
            |> reduce(
                fn: (r, accumulator) =>
                    ({parts: accumulator.parts + r.partCount, bad: accumulator.bad + r.badCount}),
                identity: {parts: 0, bad: 0},
            )
            |> duplicate(column: "_stop", as: "_time")

    return
        experimental.join(
            left: running,
            right: made,
            fn: (left, right) => {
                availability = float(v: left.runTime) / float(v: int(v: plannedTime))
                performance = float(v: right.parts) * float(v: int(v: idealCycleTime)) / float(v: left.runTime)
                quality = float(v: right.parts - right.bad) / float(v: right.parts)

                return {left with
                    availability: availability,
                    performance: performance,
                    quality: quality,
                    oee: availability * performance * quality,
                }
            },
        )
}

APQ = (tables=<-, runningState, plannedTime, idealCycleTime) =>
    computeAPQ(
        productionEvents: tables |> filter(fn: (r) => exists r.state),
        partEvents: tables |> filter(fn: (r) => exists r.partCount),
        runningState: runningState,
        plannedTime: plannedTime,
        idealCycleTime: idealCycleTime,
    )
