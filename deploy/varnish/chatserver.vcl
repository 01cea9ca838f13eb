# Varnish in front of one node, if you already use it; it caches nothing of ChatServer, which sends no-store.
#   varnishd -a 127.0.0.1:6081 -f /etc/varnish/chatserver.vcl -p pipe_timeout=120
#
# pipe_timeout is how long a stream may be silent: more than HEARTBEAT, 15 s, after which the server pings a silent
# client. A stream takes a worker thread (-p thread_pool_max, 5000 for each of two pools).
# It supports neither TLS nor HTTP/2 over TLS: put hitch, nginx or HAProxy in front of it, and let that one send X-Forwarded-For.
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

# Upgrade headers are hop-by-hop, and are not forwarded unless configured.
sub vcl_pipe {
    if (req.http.Upgrade) {
        set bereq.http.Upgrade = req.http.Upgrade;
        set bereq.http.Connection = req.http.Connection;
    }
}
