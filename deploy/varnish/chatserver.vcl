# Varnish before one node, where it stands there already; it caches nothing of ChatServer, which says so itself (no-store).
#   varnishd -a 127.0.0.1:6081 -f /etc/varnish/chatserver.vcl -p pipe_timeout=120
#
# pipe_timeout is for how long a stream may be silent: more than HEARTBEAT, 15 s, after which the server pings a silent
# client. A stream takes a worker thread (-p thread_pool_max, 5000 for each of two pools).
# It speaks neither TLS nor HTTP/2 with TLS: put hitch, nginx or HAProxy before it, and let that one pass on X-Forwarded-For.
#
# For the node: TRUSTED_PROXIES with this machine's address and that of what terminates TLS, and NO_DEMO=1.
vcl 4.1;

backend chatserver {
    .host = "127.0.0.1";
    .port = "8080";
    .connect_timeout = 2s;
    .first_byte_timeout = 30s;
}

sub vcl_recv {
    # Under a path, too: take away the #/ here.
    #/ set req.url = regsub(req.url, "^/chat/", "/");
    if (req.http.Upgrade ~ "(?i)websocket") {
        return (pipe);
    }
    return (pass);
}

# What asks for the upgrade concerns one connection, and is not passed on unless one says so.
sub vcl_pipe {
    if (req.http.Upgrade) {
        set bereq.http.Upgrade = req.http.Upgrade;
        set bereq.http.Connection = req.http.Connection;
    }
}
