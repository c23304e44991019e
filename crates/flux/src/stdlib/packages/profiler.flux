// Which measurements of a run are answered behind its results: "query", "operator".
package profiler

option enabledProfilers = [""]
