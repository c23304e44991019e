// The older place of the package http/requests.
package requests

import http "http/requests"

do = http.do
get = http.get
post = http.post
peek = http.peek
