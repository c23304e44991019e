// When the running task last succeeded.
package tasks

option lastSuccessTime = 1970-01-01T00:00:00Z

lastSuccess = (orTime) => _lastSuccess(orTime: orTime, lastSuccessTime: lastSuccessTime)
