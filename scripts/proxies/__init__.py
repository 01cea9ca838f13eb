"""A bench for reverse proxies: each is started with the configuration that deploy/ ships for it, in front of a real server,
and the same ten scenes are run through it. scripts/check_proxies.py is its command line."""
