// The days, weeks and months around now, each as its start and its stop.
package boundaries

import "date"

_day = (start) => ({start: start, stop: date.add(d: 1d, to: start)})

_today = () => date.truncate(t: now(), unit: 1d)

_before = (days) => date.sub(d: date.scale(d: 1d, n: days), from: _today())

yesterday = () => _day(start: _before(days: 1))

// The last such day before today.
_last = (day) => _day(start: _before(days: (date.weekDay(t: now()) - day + 6) % 7 + 1))

monday = () => _last(day: date.Monday)
tuesday = () => _last(day: date.Tuesday)
wednesday = () => _last(day: date.Wednesday)
thursday = () => _last(day: date.Thursday)
friday = () => _last(day: date.Friday)
saturday = () => _last(day: date.Saturday)
sunday = () => _last(day: date.Sunday)

week = (start_sunday=false, week_offset=0) => {
    first = if start_sunday then 0 else 6
    start = date.add(d: date.scale(d: 1w, n: week_offset), to: _before(days: (date.weekDay(t: now()) + first) % 7))

    return {start: start, stop: date.add(d: 1w, to: start)}
}

month = (month_offset=0) => {
    start = date.add(d: date.scale(d: 1mo, n: month_offset), to: date.truncate(t: now(), unit: 1mo))

    return {start: start, stop: date.add(d: 1mo, to: start)}
}
