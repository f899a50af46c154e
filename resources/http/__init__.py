"""How vendors are asked: the one HTTP stack under every client.

    breaker   state shared by all processes; 5 failed calls open it, one probe at a time closes it
    retry     the only retry layer: 3 requests for one call at most
    budget    requests reserved per key and window, shared by all processes, before each request
    meter     outcome and latency of each request
    read      the vendor's own reading of a body: HTTP 200 is not success
    record    the raw response, stored without keys before it is read
    wire      httpx

Each layer is a transport with one method, `send`, wrapped around the next. What a vendor's URLs and
bodies look like belongs to `resources/vendors`; which vendor is asked first, to `resources/fallback`.
"""
