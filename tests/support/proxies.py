"""Proxy variables as Docker passes them to containers, with a proxy that does not run."""

NOWHERE = "http://127.0.0.1:9"
# empty, because the tests' own environment excludes every host
DEAD_PROXY = {
    **dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), NOWHERE),
    **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
}
