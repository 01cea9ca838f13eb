"""Tests of reverse proxies: each is started with the sample that deploy/ ships for it, in front of a real server, and
the same ten scenes are run through it. scripts/check_proxies.py is the command line."""
